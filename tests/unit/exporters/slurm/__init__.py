"""Tests of the Slurm exporter."""
