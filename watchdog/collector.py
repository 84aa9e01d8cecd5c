"""The loop: read the source, keep what it says, roll it up. It runs with no browser open."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import pandas as pd

from watchdog.base.beat import beats
from watchdog.base.clock import Clock, floor_to
from watchdog.base.config import Config
from watchdog.base.errors import SourceError, WatchdogError
from watchdog.model.live import Live
from watchdog.model.telemetry import LOOKBACK, SourceStatus, Window
from watchdog.services.feeds import Feed, Reading
from watchdog.services.history import History
from watchdog.store.database import Store

_log = logging.getLogger(__name__)
_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
# An hour is asked for once more when it is this long over: remote-written and late samples are in by then.
_SECOND_LOOK = timedelta(minutes=5)
# Samples that could not be written wait in memory, up to about 300 MB.
_MOST_UNSAVED = 5_000_000


@dataclass(frozen=True)
class CollectorState:
    """How the loop is doing.

    Attributes:
        rolled_until: rollups are complete up to here; None before the first.
        unsaved_samples: read, but not yet written because the store refused.
        error, hint: of the last tick's reading or rolling up; empty when all went well.
    """

    alive: bool = False
    started_at: datetime | None = None
    ticks: int = 0
    last_tick_at: datetime | None = None
    last_tick_seconds: float | None = None
    rolled_until: datetime | None = None
    unsaved_samples: int = 0
    lost_samples: int = 0
    error: str = ""
    hint: str = ""


class Collector:
    """Reads `feed` every interval, on a schedule that does not drift."""

    def __init__(
        self,
        config: Config,
        feed: Feed,
        live: Live,
        history: History,
        clock: Clock,
        after_read: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare; nothing is read yet. `after_read` is called when the newest readings can be had from `live`."""
        self._after_read = after_read
        self._config = config
        self._feed = feed
        self._live = live
        self._history = history
        self._clock = clock
        self._unsaved: list[pd.DataFrame] = []
        self._looked_again: datetime | None = None
        self._tidied: datetime | None = None
        self.past_taken_in = False
        self.statuses: tuple[SourceStatus, ...] = ()
        self.state = CollectorState()

    def run(self, stop: threading.Event) -> None:
        """Tick until `stop` is set; a tick that takes long skips the ones it missed."""
        self.state = replace(self.state, alive=True, started_at=self._clock.now())
        try:
            self.take_in_past()
            for _ in beats(self._clock, self._config.interval_seconds, stop):
                self.tick()
        finally:
            self.state = replace(self.state, alive=False)

    def take_in_past(self) -> None:
        """Store the past that a simulated cluster brings with it; what is now can be seen meanwhile."""
        mark = self._history.attempt(lambda store: store.watermark())
        for number, frame in enumerate(self._feed.past(mark)):
            if number == 0:
                self._live.update(self._feed.read().frame, self._clock.now())
            self._save(frame)
        self._roll_up(self._clock.now())
        self.past_taken_in = True

    def read(self, *, keep: bool = True) -> Reading:
        """Read once, and store what came."""
        reading = self._feed.read()
        self.statuses = reading.statuses
        if keep:
            self._keep(reading)
        return reading

    def tick(self) -> None:
        """Read once, keep what came, and bring the history up to date."""
        started, now = self._clock.monotonic(), self._clock.now()
        reading = self.read()
        self._live.update(reading.frame, now)
        self._after_read()
        self._history.attempt(lambda store: store.rewind_watermark(now))
        trouble = self._roll_up(now)
        self._tidy(now)
        self._report(started, now, trouble or self._history.error)

    def _report(self, started: float, now: datetime, trouble: WatchdogError | None) -> None:
        self.state = replace(
            self.state,
            ticks=self.state.ticks + 1,
            last_tick_at=now,
            last_tick_seconds=self._clock.monotonic() - started,
            rolled_until=self._history.attempt(lambda store: store.watermark()),
            unsaved_samples=sum(map(len, self._unsaved)),
            error=str(trouble or ""),
            hint=trouble.hint if trouble else "",
        )

    def _keep(self, reading: Reading) -> None:
        self._history.attempt(lambda store: store.record_scrapes(reading.statuses))
        if not self._feed.remembers:
            self._save(reading.frame)

    def _save(self, frame: pd.DataFrame) -> None:
        """Write `frame` and all that could not be written before; keep what the store refuses."""
        if len(frame):
            self._unsaved.append(frame)
        while self._unsaved and self._history.done(partial(Store.append_samples, frame=self._unsaved[0])):
            self._unsaved.pop(0)
        while sum(map(len, self._unsaved)) > _MOST_UNSAVED:
            lost = len(self._unsaved.pop(0))
            self.state = replace(self.state, lost_samples=self.state.lost_samples + lost)

    def _roll_up(self, now: datetime) -> SourceError | None:
        """Roll up every minute that is over, oldest first; the source's error where it did not answer."""
        closed = floor_to(now - timedelta(seconds=self._config.late_seconds), _MINUTE)
        if not self._feed.remembers:
            self._history.attempt(lambda store: _roll_up_samples(store, closed))
            return None
        try:
            self._fill(closed)
            self._look_again(closed)
        except SourceError as error:
            return error
        return None

    def _fill(self, closed: datetime) -> None:
        """Fetch what is missing up to `closed`, an hour at a time, for at most about half an interval."""
        deadline = self._clock.monotonic() + self._config.interval_seconds / 2
        oldest = floor_to(closed - timedelta(hours=self._config.backfill_hours), _MINUTE)
        mark = self._history.attempt(lambda store: store.watermark() or oldest)
        mark = max(mark, oldest) if mark else None
        while mark and mark < closed and self._clock.monotonic() < deadline:
            window = Window(mark, min(floor_to(mark, _HOUR) + _HOUR, closed))
            mark = window.until if self._fetch(window) else None

    def _look_again(self, closed: datetime) -> None:
        hour = floor_to(closed - _SECOND_LOOK, _HOUR)
        if self._looked_again is None or self._looked_again > hour:
            self._looked_again = hour
        if self._looked_again < hour and self._fetch(Window(hour - _HOUR, hour)):
            self._looked_again = hour

    def _fetch(self, window: Window) -> bool:
        # Counters need the sample before the window to know what they counted from.
        frame = self._feed.samples(Window(window.since - LOOKBACK, window.until)).frame
        return self._history.done(lambda store: store.write_rollups(frame, window))

    def _tidy(self, now: datetime) -> None:
        """Sort closed hours at every tick, a few at a time; drop what is too old once an hour."""
        self._history.attempt(lambda store: store.compact())
        if self._tidied is not None and timedelta() <= now - self._tidied < _HOUR:
            return
        config = self._config
        keep = (
            timedelta(hours=config.samples_retention_hours),
            timedelta(days=config.minutes_retention_days),
            timedelta(days=config.hours_retention_days),
        )
        if self._history.done(lambda store: store.expire(now, *keep)):
            self._tidied = now


def _roll_up_samples(store: Store, closed: datetime) -> None:
    window = store.pending(closed)
    if window is not None:
        store.roll_up(window)
