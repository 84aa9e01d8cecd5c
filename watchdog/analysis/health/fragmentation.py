"""Free GPUs that the next job cannot use: enough in all, but on no node a block as large as it asks for.

Normal for a while on any cluster, so it is INFO; the half hour is ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from watchdog.analysis.health.check import Check
from watchdog.analysis.health.facts import Facts, Slurm
from watchdog.analysis.health.sight import as_far_as_read, fresh_slurm, slurm_unseen, texts
from watchdog.analysis.health.waiting import FIRST, Waiting, job_row, partition_subject, waiting
from watchdog.model.arrays import Floats
from watchdog.model.findings import Blind, Evidence, Finding, Judged, Severity

KEY = "fragmentation"
WAITED = timedelta(minutes=30)
_MOST_PARTITIONS = 50
_SOURCE = "ours: half an hour in pieces is more than the end of a few jobs"


@dataclass(frozen=True)
class _Nodes:
    """Nodes with GPUs, one entry each: GPUs, and free ones (0 where it takes no work, NaN where it does not say)."""

    partitions: list[set[str]]
    kinds: list[set[str]]
    gpus: Floats
    free: Floats
    names: list[str]


def judge(facts: Facts) -> Judged:
    """One finding a partition, about the job that is next there."""
    slurm = fresh_slurm(facts)
    if slurm is None:
        return slurm_unseen(facts)
    nodes = _nodes(slurm.nodes)
    if len(nodes.gpus) and np.isnan(nodes.free).all():
        return Judged(blind=Blind(everybody=True, why="Slurm does not say how many GPUs are in use"))
    queue = waiting(slurm)
    late = queue.only(queue.waited(facts, WAITED) & (queue.code == FIRST)).by_partition()
    several = list(late.items())[:_MOST_PARTITIONS]
    found = [_finding(facts, slurm, nodes, name, jobs) for name, jobs in several]
    return as_far_as_read(facts, Judged(tuple(each for each in found if each)))


def _nodes(frame: pd.DataFrame) -> _Nodes:
    rows = frame[(frame["gpus"].fillna(0) > 0).to_numpy(dtype=bool)]
    gpus = rows["gpus"].to_numpy(dtype=np.float64, na_value=np.nan)
    free = np.clip(gpus - rows["gpus_allocated"].to_numpy(dtype=np.float64, na_value=np.nan), 0, None)
    return _Nodes(
        [set(text.split(",")) for text in texts(rows, "partitions")],
        [set(text.split("+")) - {""} for text in texts(rows, "gpu_type")],
        gpus,
        np.where(rows["takes_work"].to_numpy(dtype=bool), free, 0.0),
        list(texts(rows, "node")),
    )


def _finding(facts: Facts, slurm: Slurm, nodes: _Nodes, partition: str, jobs: Waiting) -> Finding | None:
    place = jobs.first
    job = job_row(slurm, int(jobs.rows[place]))
    here = _eligible(nodes, partition, str(job["gpu_type"] or ""))
    gpus = int(job["gpus"] or 0)
    if not here.any() or gpus < 2:
        return None
    block, count = _shape(gpus, job["node_count"], int(nodes.gpus[here].max()))
    free = nodes.free[here]
    if np.isnan(free).any() or free.sum() < gpus or (free >= block).sum() >= count:
        return None
    best = int(np.argmax(np.where(here, nodes.free, -1.0)))
    needs = f"{block} on each of {count} nodes" if count > 1 else f"{block} on one node"
    return Finding(
        check=KEY,
        severity=Severity.INFO,
        subject=partition_subject(partition),
        explanation=(
            f"{free.sum():.0f} GPUs of partition {partition} are free, but job {job['job_id']} of {job['user']} needs "
            f"{needs}: the largest free block is {nodes.free[best]:.0f} on {nodes.names[best]}."
        ),
        action="It starts when jobs on one node end; small jobs packed onto few nodes (LLN off) keep blocks whole.",
        source=_SOURCE,
        since=_later(jobs, place),
        job_id=str(job["job_id"]),
        user=str(job["user"]),
        value=float(free.sum()),
        evidence=(Evidence("reason", str(job["reason"]), facts.at),),
    )


def _eligible(nodes: _Nodes, partition: str, kind: str) -> np.ndarray:
    wanted, kinds = set(partition.split(",")), set(kind.split("+")) - {""}
    pairs = zip(nodes.partitions, nodes.kinds, strict=True)
    return np.array([bool(wanted & names) and (not kinds or bool(kinds & types)) for names, types in pairs], dtype=bool)


def _shape(gpus: int, node_count: Any, largest: int) -> tuple[int, int]:  # noqa: ANN401 (a cell of a frame)
    """GPUs on each node, and on how many; of a job that does not say, as few as can be."""
    count = int(node_count or 0) or max(1, math.ceil(gpus / largest))
    return math.ceil(gpus / count), count


def _later(jobs: Waiting, place: int) -> datetime | None:
    since = jobs.since(place)
    return None if since is None else since + WAITED


CHECK = Check(
    key=KEY,
    title="Free GPUs in pieces",
    definition=(
        f"The next job of a partition (reason Resources) has waited for {WAITED.total_seconds() / 60:.0f} minutes, as "
        "many GPUs as it asks for are free in all, but not in blocks as large as it needs."
    ),
    source=_SOURCE,
    judge=judge,
    action="It starts when jobs on one node end.",
    cleared_by="There is a block that is large enough, or the job started.",
)
