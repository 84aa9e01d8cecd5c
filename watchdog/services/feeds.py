"""What the collector reads at each tick: exporters, a Prometheus server, or a simulated cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import pandas as pd

from watchdog.base.clock import Clock
from watchdog.base.errors import SourceError
from watchdog.model.frames import SAMPLES
from watchdog.model.metrics import CATALOGUE
from watchdog.model.telemetry import Answer, SourceStatus, Telemetry, Window
from watchdog.sources.scrape import Scraper

ALL_METRICS = tuple(CATALOGUE)


@dataclass(frozen=True)
class Reading:
    """What one tick brought: samples (SAMPLES) and how each source did."""

    frame: pd.DataFrame
    statuses: tuple[SourceStatus, ...]


class Feed(Protocol):
    """A source as the collector sees it.

    A feed that `remembers` can be asked for any past window again (Prometheus), so only rollups are kept;
    of one that does not, every sample is kept for a while.
    """

    remembers: bool

    def read(self) -> Reading:
        """What is new; never raises SourceError, the statuses say what failed."""
        ...

    def samples(self, window: Window) -> Answer:
        """All samples of a past window; only where it `remembers`."""
        ...

    def past(self, since: datetime | None) -> Iterator[pd.DataFrame]:
        """Samples from before the first read, for a feed that brings its own past; `since` is already stored."""
        ...


class ScrapeFeed:
    """Exporters, read directly; a simulated one brings its past with it."""

    remembers = False

    def __init__(
        self, scraper: Scraper, past: Callable[[datetime | None], Iterator[pd.DataFrame]] | None = None
    ) -> None:
        self._scraper = scraper
        self._past = past

    def read(self) -> Reading:
        """Scrape every target once."""
        result = self._scraper.scrape()
        return Reading(result.frame, result.statuses)

    def samples(self, window: Window) -> Answer:
        """An exporter knows only now."""
        del window
        return Answer(SAMPLES.empty())

    def past(self, since: datetime | None) -> Iterator[pd.DataFrame]:
        """The simulated past, if there is one."""
        return self._past(since) if self._past else iter(())


class PrometheusFeed:
    """A Prometheus-compatible server, read through its HTTP API."""

    remembers = True

    def __init__(self, telemetry: Telemetry, clock: Clock) -> None:
        self._telemetry = telemetry
        self._clock = clock

    def read(self) -> Reading:
        """The newest sample of everything."""
        try:
            frame = self._telemetry.latest(ALL_METRICS, self._clock.now()).frame
        except SourceError:
            frame = SAMPLES.empty()  # the status below carries the error
        return Reading(frame, self._telemetry.status())

    def samples(self, window: Window) -> Answer:
        """Every sample the server has of the window; may raise SourceError."""
        return self._telemetry.samples(ALL_METRICS, window)

    def past(self, since: datetime | None) -> Iterator[pd.DataFrame]:
        """Nothing: gaps are filled by asking for windows."""
        del since
        return iter(())
