"""Small fleets for tests of health checks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from watchdog.analysis.health.facts import (
    CELL_METRICS,
    DERIVED,
    HOLDER_DTYPES,
    IDENTITY_DTYPES,
    RESET_DTYPES,
    TRACE_METRICS,
    TRACE_MINUTES,
    XID_DTYPES,
    Facts,
    Slurm,
)
from watchdog.analysis.health.trace import MINUTE_US, Trace
from watchdog.model.arrays import micros

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def facts(gpus: int = 5, *, trace: dict[str, object] | None = None, at: datetime = AT, **columns: object) -> Facts:
    """A fleet of one node `gpu01` unless `node` is given; every column a value or a list of values.

    `trace` gives each metric as an array of shape (gpus, minutes), or a value for each GPU, held for an hour.
    A metric in neither `columns` nor `trace` is not exported.
    """
    trace = trace or {}
    values: dict[str, object] = {
        "node": "gpu01",
        "gpu_uuid": [f"GPU-{i}" for i in range(gpus)],
        "gpu_index": list(range(gpus)),
        "gpu_model": "NVIDIA H100",
        "sampled_at": pd.Timestamp(at),
        "first_seen_at": pd.Timestamp("2026-02-01", tz="UTC"),
        "last_seen_at": pd.Timestamp(at),
        **dict.fromkeys((*CELL_METRICS, *DERIVED), np.nan),
        **dict.fromkeys(("job_id", "job_user", "job_account", "job_partition"), ""),
        "job_gpus": None,
        "job_started_at": None,
        **columns,
    }
    dtypes = IDENTITY_DTYPES | dict.fromkeys((*CELL_METRICS, *DERIVED), "float64") | HOLDER_DTYPES
    cells = pd.DataFrame({name: pd.Series(values[name], index=range(gpus)).astype(dtypes[name]) for name in dtypes})
    minutes = micros(at) // MINUTE_US * MINUTE_US - MINUTE_US * np.arange(TRACE_MINUTES)[::-1]
    return Facts(
        at=at,
        cells=cells,
        trace=Trace(gpus, minutes, {name: _matrix(value, gpus) for name, value in trace.items()}),
        not_exported=frozenset((*CELL_METRICS, *TRACE_METRICS)) - set(columns) - set(trace),
        watching_since=pd.Timestamp("2026-02-01", tz="UTC").to_pydatetime(),
    )


def _matrix(value: object, gpus: int) -> np.ndarray:
    array = np.asarray(value, dtype=np.float32)
    if array.ndim < 2:
        return np.repeat(np.broadcast_to(array, gpus)[:, None], TRACE_MINUTES, axis=1).astype(np.float32)
    missing = np.full((gpus, TRACE_MINUTES - array.shape[1]), np.nan, dtype=np.float32)
    return np.hstack([missing, array])


def with_xids(base: Facts, *events: tuple[str, int, datetime]) -> Facts:
    """The same fleet with XIDs (gpu_uuid, code, when)."""
    places = base.cells.set_index("gpu_uuid")
    rows = [
        {
            "at": at,
            "node": places.loc[gpu, "node"],
            "gpu_uuid": gpu,
            "gpu_index": places.loc[gpu, "gpu_index"],
            "xid": xid,
        }
        for gpu, xid, at in events
    ]
    return replace(base, xids=pd.DataFrame(rows, columns=list(XID_DTYPES)).astype(XID_DTYPES))


def with_resets(base: Facts, *events: tuple[str, datetime]) -> Facts:
    """The same fleet with GPU resets (gpu_uuid, when)."""
    places = base.cells.set_index("gpu_uuid")["node"]
    rows = [{"at": at, "node": places[gpu], "gpu_uuid": gpu} for gpu, at in events]
    return replace(base, resets=pd.DataFrame(rows, columns=list(RESET_DTYPES)).astype(RESET_DTYPES))


def with_slurm(base: Facts, *, taken_at: datetime | None = None, **frames: object) -> Facts:
    """The same fleet with Slurm, seen now unless `taken_at` is given; a frame that is not given is empty."""
    return replace(base, slurm=Slurm(taken_at or base.at, **frames))


def held_by(job_id: str, **columns: object) -> dict[str, object]:
    """Columns of GPUs that a job of ada's holds since two hours ago."""
    start = pd.Timestamp(AT) - pd.Timedelta(hours=2)
    return {"job_id": job_id, "job_user": "ada", "job_started_at": start, **columns}


def lately(gpus: int, usual: object, now: object, minutes: int) -> np.ndarray:
    """An hour at a usual level, another one in the last so many minutes; a level each, or one for all GPUs."""
    levels = [np.broadcast_to(np.asarray(level, dtype=np.float32), gpus)[:, None] for level in (usual, now)]
    return np.hstack([np.repeat(levels[0], TRACE_MINUTES - minutes, axis=1), np.repeat(levels[1], minutes, axis=1)])
