"""Tests of the GPU exporter."""
