"""Slurm as it was seen last."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd

from watchdog.model.scheduler import JOB_GPUS, JOBS, NODES, PARTITIONS


@dataclass(frozen=True)
class SlurmView:
    """One snapshot as frames (JOBS, JOB_GPUS, NODES, PARTITIONS); `taken_at` is None before the first.

    Attributes:
        problems: in words, what could not be read; empty = whole.
    """

    jobs: pd.DataFrame = field(default_factory=JOBS.empty)
    job_gpus: pd.DataFrame = field(default_factory=JOB_GPUS.empty)
    nodes: pd.DataFrame = field(default_factory=NODES.empty)
    partitions: pd.DataFrame = field(default_factory=PARTITIONS.empty)
    taken_at: datetime | None = None
    problems: tuple[str, ...] = ()
