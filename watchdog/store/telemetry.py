"""The store as a Telemetry: what pages ask where there is no Prometheus, and of the past that it no longer has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from watchdog.model.frames import SAMPLES, SERIES
from watchdog.model.telemetry import (
    EVERYWHERE,
    LOOKBACK,
    Answer,
    By,
    SourceStatus,
    Statistic,
    Where,
    Window,
    empty_samples,
    empty_series,
)
from watchdog.store.connection import Cursor, rows
from watchdog.store.database import Store
from watchdog.store.lines import Lines, exported, find_lines
from watchdog.store.queries import Rows, buckets, newest, readings
from watchdog.store.series import SeriesTable
from watchdog.store.spans import Span, choose_spans, dropped_before
from watchdog.store.tiers import HOURS, MINUTES, SAMPLES_TABLE
from watchdog.store.watermarks import Marks, floor, read_marks


class StoreTelemetry:
    """Answers from the store's samples and rollups; every method may raise StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def samples(self, metrics: Sequence[str], window: Window, where: Where = EVERYWHERE) -> Answer:
        """As `Telemetry.samples`: only of what was scraped directly, within its retention."""
        with self._store.read() as (cursor, series):
            absent, lines = _absent(series, metrics), find_lines(series, metrics, where, By.GPU)
            if not len(lines):
                return empty_samples(absent)
            notes = _gone(read_marks(cursor), [Span(SAMPLES_TABLE, window.since, window.until)], timedelta())
            line, at, value = readings(cursor, lines, window)
        return Answer(lines.frame(SAMPLES.columns, line, at, value), notes, absent)

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
        """As `Telemetry.range`, from the coarsest rollups whose buckets divide `step`."""
        with self._store.read() as (cursor, series):
            absent = _absent(series, metrics)
            lines = find_lines(series, metrics, where, by, counters=statistic is Statistic.INCREASE)
            at_hand = bool(step % MINUTES.span) and _has_samples(cursor, window)
            marks = read_marks(cursor)
            spans = choose_spans(marks, window, step, samples_at_hand=at_hand)
            if not len(lines) or not spans:
                return empty_series(absent)
            line, at, value = buckets(cursor, lines, spans, step, statistic)
            notes = _gone(marks, spans, step)
        return Answer(lines.frame(SERIES.columns, line, at, value), notes, absent)

    def latest(self, metrics: Sequence[str], at: datetime, where: Where = EVERYWHERE) -> Answer:
        """As `Telemetry.latest`; where samples are gone or never kept, the last value of the minute or hour before."""
        series, kept = self._store.newest()
        absent, lines = _absent(series, metrics), find_lines(series, metrics, where, By.GPU)
        if not len(lines):
            return empty_samples(absent)
        found = kept.answer(lines, at) if kept else None
        line, when, value = found or self._newest_in_tables(lines, at)
        return Answer(lines.frame(SAMPLES.columns, line, when, value), (), absent)

    def _newest_in_tables(self, lines: Lines, at: datetime) -> Rows:
        with self._store.read() as (cursor, _):
            tier = HOURS if at - LOOKBACK < floor(cursor, MINUTES) else MINUTES
            return newest(cursor, lines, at, tier)

    def status(self) -> tuple[SourceStatus, ...]:
        """The last read of each source that feeds the store."""
        return self._store.scrapes()


def _has_samples(cursor: Cursor, window: Window) -> bool:
    sql = "SELECT 1 FROM samples WHERE sampled_at >= ? AND sampled_at < ? LIMIT 1"
    return bool(rows(cursor, sql, [window.since, window.until]))


def _gone(marks: Marks, spans: list[Span], step: timedelta) -> tuple[str, ...]:
    """In words, what retention has taken from the asked past."""
    until = dropped_before(marks, spans, step)
    return (f"so fine a step is kept only since {until:%Y-%m-%d %H:%M} UTC",) if until else ()


def _absent(series: SeriesTable, metrics: Sequence[str]) -> frozenset[str]:
    """Metrics no exporter ever gave; a store without any series knows nothing of what is exported."""
    return frozenset(key for key in metrics if not exported(series, key)) if len(series) else frozenset()
