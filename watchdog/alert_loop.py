"""The loop that judges: after every read it puts the facts together and lets the alert engine step."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from watchdog.alerts.engine import AlertEngine
from watchdog.base.clock import Clock, floor_to
from watchdog.base.config import Config
from watchdog.base.errors import SourceError, StoreError, WatchdogError
from watchdog.model.telemetry import Window
from watchdog.services.observation import Observation
from watchdog.services.surroundings import Surroundings

_log = logging.getLogger(__name__)
_MINUTE = timedelta(minutes=1)
# How far back a watchdog looks that has never looked before, and at most.
FIRST_LOOK, LONGEST_GAP = timedelta(hours=6), timedelta(hours=24)
# Looking at the past must not keep the present waiting: so many GPUs are judged in all, and not at more instants.
_GPUS_JUDGED, _MOST_INSTANTS = 240_000, 180


@dataclass(frozen=True)
class AlertLoopState:
    """How the loop is doing.

    Attributes:
        catching_up: it goes through a past in which nobody watched.
        last_tick_seconds: from the reading to the stored steps of alerts.
        error, hint: why the last look failed; empty when all went well.
    """

    alive: bool = False
    catching_up: bool = False
    started_at: datetime | None = None
    last_tick_at: datetime | None = None
    last_tick_seconds: float | None = None
    ticks: int = 0
    error: str = ""
    hint: str = ""


class AlertLoop:
    """Waits for readings and judges them; what goes wrong is in `state`, never raised.

    A reading that comes while the last one is judged is judged next; of several only the newest.
    """

    def __init__(
        self,
        config: Config,
        clock: Clock,
        engine: AlertEngine,
        observation: Observation,
        surroundings: Surroundings,
        ready: Callable[[], bool] = lambda: True,
    ) -> None:
        """Prepare; nothing is judged yet. `ready` says whether history reaches up to now, where it is read at start."""
        self._config, self._clock = config, clock
        self.engine = engine
        self._observation, self._surroundings, self._ready = observation, surroundings, ready
        self._read = threading.Event()
        self.state = AlertLoopState()

    def wake(self) -> None:
        """There is a new reading."""
        self._read.set()

    def run(self, stop: threading.Event) -> None:
        """Look at what happened meanwhile, then judge every reading until `stop` is set."""
        self.state = replace(self.state, alive=True, started_at=self._clock.now())
        try:
            self._wait(stop, self._ready)
            self.catch_up(stop)
            while not stop.is_set():
                if self._read.wait(timeout=0.2):
                    self._read.clear()
                    self.tick()
        finally:
            self.state = replace(self.state, alive=False)

    def _wait(self, stop: threading.Event, done: Callable[[], bool], at_most: float = 60.0) -> None:
        deadline = self._clock.monotonic() + at_most
        while not done() and self._clock.monotonic() < deadline and not stop.wait(0.1):
            pass

    def tick(self) -> None:
        """Judge the newest readings."""
        started, now = self._clock.monotonic(), self._clock.now()
        try:
            around = self._surroundings.now(now)
            self.engine.tick(self._observation.facts(now, around, self.engine.metrics()))
        except (SourceError, StoreError) as error:
            self._report(now, started, error)
            return
        self._report(now, started, None)

    def catch_up(self, stop: threading.Event) -> None:
        """Judge the past since the last look, oldest first, so that what happened then is in the history."""
        now = self._clock.now()
        since = max(self.engine.evaluated_until or now - FIRST_LOOK, now - LONGEST_GAP)
        if now - since < 3 * timedelta(seconds=self._config.interval_seconds):
            since = now
        self.state = replace(self.state, catching_up=True)
        try:
            self._observation.recall(since)
            for window in self._steps(since, now):
                if stop.is_set():
                    return
                self._look_back(window)
            self.engine.end_gap()
        except (SourceError, StoreError) as error:
            _log.warning("the past since %s is not judged: %s. %s", since, error, error.hint)
            self.state = replace(self.state, error=str(error), hint=error.hint)
        finally:
            self.state = replace(self.state, catching_up=False)

    def _steps(self, since: datetime, now: datetime) -> Iterator[Window]:
        gpus = max(1, len(self._observation.inventory(since)))
        count = min(_MOST_INSTANTS, max(12, _GPUS_JUDGED // gpus))
        step = max(_MINUTE, floor_to_minutes((now - since) / count))
        at = floor_to(since, _MINUTE)
        while at + step < now:
            yield Window(at, at + step)
            at += step

    def _look_back(self, window: Window) -> None:
        self._observation.look_back(window)
        facts = self._observation.facts(window.until, self._surroundings.then(window.until), self.engine.metrics())
        # Where nothing at all was read nobody watched; that is no loss of all GPUs.
        if len(facts.cells) and not facts.silent.all():
            self.engine.tick(facts, seen_late=True)

    def _report(self, now: datetime, started: float, trouble: WatchdogError | None) -> None:
        if trouble is not None and str(trouble) != self.state.error:
            _log.error("alerts are not judged: %s. %s", trouble, trouble.hint)
        self.state = replace(
            self.state,
            ticks=self.state.ticks + 1,
            last_tick_at=now,
            last_tick_seconds=self._clock.monotonic() - started,
            error=str(trouble or ""),
            hint=trouble.hint if trouble else "",
        )


def floor_to_minutes(length: timedelta) -> timedelta:
    """`length` in whole minutes, rounded up."""
    return -(-length // _MINUTE) * _MINUTE
