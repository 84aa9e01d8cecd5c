"""Retention: old rows go in whole ranges, a day or an hour at once; DuckDB uses their space again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from watchdog.base.clock import floor_to
from watchdog.model.telemetry import LOOKBACK
from watchdog.store import changes
from watchdog.store.connection import Cursor, rows
from watchdog.store.tiers import DAYS, HOURS, MINUTES, SAMPLES_TABLE, Table
from watchdog.store.watermarks import floor, raise_floor, watermark

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


def due(cursor: Cursor, now: datetime, ages: dict[Table, timedelta]) -> Iterator[tuple[Table, datetime]]:
    """What can go: (table, until) steps of at most a day each, oldest first.

    Nothing goes before the coarser tier has taken it in, whatever its age.
    """
    for table, age in ages.items():
        until = _limit(cursor, table, floor_to(now - age, _HOUR if table is SAMPLES_TABLE else _DAY))
        oldest = table.instant(rows(cursor, f"SELECT min({table.time}) FROM {table.name}")[0][0])
        step = floor_to(oldest, _DAY) if oldest else until
        while step < until:
            step = min(step + _DAY, until)
            yield table, step


def _limit(cursor: Cursor, table: Table, until: datetime) -> datetime:
    if table is SAMPLES_TABLE:
        taken = watermark(cursor, MINUTES)
        return min(until, floor_to(taken - 2 * LOOKBACK, _HOUR)) if taken else floor(cursor, table)
    taken = watermark(cursor, DAYS)
    return min(until, taken) if taken else floor(cursor, table)


def drop(cursor: Cursor, table: Table, until: datetime) -> None:
    """Delete the rows of `table` before `until`, for good."""
    rows(cursor, f"DELETE FROM {table.name} WHERE {table.time} < {table.key(until)}")
    rows(
        cursor, "DELETE FROM unsorted_blocks WHERE table_name = ? AND block_at <= ?", [table.name, until - table.block]
    )
    changes.forget(cursor, table.name, until)
    raise_floor(cursor, table, until)


def ages(samples: timedelta, minutes: timedelta, hours: timedelta) -> dict[Table, timedelta]:
    """How old the rows of each table may get; days stay."""
    return {SAMPLES_TABLE: samples, MINUTES: minutes, HOURS: hours}
