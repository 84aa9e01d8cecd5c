"""Servers that many integration tests share."""

from tests.lab.fixture import slurm_lab

__all__ = ["slurm_lab"]
