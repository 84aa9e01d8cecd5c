"""The loop that judges: after every read it puts the facts together and lets the alert engine step."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from watchdog.alerts.engine import AlertEngine
from watchdog.analysis.health.facts import Facts
from watchdog.base.clock import Clock, floor_to
from watchdog.base.config import Config
from watchdog.base.errors import SourceError, StoreError, WatchdogError
from watchdog.model.telemetry import Window
from watchdog.services.observation import Around, Observation
from watchdog.services.surroundings import Surroundings

_log = logging.getLogger(__name__)
_MINUTE = timedelta(minutes=1)
# How far back a watchdog looks that has never looked before, and at most.
FIRST_LOOK, LONGEST_GAP = timedelta(hours=6), timedelta(hours=24)
# Looking at the past must not keep the present waiting for longer: what takes more time is judged at fewer instants.
_PATIENCE_SECONDS, _MOST_INSTANTS = 60.0, 180


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
        self.facts: Facts | None = None  # what was judged last
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
            facts = self._facts(now, around)
            self.engine.tick(facts)
            self.facts = facts
        except (SourceError, StoreError) as error:
            self._report(now, started, error)
            return
        self._report(now, started, None)

    def recall(self) -> None:
        """Remember the hour before now from history, without judging it; may raise as `Observation.recall`."""
        self._observation.recall(self._clock.now())

    def catch_up(self, stop: threading.Event) -> None:
        """Judge the past since the last look, oldest first, so that what happened then is in the history."""
        now = self._clock.now()
        self.engine.open()
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
        """Pieces of the past, longer ones where judging takes long; none of those in which nothing was read."""
        began, at, done = self._clock.monotonic(), floor_to(since, _MINUTE), 0
        watched = self._observation.watched(Window(at, now))
        while at < now - _MINUTE:
            spent = self._clock.monotonic() - began
            left = (_PATIENCE_SECONDS - spent) / (spent / done) if done and spent else _MOST_INSTANTS
            step = whole_minutes((now - at) / min(_MOST_INSTANTS, max(left, 3.0)))
            window = Window(at, min(at + step, floor_to(now, _MINUTE)))
            if any(window.since <= bucket < window.until for bucket in watched):
                done += 1
                yield window
            at = window.until

    def _look_back(self, window: Window) -> None:
        self._observation.look_back(window)
        facts = self._facts(window.until, self._surroundings.then(window.until))
        # Where nothing at all was read nobody watched; that is no loss of all GPUs.
        if len(facts.cells) and not facts.silent.all():
            self.engine.tick(facts, seen_late=True)

    def _facts(self, at: datetime, around: Around) -> Facts:
        return self._observation.facts(at, around, self.engine.metrics(), self.engine.traced())

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


def whole_minutes(length: timedelta) -> timedelta:
    """`length` in whole minutes, rounded up; at least one."""
    return max(1, -(-length // _MINUTE)) * _MINUTE
