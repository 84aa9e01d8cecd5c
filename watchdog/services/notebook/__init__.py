"""Notebooks: editing, what a cell reads, running, and taking one away as a file."""
