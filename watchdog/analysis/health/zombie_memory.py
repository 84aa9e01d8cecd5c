"""Memory that is held on a GPU which no job holds: a process was left behind, and the next job may fail for it.

Source: Meta GCM and Node Health Check refuse a node for memory in use without a job (15 MiB); drivers and monitoring
agents hold some hundred MiB, so 1 GiB, or 5 % of a small GPU, is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from watchdog.analysis.gpu_state import HELD_BYTES
from watchdog.analysis.health.check import (
    Bools,
    Check,
    first_true,
    gpu_rows,
    gpu_subject,
    judged,
    place,
    reading,
    unexported,
)
from watchdog.analysis.health.facts import TRACE_MINUTES, Facts, Slurm
from watchdog.analysis.health.held import minutes_axis
from watchdog.analysis.health.sight import as_far_as_read, fresh_slurm, slurm_unseen, texts
from watchdog.analysis.placement import on_nodes
from watchdog.model.arrays import Floats
from watchdog.model.findings import Finding, Judged, Severity
from watchdog.model.units import bytes_text

KEY = "zombie_memory"
HELD_RATIO = 0.05
GRACE = timedelta(minutes=5)
# Held in every minute since before the grace time began.
_COLUMNS = 6
_SOURCE = "memory in use without a job: Meta GCM, Node Health Check"
_ACTION = "Find the process (nvidia-smi, fuser /dev/nvidia*) and end it before the next job comes."


def judge(facts: Facts) -> Judged:
    """One finding a GPU."""
    nobody = unexported(facts, "memory_used_bytes")
    if nobody:
        return nobody
    slurm = fresh_slurm(facts)
    if slurm is None:
        return slurm_unseen(facts)
    used, limit = facts.trace.last("memory_used_bytes", TRACE_MINUTES), _limit(facts)
    holds = used >= limit[:, None]
    known = _listed(facts, slurm) & facts.cells["job_id"].notna().to_numpy(dtype=bool) & ~facts.silent
    free = known & (texts(facts.cells, "job_id") == "")
    lasting = holds[:, -_COLUMNS:].all(axis=1) & (facts.column("memory_used_bytes") >= limit)
    mask = free & lasting & ~_just_left(facts, slurm)
    since = first_true(holds[mask], minutes_axis(facts, TRACE_MINUTES))
    seen = known & ~np.isnan(facts.column("memory_used_bytes"))
    why = "no memory was read, or nobody knows who holds the GPU"
    return as_far_as_read(facts, judged(facts, _findings(facts, mask, since), seen, why))


def _limit(facts: Facts) -> Floats:
    total = facts.column("memory_total_bytes")
    return np.fmin(HELD_BYTES, np.where(total > 0, HELD_RATIO * total, np.nan))


def _listed(facts: Facts, slurm: Slurm) -> Bools:
    """GPUs on nodes that Slurm knows: of other nodes it cannot tell who holds what."""
    nodes = set(texts(slurm.nodes, "node"))
    return np.array([node in nodes for node in texts(facts.cells, "node")], dtype=bool)


def _just_left(facts: Facts, slurm: Slurm) -> Bools:
    """GPUs of a job that ended within GRACE; all of a node where nobody knows which ones it had."""
    ended = pd.concat([slurm.ended, slurm.jobs])
    ended = ended[(ended["ended_at"] > pd.Timestamp(facts.at - GRACE)).to_numpy(dtype=bool, na_value=False)]
    if not len(ended):
        return np.zeros(len(facts.cells), dtype=bool)
    keys = ["job_id", "submitted_at"]
    placed = slurm.job_gpus.merge(ended[keys].drop_duplicates(), on=keys)
    placed = placed[placed["gpu_index"].notna()]
    rest = ended[~ended["job_id"].isin(placed["job_id"])]
    places = set(zip(texts(placed, "node"), placed["gpu_index"].astype(int), strict=True))
    nodes = set(texts(on_nodes(rest, slurm.nodes["node"]), "node"))
    where = zip(texts(facts.cells, "node"), facts.cells["gpu_index"].fillna(-1).astype(int), strict=True)
    return np.array([node in nodes or (node, index) in places for node, index in where], dtype=bool)


def _findings(facts: Facts, mask: Bools, since: list[datetime | None]) -> Iterator[Finding]:
    for row, begun in zip(gpu_rows(facts, mask), since, strict=True):
        used = float(row["memory_used_bytes"])
        yield Finding(
            check=KEY,
            severity=Severity.WARNING,
            subject=gpu_subject(row),
            explanation=f"{bytes_text(used)} of memory are held on {place(row)}, which no job holds.",
            action=_ACTION,
            source=_SOURCE,
            since=begun,
            gpu_index=None if row["gpu_index"] is None else int(row["gpu_index"]),
            value=used,
            evidence=reading(row, "memory_used_bytes", "compute_processes_count", "gpu_util_ratio"),
        )


CHECK = Check(
    key=KEY,
    title="Memory held without a job",
    definition=(
        "1 GiB, or 5 % of a smaller GPU's memory, is in use on a GPU that no job has held for "
        f"{GRACE.total_seconds() / 60:.0f} minutes, on a node of Slurm's."
    ),
    source=_SOURCE,
    judge=judge,
    action=_ACTION,
    cleared_by="The memory is free again, or a job takes the GPU.",
)
