"""How GPU measurements are asked for, wherever they come from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

import pandas as pd

from watchdog.model.frames import SAMPLES, SERIES

# A series without a sample for this long has no latest value: Prometheus' own lookback.
LOOKBACK = timedelta(minutes=5)


@dataclass(frozen=True)
class Window:
    """Half-open span of time [since, until), aware instants."""

    since: datetime
    until: datetime

    def __post_init__(self) -> None:
        if self.since.tzinfo is None or self.until.tzinfo is None:
            raise ValueError("a window needs aware instants")
        if self.since > self.until:
            raise ValueError(f"a window cannot end ({self.until}) before it starts ({self.since})")

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.until - self.since


class Statistic(StrEnum):
    """How the samples of one bucket become one value.

    INCREASE is for counters: how much was counted inside the bucket, resets taken into account.
    """

    AVG = "avg"
    MIN = "min"
    MAX = "max"
    LAST = "last"
    INCREASE = "increase"


class By(StrEnum):
    """What one line of an answer stands for; GPUs are combined as `Metric.over_gpus` says."""

    GPU = "gpu"
    NODE = "node"
    CLUSTER = "cluster"


@dataclass(frozen=True)
class Where:
    """Which GPUs: empty means all. Hashable, so that it can be part of a cache key."""

    nodes: tuple[str, ...] = ()
    gpus: tuple[str, ...] = ()


EVERYWHERE = Where()


@dataclass(frozen=True)
class Answer:
    """A frame, and how far to trust it.

    Attributes:
        incomplete: in words, why rows may be missing (a partial answer, a limit, warnings); empty = whole.
        not_exported: keys of asked metrics that no exporter of this source publishes.
    """

    frame: pd.DataFrame
    incomplete: tuple[str, ...] = ()
    not_exported: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True)
class SourceStatus:
    """What happened at the last read of one source.

    Attributes:
        name: what was read, for people: "Prometheus http://prom:9090", "exporter node01:9400". No secrets.
        error, hint: empty after a success.
        newest_sample_at: the newest measurement the source has given so far.
        note: what was odd about a read that worked ("3 values were no measurement").
    """

    name: str
    last_attempt_at: datetime | None = None
    last_success_at: datetime | None = None
    duration_seconds: float | None = None
    samples: int = 0
    newest_sample_at: datetime | None = None
    error: str = ""
    hint: str = ""
    clock_skew_seconds: float | None = None
    note: str = ""


class Telemetry(Protocol):
    """GPU measurements over time. All methods may raise SourceError or StoreError."""

    def samples(self, metrics: Sequence[str], window: Window, where: Where = EVERYWHERE) -> Answer:
        """Readings as they were taken, in `frames.SAMPLES`, ordered by metric, series and time."""
        ...

    def range(
        self,
        metrics: Sequence[str],
        window: Window,
        step: timedelta,
        *,
        statistic: Statistic = Statistic.AVG,
        by: By = By.GPU,
        where: Where = EVERYWHERE,
    ) -> Answer:
        """One value a bucket, in `frames.SERIES`; buckets start at multiples of `step` since the epoch."""
        ...

    def latest(self, metrics: Sequence[str], at: datetime, where: Where = EVERYWHERE) -> Answer:
        """The newest sample of each series in (at - LOOKBACK, at], in `frames.SAMPLES`."""
        ...

    def status(self) -> tuple[SourceStatus, ...]:
        """The last read of each thing this source reads."""
        ...


def empty_samples(not_exported: Iterable[str] = ()) -> Answer:
    """An answer without readings."""
    return Answer(SAMPLES.empty(), not_exported=frozenset(not_exported))


def empty_series(not_exported: Iterable[str] = ()) -> Answer:
    """An answer without buckets."""
    return Answer(SERIES.empty(), not_exported=frozenset(not_exported))
