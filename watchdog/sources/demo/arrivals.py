"""Submissions over time: a cluster that is nearly always full, with a short queue."""

from __future__ import annotations

import numpy as np

from watchdog.sources.demo.scheduler import Scheduler
from watchdog.sources.demo.users import HOSTILE_USER, draw, hostile_request

# A GPU asked for is held for so long on average (measured over many draws).
_GPU_SECONDS_PER_SUBMISSION = 58_000.0
_OFFERED_LOAD = 1.25


class Arrivals:
    """Submits jobs at random instants; people stop submitting while the queue is long."""

    def __init__(self, scheduler: Scheduler, seed: int) -> None:
        self._scheduler = scheduler
        self._rng = np.random.default_rng([seed, 1])
        fleet = scheduler.fleet
        self._patience = 5 + len(fleet.node_names)
        self._mean_gap = _GPU_SECONDS_PER_SUBMISSION / (_OFFERED_LOAD * fleet.count)

    def begin(self, now: float) -> None:
        """Fill an empty cluster, then go on."""
        self._submit_hostile(now)
        while len(self._scheduler.pending) < self._patience:
            self._submit(now)
        self._later(now)

    def _submit(self, now: float) -> None:
        fleet = self._scheduler.fleet
        requests = draw(self._rng, fleet)
        waiting = sum(job.request.gpus >= fleet.per_node for job in self._scheduler.pending)
        # A queue of nothing but whole nodes would leave every gap open.
        while requests[0].gpus >= fleet.per_node > 1 and waiting >= self._patience // 3:
            requests = draw(self._rng, fleet)
        self._scheduler.submit(requests, now)

    def _submit_hostile(self, now: float) -> None:
        partition = self._scheduler.fleet.node_models[0].partition
        self._scheduler.submit([hostile_request(partition)], now)

    def _arrive(self, now: float) -> None:
        known = (*self._scheduler.running.values(), *self._scheduler.pending)
        if not any(job.request.user == HOSTILE_USER for job in known):
            self._submit_hostile(now)
        if len(self._scheduler.pending) < self._patience:
            self._submit(now)
        self._later(now)

    def _later(self, now: float) -> None:
        self._scheduler.timeline.at(now + float(self._rng.exponential(self._mean_gap)), self._arrive)
