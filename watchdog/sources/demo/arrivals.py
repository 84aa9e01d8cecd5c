"""Submissions over time: a cluster that is nearly always full, with a short queue."""

from __future__ import annotations

import numpy as np

from watchdog.sources.demo.jobs import Request, Work
from watchdog.sources.demo.scheduler import Scheduler
from watchdog.sources.demo.users import HOSTILE_USER, draw, hostile_request

# Mean time between submissions for each GPU of the cluster; people are quicker while GPUs are free.
_GPU_SECONDS, _EAGERNESS = 46_000.0, 8.0
_LONGEST_GAP, _LONGEST_EAGER_GAP = 1500.0, 600.0
_FREE_SHARE = 0.06


class Arrivals:
    """Submits jobs at random instants; people stop submitting while the queue is long."""

    def __init__(self, scheduler: Scheduler, seed: int) -> None:
        self._scheduler = scheduler
        self._rng = np.random.default_rng([seed, 1])
        self._size, self._per_node = scheduler.fleet.count, scheduler.fleet.per_node
        self._patience = 5 + len(scheduler.fleet.node_names)
        names = [model.partition for model in scheduler.fleet.node_models]
        self._fair_queue = {name: 2 + self._patience * names.count(name) // len(names) for name in names}

    def begin(self, now: float) -> None:
        """Fill an empty cluster, then go on."""
        self._submit_hostile(now)
        while len(self._scheduler.pending) < self._patience:
            self._submit(now)
        self._later(now)

    def _submit_hostile(self, now: float) -> None:
        fleet = self._scheduler.fleet
        known = (*self._scheduler.running.values(), *self._scheduler.pending)
        if fleet.count >= 4 and not any(job.request.user == HOSTILE_USER for job in known):
            self._scheduler.submit([hostile_request(fleet.node_models[0].partition)], now)

    def _submit(self, now: float) -> None:
        requests = draw(self._rng, self._scheduler.fleet)
        while self._unwelcome(requests[0]):
            requests = draw(self._rng, self._scheduler.fleet)
        self._scheduler.submit(requests, now)

    def _unwelcome(self, request: Request) -> bool:
        """Whether too many like it are there: a queue of whole nodes leaves gaps open, a service never ends."""
        alike = sum(job.request.partition == request.partition for job in self._scheduler.pending)
        if alike >= self._fair_queue[request.partition]:
            return True
        if request.gpus >= self._per_node > 1:
            waiting = sum(job.request.gpus >= self._per_node for job in self._scheduler.pending)
            return waiting >= self._patience // 4
        if request.profile.work is Work.SERVICE:
            jobs = (*self._scheduler.running.values(), *self._scheduler.pending)
            return sum(job.request.profile.work is Work.SERVICE for job in jobs) >= self._size // 10
        return False

    def _arrive(self, now: float) -> None:
        self._submit_hostile(now)
        for _ in range(1 + self._free() // 4):
            if len(self._scheduler.pending) < self._patience:
                self._submit(now)
        self._later(now)

    def _free(self) -> int:
        return len(self._scheduler.free_gpus())

    def _later(self, now: float) -> None:
        gap = min(_GPU_SECONDS / self._size, _LONGEST_GAP)
        if self._free() > _FREE_SHARE * self._size:
            gap = min(gap / _EAGERNESS, _LONGEST_EAGER_GAP)
        self._scheduler.timeline.at(now + float(self._rng.exponential(gap)), self._arrive)
