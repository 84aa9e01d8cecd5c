"""Small frames of jobs, GPUs held and nodes for tests: name what matters, the rest is usual."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

from tests.conftest import NOON
from watchdog.model.frames import GPUS, Frame
from watchdog.model.job_history import JOB_HISTORY
from watchdog.model.scheduler import JOB_GPUS, JOBS, NODES, PARTITIONS, STEPS

HOUR = timedelta(hours=1)
_JOB = {"user": "ada", "account": "lab", "partition": "gpu", "qos": "normal", "name": "train", "state": "RUNNING"}


def frame(contract: Frame, rows) -> pd.DataFrame:
    """Rows (dicts) as a frame of the contract; what a row leaves out is null, or '' for texts."""
    if not rows:
        return contract.empty()
    table = {name: _column(column, [row.get(name) for row in rows]) for name, column in contract.columns.items()}
    return contract.conform(pd.DataFrame(table))


def _column(column, values):
    if column.dtype.startswith("datetime"):
        return pd.Series(pd.to_datetime(values, utc=True)).astype(column.dtype)
    if column.dtype == "string":
        values = ["" if value is None else value for value in values]
    return pd.Series(values, dtype=column.dtype)


def _job(row):
    raw = str(row["job_id"]).partition("_")[0]
    return {**_JOB, "raw_id": int(raw), "submitted_at": NOON - 2 * HOUR, **row}


def jobs(*rows):
    return frame(JOBS, [_job(row) for row in rows])


def history(*rows):
    seen = {"first_seen_at": NOON - 2 * HOUR, "last_seen_at": NOON}
    return frame(JOB_HISTORY, [{**seen, **_job(row)} for row in rows])


def held(job_id, *places, submitted_at=NOON - 2 * HOUR):
    return frame(
        JOB_GPUS, [{"job_id": job_id, "submitted_at": submitted_at, "node": n, "gpu_index": i} for n, i in places]
    )


def nodes(*rows):
    usual = {"state": "IDLE", "partitions": "gpu", "gpus": 8, "gpus_allocated": 0, "gpu_type": "h100"}
    usual |= {"takes_work": True, "cpus": 64, "cpus_allocated": 0, "memory_bytes": 512 * 2.0**30}
    usual |= {"memory_allocated_bytes": 0.0}
    return frame(NODES, [{**usual, **row} for row in rows])


def partitions(*rows):
    return frame(PARTITIONS, [{"state": "UP", "is_default": False, **row} for row in rows])


def steps(*rows):
    return frame(STEPS, list(rows))


def inventory(*rows):
    seen = {"gpu_model": "NVIDIA H100", "first_seen_at": NOON - 100 * HOUR, "last_seen_at": NOON}
    return frame(GPUS, [{**seen, **row} for row in rows])
