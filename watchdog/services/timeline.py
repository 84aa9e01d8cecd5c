"""Which job ran where when?"""

from __future__ import annotations

import pandas as pd

from watchdog.analysis.occupancy import Occupancy, occupancy
from watchdog.model.telemetry import Window
from watchdog.services.jobs import Known
from watchdog.store.jobs import JobStore


def held_in(known: Known, window: Window) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Jobs of the window and the GPUs they held (JOB_HISTORY, JOB_GPUS); the snapshot's (JOBS) where there is no store."""
    stored = known.history.attempt(lambda store: (JobStore(store).jobs(window), JobStore(store).gpus(window)))
    return stored or (known.view.jobs, known.view.job_gpus)


def timeline(known: Known, nodes: pd.DataFrame, window: Window, *, most: int = 2_000) -> Occupancy:
    """Bars of the window over these nodes: node, gpus, in the order of the rows."""
    jobs, gpus = held_in(known, window)
    return occupancy(jobs, gpus, nodes, window, most)
