"""The simulation itself: one step of the grid after the other, jobs and faults in between."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from watchdog.base.clock import floor_to
from watchdog.sources.demo.activity import Workload
from watchdog.sources.demo.arrivals import Arrivals
from watchdog.sources.demo.config import DemoConfig
from watchdog.sources.demo.counters import Counters
from watchdog.sources.demo.hardware import Fleet
from watchdog.sources.demo.injector import Events, Injector
from watchdog.sources.demo.physics import Physics
from watchdog.sources.demo.scenarios import default_story
from watchdog.sources.demo.scheduler import Scheduler
from watchdog.sources.demo.sensors import Readings, Sensors
from watchdog.sources.demo.timeline import Timeline

# Jobs live that long before anybody looks, so that the past begins with a settled cluster.
_SETTLE_SECONDS = 12 * 3600.0


@dataclass(frozen=True)
class StoryTime:
    """Between wall time and story seconds: 0 is the start, before it both run alike, after it `speed` times as fast."""

    zero: datetime
    speed: float

    def story(self, wall: datetime) -> float:
        """Story seconds of an instant."""
        seconds = (wall - self.zero).total_seconds()
        return seconds if seconds < 0 else seconds * self.speed

    def wall(self, story: float) -> datetime:
        """The instant of story seconds."""
        return self.zero + timedelta(seconds=story if story < 0 else story / self.speed)


class Engine:
    """A cluster that only runs forward, from before the past begins.

    Attributes:
        tick: number of grid steps since the start; negative in the past.
        readings: what the exporters say at that tick.
    """

    def __init__(self, config: DemoConfig, start: datetime) -> None:
        self.config = config
        self.step_length = timedelta(seconds=config.step_seconds)
        self.time = StoryTime(floor_to(start, self.step_length), config.speed)
        self.fleet = Fleet(config.nodes, config.gpus, config.seed)
        self._timeline = Timeline()
        self.scheduler = Scheduler(self.fleet, self._timeline)
        scenario = config.scenario or default_story(config.nodes, config.gpus)
        self.injector = Injector(self.scheduler, scenario, config.seed)
        self._rng = np.random.default_rng([config.seed, 3])
        self._physics = Physics(self.fleet)
        self._counters = Counters(self.fleet, self._rng)
        self._sensors = Sensors(self.fleet)
        self.tick = -int(config.past_seconds // config.step_seconds) - 1
        self._settle()
        self.step()

    @property
    def now(self) -> datetime:
        """The grid instant reached."""
        return self.instant(self.tick)

    def instant(self, tick: int) -> datetime:
        """Wall time of a tick."""
        return self.time.zero + tick * self.step_length

    def tick_of(self, instant: datetime) -> int:
        """The last tick at or before an instant."""
        return (instant - self.time.zero) // self.step_length

    def run_until(self, instant: datetime) -> None:
        """Step up to the instant's tick; never back."""
        while self.tick < self.tick_of(instant):
            self.step()

    def step(self) -> None:
        """One grid step."""
        self.tick += 1
        wall = self.now
        now, seconds = self.time.story(wall), float(self.config.step_seconds)
        self._timeline.run_until(now)
        self._refresh(now)
        noise = self._rng.standard_normal((2, self.fleet.count))
        demand = self._workload.demand(now, noise[0])
        self._effects.reshape(demand, now)
        demand.wait(self._physics.pace(self._workload))
        self._physics.step(demand, self._effects, seconds, noise[1])
        self._counters.step(self._effects, seconds)
        self.readings: Readings = self._sensors.read(
            self._physics, demand, self._effects, self._counters, wall.timestamp()
        )

    def _settle(self) -> None:
        begin = self.time.story(self.instant(self.tick))
        Arrivals(self.scheduler, self.config.seed).begin(begin - _SETTLE_SECONDS)
        self._timeline.run_until(begin)
        self.injector.begin(begin)
        # The cluster has run at its usual load for long: nobody starts with cold boards.
        self._refresh(begin)
        zeros = np.zeros(self.fleet.count)
        for _ in range(20):
            self._physics.step(self._workload.demand(begin, zeros), self._effects, 30.0, zeros)

    def _refresh(self, now: float) -> None:
        """Take over what changed hands, broke or was mended."""
        if self.scheduler.changed:
            self._workload = Workload(self.fleet, list(self.scheduler.running.values()))
            self.scheduler.changed = False
        if self.injector.changed:
            self._effects = self.injector.effects(now)
            self.injector.changed = False
        if self.injector.events:
            reset = self._counters.take(self.injector.events)
            self._physics.energy[reset] = 0.0
            self.injector.events = Events()
