"""Who waits and why, who runs, and what is free?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from watchdog.analysis.fragmentation import Free, free_by, free_gpus
from watchdog.analysis.node_condition import OUT, conditions
from watchdog.analysis.queue import Waiting, explained, reasons
from watchdog.model.slurm.records import ACTIVE, WAITING
from watchdog.services.slurm_view import SlurmView

__all__ = ["Queue", "Waiting", "queue"]


@dataclass(frozen=True)
class Queue:
    """The queue at `at`.

    Attributes:
        taken_at: when Slurm was read for it.
        jobs: JOBS with waited_seconds, why, unblock, by, known (`analysis.queue.explained`).
        counts: jobs by state.
        running, pending: jobs that hold their nodes (completing ones included); that wait.
        gpus_held, gpus_wanted: of these jobs.
        reasons: why jobs wait, those that wait for the cluster first, the longest wait first.
        free, free_by: free GPUs in all; by partition and type (`analysis.fragmentation.free_by`).
        nodes, nodes_out: how many there are; that take no work.
        problems: in words, what could not be read.
    """

    at: datetime
    taken_at: datetime
    jobs: pd.DataFrame
    counts: dict[str, int]
    running: int
    pending: int
    gpus_held: int
    gpus_wanted: int
    reasons: tuple[Waiting, ...]
    free: Free
    free_by: pd.DataFrame
    nodes: int
    nodes_out: int
    problems: tuple[str, ...] = ()

    @property
    def longest(self) -> Waiting | None:
        """The longest wait for the cluster; None if no job waits for it."""
        return next((item for item in self.reasons if not item.by_choice), None)


def queue(view: SlurmView, at: datetime) -> Queue:
    """Explain the queue of a snapshot, as it is at `at`."""
    jobs, nodes = explained(view.jobs, at), view.nodes
    active = jobs["state"].isin([state.value for state in ACTIVE])
    waiting = jobs["state"].isin([state.value for state in WAITING])
    return Queue(
        at=at,
        taken_at=view.taken_at or at,
        jobs=jobs,
        counts={str(state): int(count) for state, count in jobs["state"].value_counts().items()},
        running=int(active.sum()),
        pending=int(waiting.sum()),
        gpus_held=int(jobs.loc[active, "gpus"].sum()),
        gpus_wanted=int(jobs.loc[waiting, "gpus"].sum()),
        reasons=reasons(jobs, nodes, at, view.partitions),
        free=free_gpus(nodes),
        free_by=free_by(nodes),
        nodes=len(nodes),
        nodes_out=int(conditions(nodes).isin(OUT).sum()),
        problems=view.problems,
    )
