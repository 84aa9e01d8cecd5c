"""Records of Slurm as frames: what the app works on, built a column at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from watchdog.model.frames import UTC_DTYPE, Frame
from watchdog.model.scheduler import JOB_GPUS, JOBS, NODES, PARTITIONS, STEPS
from watchdog.model.slurm import hostlist
from watchdog.model.slurm.records import Job, Node, Partition, Step

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)
_NOT_A_TIME = np.iinfo(np.int64).min


def jobs_frame(jobs: Iterable[Job]) -> pd.DataFrame:
    """One row a job, in `scheduler.JOBS`; of one that appears twice the last counts."""
    rows = list({(job.job_id, job.submitted_at): job for job in jobs}.values())
    short = {names: hostlist.compress(names) for names in {job.nodes for job in rows}}
    return _frame(JOBS, rows, nodes=[short[job.nodes] for job in rows])


def job_gpus_frame(jobs: Iterable[Job]) -> pd.DataFrame:
    """One row a GPU that a job holds, in `scheduler.JOB_GPUS`.

    Where Slurm does not say which GPUs of a node, there is one row without an index for the job and node; `gpus` in
    `scheduler.JOBS` has how many.
    """
    found: dict[tuple[Any, ...], None] = {}
    for job in jobs:
        for hold in job.holds:
            places: Sequence[int | None] = hold.indexes or (None,)
            found.update(dict.fromkeys((job.job_id, job.submitted_at, hold.node, place) for place in places))
    columns = list(zip(*found, strict=True)) or [(), (), (), ()]
    return _built(JOB_GPUS, dict(zip(JOB_GPUS.columns, columns, strict=True)))


def nodes_frame(nodes: Iterable[Node]) -> pd.DataFrame:
    """One row a node, in `scheduler.NODES`; of one that appears twice the last counts."""
    rows = list({node.node: node for node in nodes}.values())
    return _frame(
        NODES,
        rows,
        flags=[",".join(sorted(node.flags)) for node in rows],
        partitions=[",".join(node.partitions) for node in rows],
        gpu_type=["+".join(kind for kind, _ in node.gpu_types) for node in rows],
    )


def partitions_frame(partitions: Iterable[Partition]) -> pd.DataFrame:
    """One row a partition, in `scheduler.PARTITIONS`."""
    rows = list({part.partition: part for part in partitions}.values())
    return _frame(PARTITIONS, rows, nodes=[hostlist.compress(part.nodes) for part in rows])


def steps_frame(steps: Iterable[Step]) -> pd.DataFrame:
    """One row a step, in `scheduler.STEPS`."""
    return _frame(STEPS, list({(step.job_id, step.step_id, step.started_at): step for step in steps}.values()))


def _frame(contract: Frame, rows: Sequence[Any], **ready: list[Any]) -> pd.DataFrame:
    """Columns are the attributes of that name, but for those that are `ready`."""
    return _built(
        contract,
        {name: ready[name] if name in ready else [getattr(row, name) for row in rows] for name in contract.columns},
    )


def _built(contract: Frame, columns: dict[str, Sequence[Any]]) -> pd.DataFrame:
    arrays = {name: _array(columns[name], column.dtype) for name, column in contract.columns.items()}
    return contract.check(pd.DataFrame(arrays, copy=False))


def _array(values: Sequence[Any], dtype: str) -> Any:  # noqa: ANN401 (numpy's or pandas' arrays)
    if dtype == UTC_DTYPE:
        return _instants(values)
    if dtype in {"Int64", "Int16"}:
        missing = np.fromiter((value is None for value in values), bool, len(values))
        numbers = np.fromiter((value or 0 for value in values), dtype.lower(), len(values))
        return pd.arrays.IntegerArray(numbers, missing)
    if dtype == "float64":
        return np.array(values, dtype="float64")
    return pd.Series(list(values), dtype=dtype).array


def _instants(values: Sequence[datetime | None]) -> pd.DatetimeIndex:
    micros: npt.NDArray[np.int64] = np.fromiter(
        (_NOT_A_TIME if at is None else (at - _EPOCH) // _MICRO for at in values), np.int64, len(values)
    )
    return pd.DatetimeIndex(micros.view("M8[us]"), tz="UTC")
