"""Buckets counted by the server, where that is exact: long steps, where samples would be many.

A server does not know that 9.2e18 means "no measurement" or that two series are one GPU's. Series in which
that happens are named, so that the caller reads their samples instead.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pandas as pd

from watchdog.model.arrays import duration_micros, micros
from watchdog.model.frames import SERIES, concat
from watchdog.model.metrics import Dialect, Kind, Metric
from watchdog.model.telemetry import Statistic, Window
from watchdog.sources.derived import INGREDIENTS
from watchdog.sources.promapi import PromApi, Query
from watchdog.sources.promql import Selector
from watchdog.sources.reader import Read, Reader, Resolver, gathered
from watchdog.sources.windows import Piece

# Up to here samples are hardly more than buckets, and exact.
_RAW_UP_TO = timedelta(seconds=30)
# Raw values from here on may be "blank" without being out of range.
_LEAST_BLANK = 2147483632.0
_WITH_BLANKS = (Dialect.DCGM, Dialect.DCGM_46)
_MILLI = 1000
# A multiple of ten: a range selector that holds its left end sees two points of this, otherwise one.
_PROBE = Query("/api/v1/query", {"query": "count_over_time(vector(1)[10s:10s])", "time": "1700000000"})


def needs_raw(metric: Metric, step: timedelta, statistic: Statistic) -> bool:
    """Whether buckets of this must be made of samples."""
    return (
        statistic is Statistic.INCREASE
        or step <= _RAW_UP_TO
        or step % timedelta(seconds=1) != timedelta(0)
        or metric.key in INGREDIENTS
        or metric.kind is Kind.COUNTER
        or any(name.bit for name in metric.names)
        or any(metric.high / name.factor >= _LEAST_BLANK for name in metric.names if name.dialect in _WITH_BLANKS)
    )


@dataclass(frozen=True)
class Counted:
    """Buckets of one metric.

    Attributes:
        series: SERIES by GPU, of the GPUs that the server counts exactly.
        doubtful: UUIDs of the others.
        remarks: in words, why something may be missing.
    """

    series: pd.DataFrame
    doubtful: tuple[str, ...]
    remarks: tuple[str, ...]


class InServer:
    """Asks one server to count."""

    def __init__(self, api: PromApi, reader: Reader) -> None:
        self._api = api
        self._reader = reader
        self._lock = threading.Lock()
        self._closed: bool | None = None

    def counted(
        self,
        key: str,
        chosen: Sequence[Selector],
        window: Window,
        step: timedelta,
        statistic: Statistic,
        resolver: Resolver,
    ) -> Counted:
        """Buckets of `key` in `window`, which starts and ends with a bucket."""
        length = duration_micros(step)
        since, until = micros(window.since), micros(window.until)
        buckets = Piece(Selector(""), since, until, length, f"{statistic}_over_time", self._range(length))
        # One point over the whole window: which series ever left the range of measurements.
        extremes = [
            replace(buckets, step=until - since, function=f"{which}_over_time", range_length=self._range(until - since))
            for which in ("min", "max")
        ]
        pieces = [replace(piece, selector=s) for s in chosen for piece in buckets.chunks()]
        asked = [replace(piece, selector=s) for piece in extremes for s in chosen]
        answers = self._reader.read([*pieces, *asked], resolver)
        reads = [read for _, some in answers[: len(pieces)] for read in some]
        checks: dict[str, list[Read]] = {which: [] for which in ("min_over_time", "max_over_time")}
        for piece, some in answers[len(pieces) :]:
            checks[piece.function] += some
        doubtful = _mixed(checks["min_over_time"], checks["max_over_time"], resolver) | _doubled(reads)
        uuids = {resolver.registry.entry(n).identity.gpu_uuid for n in doubtful}
        remarks = tuple(remark for read in reads for remark in read.series.remarks)
        return Counted(_series(reads, uuids, length, resolver), tuple(sorted(uuids)), remarks)

    def _range(self, length: int) -> int:
        """The range selector over one bucket, evaluated at its last millisecond."""
        with self._lock:
            if self._closed is None:
                value = self._api.query(_PROBE).value
                self._closed = bool(len(value) and value[0] == 2)
        # Left-open selectors, since Prometheus 3 and in VictoriaMetrics, begin after their left end.
        return length - _MILLI if self._closed else length


def _mixed(lowest: list[Read], highest: list[Read], resolver: Resolver) -> set[int]:
    """Entries with measurements and with values that are none, or with NaN."""
    low, high = _extremes(lowest, min), _extremes(highest, max)
    found = set()
    for number in low.keys() & high.keys():
        entry = resolver.registry.entry(number)
        least, most = entry.metric.low / entry.exported.factor, entry.metric.high / entry.exported.factor
        any_bad = low[number] < least or high[number] > most or np.isnan(low[number] + high[number])
        all_bad = high[number] < least or low[number] > most
        if any_bad and not all_bad:
            found.add(number)
    return found


def _extremes(reads: list[Read], of: Callable[[float, float], float]) -> dict[int, float]:
    found: dict[int, float] = {}
    for read in reads:
        starts = np.cumsum(read.series.counts) - read.series.counts
        for entries, start, count in zip(read.entries, starts, read.series.counts, strict=True):
            for number in entries if count else ():
                value = float(read.series.value[start])
                found[number] = of(found[number], value) if number in found else value
    return found


def _doubled(reads: list[Read]) -> set[int]:
    """Entries that several series of one answer stand for, and entries with a NaN."""
    found: set[int] = set()
    for read in reads:
        flat = [number for entries in read.entries for number in entries]
        if len(set(flat)) < len(flat):
            numbers, counts = np.unique(flat, return_counts=True)
            found |= set(numbers[counts > 1].tolist())
        bad = np.flatnonzero(np.isnan(read.series.value))
        if len(bad):
            owner = np.searchsorted(np.cumsum(read.series.counts), bad, side="right")
            found |= {number for n in np.unique(owner).tolist() for number in read.entries[n]}
    return found


def _series(reads: list[Read], doubtful: set[str], length: int, resolver: Resolver) -> pd.DataFrame:
    """SERIES of what the server counted, without the doubtful GPUs."""
    numbers = {number for read in reads for entries in read.entries for number in entries}
    good = {n for n in numbers if resolver.registry.entry(n).identity.gpu_uuid not in doubtful}
    if not good:
        return SERIES.empty()
    entry, at, raw = gathered(reads, good, resolver.registry.order())
    frame = resolver.registry.rows(entry, at - (length - _MILLI), raw).frame
    return concat(SERIES, [frame.rename(columns={"sampled_at": "bucket_at"})[list(SERIES.columns)]])
