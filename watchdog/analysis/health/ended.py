"""Jobs that ended lately, as text columns."""

from __future__ import annotations

import numpy as np
import pandas as pd

from watchdog.analysis.health.check import Bools
from watchdog.analysis.health.facts import Slurm
from watchdog.analysis.health.sight import texts


def with_state(slurm: Slurm, *states: str) -> pd.DataFrame:
    """JOBS that ended so within the last hour, each once: accounting is behind the queue."""
    frames = [slurm.ended, slurm.jobs]
    parts = [part[np.isin(texts(part, "state"), states) & _over(part)] for part in frames]
    rows = pd.concat(parts) if all(len(part) for part in parts) else parts[0] if len(parts[0]) else parts[1]
    return rows.drop_duplicates(["job_id", "submitted_at"])


def _over(part: pd.DataFrame) -> Bools:
    return part["ended_at"].notna().to_numpy(dtype=bool)
