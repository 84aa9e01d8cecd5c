"""Config, errors, clock and log: imports nothing of ours."""
