"""The Slurm exporter: the queue, the nodes and the scheduler as Prometheus series, from Slurm's own commands."""
