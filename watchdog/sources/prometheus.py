"""GPU measurements of a Prometheus-compatible server, through its HTTP API."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from watchdog.base.clock import Clock, floor_to
from watchdog.base.config import Config
from watchdog.model.arrays import codes, micros
from watchdog.model.buckets import bucketed, combined
from watchdog.model.frames import SAMPLES, SERIES, concat
from watchdog.model.metrics import Metric, metric
from watchdog.model.telemetry import EVERYWHERE, LOOKBACK, Answer, By, SourceStatus, Statistic, Where, Window
from watchdog.sources.derived import by_metric, derivable, with_ingredients, with_memory_total
from watchdog.sources.discovery import Discovery
from watchdog.sources.identity import GPU_INFO, MIG_INFO
from watchdog.sources.inserver import InServer, needs_raw
from watchdog.sources.promapi import PromApi, Query
from watchdog.sources.promql import Selector, milliseconds, seconds, selectors
from watchdog.sources.reader import Read, Reader, Resolver, gathered
from watchdog.sources.windows import Piece

_TICK = timedelta(microseconds=1)
# One call may take several queries' time.
_CALLS = 3


@dataclass
class _Asked:
    """A call under way: what it may read, and what was odd."""

    metrics: tuple[str, ...]
    names: frozenset[str]
    where: Where
    resolver: Resolver
    remarks: list[str] = field(default_factory=list)

    def not_exported(self) -> frozenset[str]:
        exported = {key for key in with_ingredients(self.metrics) if self.exported(metric(key))}
        return frozenset(self.metrics) - exported - derivable(self.metrics, exported)

    def exported(self, one: Metric) -> list[str]:
        """Names that the server has for it, the preferred first."""
        return list(dict.fromkeys(e.name for e in one.names if e.name in self.names))


class PrometheusTelemetry:
    """`model.telemetry.Telemetry` of one server. Any number of threads may ask."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self._api = PromApi(config, clock)
        self.name = self._api.name
        self._discovery = Discovery(self._api, clock, config.prometheus_timeout_seconds)
        self._reader = Reader(self._api, clock, _CALLS * config.prometheus_timeout_seconds)
        self._in_server = InServer(self._api, self._reader)
        self._lock = threading.Lock()
        self._resolver = Resolver()

    def close(self) -> None:
        """Let go of threads and connections."""
        self._reader.close()
        self._api.session.close()

    def status(self) -> tuple[SourceStatus, ...]:
        """How the last query went."""
        return (self._api.status(),)

    def samples(self, metrics: Sequence[str], window: Window, where: Where = EVERYWHERE) -> Answer:
        """Readings as they were taken, in `frames.SAMPLES`, ordered by metric, series and time."""
        asked = self._asked(metrics, where)
        return _answer(_only(self._samples(asked, metrics, window), metrics, where), asked)

    def latest(self, metrics: Sequence[str], at: datetime, where: Where = EVERYWHERE) -> Answer:
        """The newest sample of each series in (at - LOOKBACK, at], in `frames.SAMPLES`."""
        asked = self._asked(metrics, where)
        frame = self._raw(asked, with_ingredients(metrics), Window(at - LOOKBACK + _TICK, at + _TICK))
        series = codes(frame, ("metric", "gpu_uuid", "part"))
        newest = pd.Series(frame["sampled_at"]).groupby(series).transform("max") == frame["sampled_at"]
        last = with_memory_total(frame[newest].reset_index(drop=True), SAMPLES)
        return _answer(_only(last, metrics, where), asked)

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
        asked = self._asked(metrics, where)
        raw = [key for key in metrics if needs_raw(metric(key), step, statistic) or not asked.exported(metric(key))]
        parts = [self._from_samples(asked, raw, window, step, statistic)] if raw else []
        parts += [self._from_server(asked, key, window, step, statistic) for key in sorted(set(metrics) - set(raw))]
        series = by_metric(_only(concat(SERIES, parts), metrics, where))
        return _answer(combined(series, by), asked)

    def _asked(self, metrics: Sequence[str], where: Where) -> _Asked:
        for key in metrics:
            metric(key)
        names = self._discovery.names()
        with self._lock:
            if self._resolver.is_full:
                self._resolver = Resolver()
            return _Asked(tuple(metrics), names, where, self._resolver)

    def _samples(self, asked: _Asked, metrics: Iterable[str], window: Window) -> pd.DataFrame:
        return with_memory_total(self._raw(asked, with_ingredients(metrics), window), SAMPLES)

    def _from_samples(
        self, asked: _Asked, metrics: Sequence[str], window: Window, step: timedelta, statistic: Statistic
    ) -> pd.DataFrame:
        before = LOOKBACK if statistic is Statistic.INCREASE else timedelta(0)
        frame = self._samples(asked, metrics, Window(window.since - before, window.until))
        return bucketed(_only(frame, metrics, asked.where), window, step, statistic)

    def _from_server(
        self, asked: _Asked, key: str, window: Window, step: timedelta, statistic: Statistic
    ) -> pd.DataFrame:
        """Whole buckets counted by the server; what it cannot count exactly, and the ends, from samples."""
        since, until = _whole(window, step)
        if since >= until:
            return self._from_samples(asked, [key], window, step, statistic)
        chosen = self._selectors(asked, metric(key))
        self._learn(asked, chosen, window)
        inside = Window(since, until)
        counted = self._in_server.counted(key, chosen, inside, step, statistic, asked.resolver)
        asked.remarks += counted.remarks
        parts = [counted.series]
        if counted.doubtful:
            some = _Asked((key,), asked.names, Where(gpus=counted.doubtful), asked.resolver, asked.remarks)
            parts.append(self._from_samples(some, [key], inside, step, statistic))
        ends = (Window(window.since, since), Window(until, window.until))
        parts += [self._from_samples(asked, [key], end, step, statistic) for end in ends if end.since < end.until]
        frame = concat(SERIES, parts)
        order = ["metric", "node", "gpu_index", "gpu_uuid", "part", "bucket_at"]
        return frame.sort_values(order, ignore_index=True) if len(parts) > 1 else frame

    def _raw(self, asked: _Asked, metrics: Iterable[str], window: Window) -> pd.DataFrame:
        """SAMPLES of the metrics, exactly in the window."""
        chosen = {key: self._selectors(asked, metric(key)) for key in sorted(metrics)}
        distinct = list(dict.fromkeys(selector for some in chosen.values() for selector in some))
        since, until = micros(window.since), micros(window.until)
        pieces = [piece for selector in distinct for piece in Piece(selector, since, until).chunks()]
        if not pieces:
            return SAMPLES.empty()
        self._learn(asked, distinct, window)
        reads: dict[Selector, list[Read]] = {}
        for piece, some in self._reader.read(pieces, asked.resolver):
            reads.setdefault(piece.selector, []).extend(some)
            asked.remarks += [remark for read in some for remark in read.series.remarks]
        frames = [
            _frame(key, [read for selector in some for read in reads.get(selector, [])], asked.resolver, since, until)
            for key, some in chosen.items()
        ]
        return concat(SAMPLES, frames)

    def _selectors(self, asked: _Asked, one: Metric) -> list[Selector]:
        labels = self._discovery.labels() if asked.where != EVERYWHERE else ()
        return [selector for name in asked.exported(one) for selector in selectors(name, asked.where, labels)]

    def _learn(self, asked: _Asked, chosen: Sequence[Selector], window: Window) -> None:
        """Read the series that say which index and model a UUID has, where an exporter needs them."""
        if not any(selector.name.startswith("nvidia_smi_") for selector in chosen):
            return
        length = milliseconds(micros(window.until) - micros(window.since - LOOKBACK))
        for name in sorted({GPU_INFO, MIG_INFO} & asked.names):
            form = {"query": f"last_over_time({name}[{length}])", "time": seconds(micros(window.until))}
            asked.resolver.learn(name, self._api.query(Query("/api/v1/query", form)).labels)


