"""Readers of what Slurm was recorded to say: each goes through a file as our own code would, and checks it whole."""
