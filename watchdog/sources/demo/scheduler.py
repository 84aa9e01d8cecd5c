"""A small Slurm: first in first out with backfill, drained and failed nodes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from watchdog.sources.demo.hardware import Flags, Fleet, Ints
from watchdog.sources.demo.jobs import FOREVER, Job, JobState, Request
from watchdog.sources.demo.timeline import Timeline

# From then on, nodes are kept free for the first of the queue.
_PATIENCE_SECONDS = 2 * 3600.0
_KEPT = 20_000
_FIRST_ID = 48_100


@dataclass
class NodeFlags:
    """Why a node takes no work."""

    drain: bool = False
    down: bool = False
    reason: str = ""
    since: float = -FOREVER


class Scheduler:
    """Who holds which GPU.

    Attributes:
        holder: (GPUs,) the id of the job that holds it, 0 for a free GPU.
        blocked: (GPUs,) GPUs that get no new work though they look free.
        changed: set whenever a GPU changes hands; the reader clears it.
    """

    def __init__(self, fleet: Fleet, timeline: Timeline) -> None:
        self.fleet = fleet
        self.timeline = timeline
        self.holder = np.zeros(fleet.count, dtype=np.int64)
        self.blocked = np.zeros(fleet.count, dtype=np.bool_)
        self.nodes = [NodeFlags() for _ in fleet.node_names]
        self.pending: list[Job] = []
        self.running: dict[int, Job] = {}
        self.finished: deque[Job] = deque(maxlen=_KEPT)
        self.changed = True
        self._next_id = _FIRST_ID
        self._partition = np.array([model.partition for model in fleet.node_models])

    def submit(self, requests: list[Request], now: float) -> None:
        """Queue the requests; several at once are an array."""
        first = self._next_id
        for request in requests:
            array = first if len(requests) > 1 else None
            self.pending.append(self._job(request, now, array))
        self.schedule(now)

    def start_at_once(self, request: Request, gpus: tuple[int, ...], now: float) -> Job:
        """Start a job on these free GPUs, past the queue."""
        job = self._job(request, now, None)
        self._start(job, gpus, now)
        return job

    def finish(self, job: Job, state: JobState, now: float) -> None:
        """End a running job and give its GPUs to the next."""
        self.stop(job, state, now)
        self.schedule(now)

    def stop(self, job: Job, state: JobState, now: float) -> None:
        """End a running job without looking at the queue."""
        del self.running[job.job_id]
        job.state, job.ends = state, now
        self.holder[list(job.gpus)] = 0
        self.finished.append(job)
        self.changed = True

    def drain(self, node: int, reason: str, now: float) -> None:
        """Take no new jobs there; what runs may end."""
        self.nodes[node] = NodeFlags(drain=True, reason=reason, since=now)

    def fail(self, node: int, reason: str, now: float) -> None:
        """The node is gone, and its jobs with it."""
        self.nodes[node] = NodeFlags(down=True, reason=reason, since=now)
        for job in self.on_node(node):
            self.stop(job, JobState.NODE_FAIL, now)
        self.schedule(now)

    def resume(self, node: int, now: float) -> None:
        """The node takes work again."""
        self.nodes[node] = NodeFlags()
        self.schedule(now)

    def on_node(self, node: int) -> list[Job]:
        """Jobs that run there, oldest id first."""
        ids = np.unique(self.holder[self.fleet.node == node])
        return [self.running[int(i)] for i in ids if i]

    def free_gpus(self) -> Ints:
        """GPUs that a new job could get."""
        usable = np.array([not (flags.drain or flags.down) for flags in self.nodes])
        return np.flatnonzero((self.holder == 0) & ~self.blocked & usable[self.fleet.node])

    def schedule(self, now: float) -> None:
        """Start what fits: when the first has waited long, nodes are reserved for it and others may only fill gaps."""
        free = np.bincount(self.fleet.node[self.free_gpus()], minlength=len(self.nodes))
        waiting, reserved, reserved_at = [], np.zeros(len(self.nodes), dtype=np.bool_), FOREVER
        for job in self.pending:
            fits_gap = now + job.request.time_limit <= reserved_at
            gpus = self._place(job.request, free, reserved & (not fits_gap))
            if gpus is not None:
                np.subtract.at(free, self.fleet.node[list(gpus)], 1)
                self._start(job, gpus, now)
                continue
            waiting.append(job)
            job.reason = "Priority" if len(waiting) > 1 else "Resources"
            if len(waiting) == 1 and now - job.submitted > _PATIENCE_SECONDS:
                reserved, reserved_at = self._reservation(job.request)
        self.pending = waiting

    def _job(self, request: Request, now: float, array: int | None) -> Job:
        job = Job(self._next_id, request, now, array_id=array)
        self._next_id += 1
        return job

    def _start(self, job: Job, gpus: tuple[int, ...], now: float) -> None:
        job.state, job.reason, job.started, job.gpus = JobState.RUNNING, "None", now, gpus
        job.ends = now + min(job.request.runs_for, job.request.time_limit)
        self.running[job.job_id] = job
        self.holder[list(gpus)] = job.job_id
        self.changed = True
        self.timeline.at(job.ends, lambda at: self._end(job, at))

    def _end(self, job: Job, now: float) -> None:
        if job.state is not JobState.RUNNING:
            return
        if job.ends > now:  # it was held on to
            self.timeline.at(job.ends, lambda at: self._end(job, at))
            return
        self.finish(job, job.request.outcome, now)

    def _place(self, request: Request, free: Ints, closed: Flags) -> tuple[int, ...] | None:
        size = self.fleet.per_node
        whole, wanted = max(1, request.gpus // size), min(request.gpus, size)
        fits = np.flatnonzero((free >= wanted) & (self._partition == request.partition) & ~closed)
        if len(fits) < whole:
            return None
        # The fullest node that fits keeps whole nodes whole.
        nodes = fits[np.argsort(free[fits], kind="stable")[:whole]]
        return tuple(int(g) for node in nodes for g in self._free_on(int(node))[:wanted])

    def _free_on(self, node: int) -> Ints:
        gpus = np.arange(node * self.fleet.per_node, (node + 1) * self.fleet.per_node)
        free: Ints = gpus[(self.holder[gpus] == 0) & ~self.blocked[gpus]]
        return free

    def _reservation(self, request: Request) -> tuple[Flags, float]:
        """The nodes that will be free first, and when, by the jobs' time limits."""
        free_at = np.where(self._partition == request.partition, -FOREVER, FOREVER)
        for job in self.running.values():
            np.maximum.at(free_at, self.fleet.node[list(job.gpus)], job.deadline)
        count = max(1, request.gpus // self.fleet.per_node)
        first = np.argsort(free_at, kind="stable")[:count]
        mine = np.zeros(len(self.nodes), dtype=np.bool_)
        mine[first] = True
        return mine, float(free_at[first].max())
