"""The pytest fixture `slurm_lab`: one lab for the whole run."""

from __future__ import annotations

import pytest

from tests.lab.cluster import LabOptions, missing_programs, running_lab


@pytest.fixture(scope="session")
def slurm_lab():
    """A running `SlurmLab` of 4 nodes with 4 GPUs each; skips where Slurm is not installed."""
    if missing := missing_programs(LabOptions()):
        pytest.skip(f"Slurm is not installed here: {', '.join(missing)} missing (see tests/lab/README.md)")
    with running_lab() as lab:
        yield lab
