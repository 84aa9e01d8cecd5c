"""The store: one DuckDB file with readings, rollups and the state of the sources."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd

from watchdog.base.clock import floor_to
from watchdog.model.arrays import Ints, column_micros, micros
from watchdog.model.frames import GPUS
from watchdog.model.metrics import CATALOGUE, Kind
from watchdog.model.telemetry import SourceStatus, Window
from watchdog.store import blocks, retention, rollups, samples, scrapes, stats, watermarks
from watchdog.store.connection import Cursor, Database, rows
from watchdog.store.gpus import gpus_of
from watchdog.store.minutes import Readings
from watchdog.store.newest import Newest, load_newest
from watchdog.store.schema import migrate
from watchdog.store.scrapes import Failure
from watchdog.store.series import SeriesTable, load_series, save_series
from watchdog.store.tiers import MINUTES, TIERS, Tier

_COUNTERS = tuple(key for key, metric in CATALOGUE.items() if metric.kind is Kind.COUNTER)
_ROLL_STEP = timedelta(hours=1)


@dataclass(frozen=True, eq=False)
class _Known:
    """What memory knows of the file; changes as a whole, when a transaction is through.

    Attributes:
        series: every series as it is.
        saved: every series as the file has it.
        newest: the newest value of each.
        sure: an error may come after the commit, from a checkpoint: then the file knows more than memory.
    """

    series: SeriesTable
    saved: SeriesTable
    newest: Newest
    sure: bool = True

    @classmethod
    def load(cls, cursor: Cursor) -> _Known:
        series = load_series(cursor)
        return cls(series, series, load_newest(cursor))


class Store:
    """Readings and rollups of GPUs in one file; safe to use from many threads.

    Every method may raise StoreError: StoreLockedError (the file is open in another process), StoreVersionError
    (not our file, or a newer one), StoreFullError (no space, no right to write; later calls work again once there
    is). A write that raised changed nothing.
    """

    def __init__(self, path: Path, *, memory_limit: str = "1GB", threads: int = 0) -> None:
        """Open the file, creating it and its folder if needed.

        Args:
            path: the DuckDB file.
            memory_limit: the most DuckDB may hold in memory, as it writes sizes ("512MB"); beyond, it spills to disk.
            threads: the most it may use for one query; 0 = all cores, at most 4.
        """
        self._database = Database(path, migrate, memory_limit=memory_limit, threads=threads)
        # What memory knows changes under the lock.
        self._lock = threading.RLock()
        with self._database.read() as cursor:
            self._known = self._after_commit = _Known.load(cursor)

    # Writing

    def append_samples(self, frame: pd.DataFrame) -> None:
        """Keep readings (SAMPLES). Ones that are there already, or older than retention, are skipped.

        Readings older than the watermark pull it back, so that `pending` names their minutes again.
        """
        if frame.empty:
            return
        with self._taking_in(frame, instants=False) as (cursor, known, ids):
            samples.register_samples(cursor, frame, ids)
            samples.insert_samples(cursor)
            at, value = column_micros(frame["sampled_at"]), frame["value"].to_numpy()
            self._after_commit = replace(known, newest=known.newest.with_samples(ids, at, value))

    def pending(self, until: datetime) -> Window | None:
        """The whole minutes before `until` that have readings and are not rolled up yet; None if there are none."""
        with self._database.read() as cursor:
            since = watermarks.watermark(cursor, MINUTES)
            if since is None:
                oldest = rows(cursor, "SELECT min(sampled_at) FROM samples")[0][0]
                since = oldest and floor_to(oldest, MINUTES.span)
        end = floor_to(until, MINUTES.span)
        return Window(since, end) if since and since < end else None

    def roll_up(self, window: Window) -> None:
        """Compute the minutes of `window` from the readings kept here, and the hours and days that they change.

        Each hour is one transaction that also moves the watermark: a repeat changes nothing.
        """
        since = floor_to(window.since, MINUTES.span)
        while since < window.until:
            until = min(floor_to(since, _ROLL_STEP) + _ROLL_STEP, window.until)
            self._roll_up_from_samples(Window(since, until))
            since = until

    def write_rollups(self, frame: pd.DataFrame, window: Window) -> None:
        """Compute the minutes of `window` from `frame` (SAMPLES), which is not kept, and what stands on them.

        `frame` should begin LOOKBACK before the window, so that counters know what they counted from. One
        transaction; a repeat changes nothing, and a minute or series that is not in `frame` stays as it is.
        """
        with self._taking_in(frame, instants=True) as (cursor, known, ids):
            readings = Readings.of(ids, column_micros(frame["sampled_at"]), frame["value"].to_numpy())
            minutes = rollups.from_readings(cursor, readings, window, known.series.are(_COUNTERS))
            self._after_commit = replace(known, newest=known.newest.with_minutes(minutes))

    def rewind_watermark(self, now: datetime) -> bool:
        """After the clock was ahead: pull watermarks that lie in the future back to `now`; True if any did."""
        with self._database.write() as cursor:
            moved = [watermarks.pull_back(cursor, tier, floor_to(now, tier.span)) for tier in TIERS]
        return any(moved)

    def compact(self, most: int = 4) -> int:
        """Rewrite up to `most` complete blocks in (series, time) order, a transaction each; returns how many."""
        for done in range(most):
            with self._database.write() as cursor:
                found = blocks.next_block(cursor)
                if found is None:
                    return done
                blocks.sort_block(cursor, *found)
        return most

    def expire(self, now: datetime, samples: timedelta, minutes: timedelta, hours: timedelta) -> None:
        """Drop readings and rollups older than these ages, in whole hours and days; days stay for ever."""
        with self._database.read() as cursor:
            due = list(retention.due(cursor, now, retention.ages(samples, minutes, hours)))
        for table, until in due:
            with self._changing() as (cursor, known):
                retention.drop(cursor, table, until)
                self._after_commit = replace(known, newest=known.newest.without(table, until))
        with self._database.write() as cursor:
            scrapes.forget_scrapes(cursor, now - minutes)

    def record_scrapes(self, statuses: Sequence[SourceStatus]) -> None:
        """Keep what happened at the last read of each of these sources."""
        with self._database.write() as cursor:
            scrapes.save_scrapes(cursor, statuses)

    # Reading

    @contextmanager
    def read(self) -> Iterator[tuple[Cursor, SeriesTable]]:
        """A cursor on one state of the file, and the series it knows; for the modules of `store`."""
        series = self._known.series
        with self._database.read() as cursor:
            yield cursor, series

    def newest(self) -> tuple[SeriesTable, Newest | None]:
        """The series, and the newest value of each as memory has it; None while only the file is sure to know."""
        known = self._known
        return known.series, known.newest if known.sure else None

    @contextmanager
    def write(self) -> Iterator[Cursor]:
        """A cursor in a transaction, for the modules of `store` with tables of their own."""
        with self._database.write() as cursor:
            yield cursor

    def gpus(self, seen_since: datetime) -> pd.DataFrame:
        """Every GPU that gave a reading since then (GPUS), where it was last."""
        return GPUS.conform(gpus_of(self._known.series, micros(seen_since)))

    def watermark(self, name: str = MINUTES.name) -> datetime | None:
        """Until when a tier (`rollup_1m`, `rollup_1h`, `rollup_1d`) is complete; None before its first bucket."""
        with self._database.read() as cursor:
            return watermarks.watermark(cursor, _tier(name))

    def scrapes(self) -> tuple[SourceStatus, ...]:
        """The last read of each source, by name."""
        with self._database.read() as cursor:
            return scrapes.load_scrapes(cursor)

    def failures(self) -> tuple[Failure, ...]:
        """Failed reads of late, newest first."""
        with self._database.read() as cursor:
            return scrapes.load_failures(cursor)

    def stats(self) -> stats.StoreStats:
        """Sizes, rows and reach of the store, and the free space beside it."""
        with self._database.read() as cursor:
            return stats.read_stats(cursor, self._database.path, len(self._known.series))

    def checkpoint(self) -> None:
        """Fold the write-ahead log into the file."""
        self._database.checkpoint()

    def copy_to(self, path: Path) -> None:
        """A whole copy of the file as of now, under a name that is not taken, while everything goes on."""
        self._database.copy_to(path)

    def close(self) -> None:
        """Give the file back."""
        self._known = replace(self._known, sure=False)
        self._database.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _roll_up_from_samples(self, window: Window) -> None:
        with self._changing() as (cursor, known):
            minutes = rollups.from_samples(cursor, window, known.series.are(_COUNTERS))
            saved = save_series(cursor, known.saved, known.series, instants=True)
            self._after_commit = replace(known, saved=saved, newest=known.newest.with_minutes(minutes))

    @contextmanager
    def _taking_in(self, frame: pd.DataFrame, *, instants: bool) -> Iterator[tuple[Cursor, _Known, Ints]]:
        """A writing cursor, and the series ids of `frame`; what it says of series is kept in the same transaction."""
        with self._changing() as (cursor, known):
            series, ids = known.series.with_frame(frame, column_micros(frame["sampled_at"]))
            saved = save_series(cursor, known.saved, series, instants=instants)
            yield cursor, replace(known, series=series, saved=saved), ids

    @contextmanager
    def _changing(self) -> Iterator[tuple[Cursor, _Known]]:
        """A writing cursor, and what memory knows; it knows `_after_commit` once the transaction is through."""
        with self._lock:
            if not self._known.sure:
                with self._database.read() as cursor:
                    self._known = _Known.load(cursor)
            self._after_commit = self._known
            try:
                with self._database.write() as cursor:
                    yield cursor, self._known
            except BaseException:
                self._known = replace(self._known, sure=False)
                raise
            self._known = self._after_commit


def _tier(name: str) -> Tier:
    return next(tier for tier in TIERS if tier.name == name)
