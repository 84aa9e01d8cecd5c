"""Lets faults happen, keeps the victim in place while they last, cleans up afterwards."""

from __future__ import annotations

import numpy as np

from watchdog.sources.demo.catalogue import SPECS
from watchdog.sources.demo.effects import Effects
from watchdog.sources.demo.faults import FaultKind, Hit, Target
from watchdog.sources.demo.jobs import Job, JobState
from watchdog.sources.demo.scenarios import Planned, Scenario
from watchdog.sources.demo.scheduler import Scheduler
from watchdog.sources.demo.targets import Targets

_RETRY_SECONDS, _RETRIES, _RETRIES_BY_CHANCE = 60.0, 60, 3
_KILL_AFTER, _DRAIN_AFTER = 5.0, 120.0
# The exporter still reads the XID before the GPU's sensors are gone.
LOST_AFTER = 30.0


class Events:
    """What happened since the counters last looked, as GPUs or nodes in the fleet's order.

    Attributes:
        xids: (GPU, code); uncorrected: (GPU, errors); resets: GPUs; reboots: nodes.
    """

    def __init__(self) -> None:
        self.xids: list[tuple[int, int]] = []
        self.uncorrected: list[tuple[int, int]] = []
        self.resets: list[int] = []
        self.reboots: list[int] = []

    def __bool__(self) -> bool:
        return bool(self.xids or self.uncorrected or self.resets or self.reboots)


class Injector:
    """Begins and ends faults as the scenario says, and by chance.

    Attributes:
        history: every fault so far; active: those at work.
        changed: set whenever `effects` would answer differently; the reader clears it.
    """

    def __init__(self, scheduler: Scheduler, scenario: Scenario, seed: int) -> None:
        self._scheduler, self._scenario = scheduler, scenario
        self._fleet, self._timeline = scheduler.fleet, scheduler.timeline
        self._rng = np.random.default_rng([seed, 2])
        self._targets = Targets(scheduler, self._rng)
        self._most = max(5, self._fleet.count // 24)
        self.history: list[Hit] = []
        self.active: list[Hit] = []
        self.events = Events()
        self.changed = True

    def begin(self, now: float) -> None:
        """Put the script and the first fault by chance on the timeline."""
        for planned in self._scenario.script:
            self._try_later(planned, max(planned.at, now), _RETRIES)
        self._chance_later(max(now, self._scenario.chance_from))

    def effects(self, now: float) -> Effects:
        """What the active faults do to the machines at `now`."""
        effects = Effects(self._fleet)
        for hit in self.active:
            if hit.spec.kind is not FaultKind.GPU_LOST or now >= hit.since + LOST_AFTER:
                hit.spec.effect(effects, hit)
        return effects

    def _chance_later(self, now: float) -> None:
        gap = self._scenario.mean_gap_minutes
        if gap is not None:
            self._timeline.at(now + 60 * float(self._rng.exponential(gap)), self._chance)

    def _chance(self, now: float) -> None:
        kind = self._scenario.kinds[int(self._rng.integers(len(self._scenario.kinds)))]
        nodes = self._scheduler.nodes
        missing = sum(flags.drain or flags.down for flags in nodes)
        takes_node = SPECS[kind].drain or kind is FaultKind.NODE_DOWN
        if len(self.active) < self._most and not (takes_node and 4 * (missing + 1) > len(nodes)):
            self._try(Planned(kind, now), now, _RETRIES_BY_CHANCE)
        self._chance_later(now)

    def _try_later(self, planned: Planned, at: float, retries: int) -> None:
        self._timeline.at(at, lambda now: self._try(planned, now, retries))

    def _try(self, planned: Planned, now: float, retries: int) -> None:
        spec = SPECS[planned.kind]
        until = now + 60 * (planned.minutes or float(self._rng.uniform(*spec.minutes)))
        aim = self._targets.find(spec, planned.node, (now, until), self.active)
        if aim is None:
            if retries:
                self._try_later(planned, now + _RETRY_SECONDS, retries - 1)
            return
        node, dice = aim.gpus[0] // self._fleet.per_node, float(self._rng.random())
        self._strike(Hit(spec, node, aim.gpus, now, until, aim.job.job_id if aim.job else None, dice), aim.job)

    def _strike(self, hit: Hit, job: Job | None) -> None:
        spec, first = hit.spec, hit.gpus[0]
        self.history.append(hit)
        self.active.append(hit)
        self.changed = True
        self.events.xids += [(first, code) for code in spec.xids]
        self.events.uncorrected += [(first, spec.uncorrected)] * bool(spec.uncorrected)
        if spec.target is Target.FREE_GPU or (spec.resets and spec.ends):
            self._scheduler.blocked[hit.places] = True
        if job and spec.ends:
            self._finish_later(job, spec.ends, hit.since + _KILL_AFTER)
        elif job:
            job.hold(hit.until + 1)
            self._scheduler.changed = True  # its activity was laid out up to the old end
        self._what_follows(hit)
        self._timeline.at(hit.until, lambda now: self._end(hit, now))

    def _what_follows(self, hit: Hit) -> None:
        spec, at = hit.spec, self._timeline.at
        if spec.drain:
            reason = spec.drain.format(gpu=hit.gpus[0] % self._fleet.per_node)
            delay = 0.0 if spec.target is Target.NODE else _DRAIN_AFTER
            at(hit.since + delay, lambda now: self._scheduler.drain(hit.node, reason, now))
        if spec.kind is FaultKind.NODE_DOWN:
            at(hit.since, lambda now: self._scheduler.fail(hit.node, "Not responding", now))
        if spec.kind is FaultKind.GPU_LOST:
            at(hit.since + LOST_AFTER, self._mark_changed)

    def _mark_changed(self, _now: float) -> None:
        self.changed = True

    def _finish_later(self, job: Job, state: JobState, at: float) -> None:
        self._timeline.at(at, lambda now: self._finish(job.job_id, state, now))

    def _finish(self, job_id: int | None, state: JobState, now: float) -> None:
        job = self._scheduler.running.get(job_id or 0)
        if job:
            self._scheduler.finish(job, state, now)

    def _end(self, hit: Hit, now: float) -> None:
        spec = hit.spec
        self.active.remove(hit)
        self.changed = True
        self._scheduler.blocked[hit.places] = False
        if spec.kind in {FaultKind.NODE_DOWN, FaultKind.GPU_LOST}:
            self.events.reboots.append(hit.node)
            self._scheduler.fail(hit.node, "reboot", now)
        elif spec.resets:
            self.events.resets.extend(hit.gpus)
        if spec.ends_late:
            self._finish(hit.job, spec.ends_late, now)
        if spec.drain or spec.kind is FaultKind.NODE_DOWN:
            self._scheduler.resume(hit.node, now)
        else:
            self._scheduler.schedule(now)
