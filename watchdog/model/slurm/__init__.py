"""Slurm's vocabulary: records, states, and the parsing of what its tools print. Pure Python, no pandas."""