def _frame(key: str, reads: list[Read], resolver: Resolver, since: int, until: int) -> pd.DataFrame:
    """SAMPLES of one metric, of all that was read for its names."""
    registry = resolver.registry
    numbers = {n for read in reads for entries in read.entries for n in entries}
    wanted = {n for n in numbers if registry.entry(n).metric.key == key}
    if not wanted:
        return SAMPLES.empty()
    entry, at, raw = gathered(reads, wanted, registry.order())
    inside = (at >= since) & (at < until)
    if not inside.all():
        entry, at, raw = entry[inside], at[inside], raw[inside]
    return registry.rows(entry, at, raw).frame


def _whole(window: Window, step: timedelta) -> tuple[datetime, datetime]:
    """The whole buckets in `window`."""
    first = floor_to(window.since, step)
    return first if first == window.since else first + step, floor_to(window.until, step)


def _only(frame: pd.DataFrame, metrics: Iterable[str], where: Where) -> pd.DataFrame:
    """The rows that were asked for; servers and ingredients give more."""
    wanted = set(metrics)
    keep = np.ones(len(frame), dtype=bool)
    if not set(frame["metric"].cat.categories) <= wanted:
        keep &= frame["metric"].isin(wanted).to_numpy()
    if where.nodes:
        keep &= frame["node"].isin(where.nodes).to_numpy()
    if where.gpus:
        keep &= frame["gpu_uuid"].isin(where.gpus).to_numpy()
    if keep.all():
        return frame
    chosen = frame[keep].reset_index(drop=True)
    for name in ("metric", "node", "gpu_uuid", "part"):
        chosen[name] = chosen[name].cat.remove_unused_categories()
    return chosen


def _answer(frame: pd.DataFrame, asked: _Asked) -> Answer:
    return Answer(frame, tuple(dict.fromkeys(asked.remarks)), asked.not_exported())
