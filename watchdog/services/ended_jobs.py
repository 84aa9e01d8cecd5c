"""Which jobs ended in a window?"""

from __future__ import annotations

import pandas as pd

from watchdog.analysis.queue import explained
from watchdog.model.slurm.records import ENDED
from watchdog.model.telemetry import Window
from watchdog.services.jobs import Known
from watchdog.store.jobs import JobStore

_ENDED = [state.value for state in ENDED]


def ended_jobs(known: Known, window: Window) -> pd.DataFrame:
    """Jobs that ended in the window, newest end first, with the columns of `analysis.queue.explained`.

    A job that vanished counts as ended where it was last seen. Where there is no store, only what Slurm still remembers.
    """
    stored = known.history.attempt(lambda store: JobStore(store).jobs(window))
    jobs = known.view.jobs if stored is None else stored
    end = jobs["ended_at"]
    if "last_seen_at" in jobs:
        end = end.fillna(jobs["last_seen_at"])
    inside = jobs["state"].isin(_ENDED) & (end >= pd.Timestamp(window.since)) & (end < pd.Timestamp(window.until))
    rows = jobs.assign(ended_at=end)[inside.to_numpy(dtype=bool)]
    return explained(rows.reset_index(drop=True), window.until)
