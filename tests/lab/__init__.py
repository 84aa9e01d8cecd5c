"""A real Slurm for tests: munge, slurmctld, several slurmd, slurmdbd with MariaDB and slurmrestd on this machine."""
