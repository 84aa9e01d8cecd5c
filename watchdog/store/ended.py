"""Jobs that ended lately, with their steps."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from watchdog.model.scheduler import JOBS, STEPS
from watchdog.store.database import Store


def ended_since(store: Store, since: datetime, until: datetime) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Jobs that ended in [since, until) (JOBS) and the steps of these (STEPS); may raise StoreError."""
    where = "ended_at >= ? AND ended_at < ?"
    names = ", ".join(f'"{name}"' for name in JOBS.columns)
    with store.read() as (cursor, _):
        jobs = cursor.execute(f"SELECT {names} FROM jobs WHERE {where} ORDER BY ended_at", [since, until]).df()
        steps = cursor.execute(
            f"SELECT s.* FROM job_steps AS s SEMI JOIN (SELECT job_id, started_at FROM jobs WHERE {where}) AS j "
            "ON s.job_id = j.job_id AND (s.started_at IS NULL OR s.started_at >= j.started_at) ORDER BY ALL",
            [since, until],
        ).df()
    return JOBS.conform(jobs), STEPS.conform(steps)
