"""Answers without a model: rules that read through the same tools."""
