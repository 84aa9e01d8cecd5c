"""The tables that hold measurements, from fine to coarse."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from watchdog.base.clock import floor_to


@dataclass(frozen=True)
class Table:
    """A table of measurements.

    Attributes:
        name: in SQL.
        time: its column of instants.
        block: the span of time whose rows are rewritten together in (series, time) order.
    """

    name: str
    time: str
    block: timedelta


@dataclass(frozen=True)
class Tier(Table):
    """A table of rollups; its buckets are `span` long."""

    span: timedelta


SAMPLES_TABLE = Table("samples", "sampled_at", timedelta(minutes=15))
MINUTES = Tier("rollup_1m", "bucket_at", timedelta(hours=1), timedelta(minutes=1))
HOURS = Tier("rollup_1h", "bucket_at", timedelta(days=7), timedelta(hours=1))
DAYS = Tier("rollup_1d", "bucket_at", timedelta(days=28), timedelta(days=1))
TIERS = (MINUTES, HOURS, DAYS)
TABLES: tuple[Table, ...] = (SAMPLES_TABLE, *TIERS)


def ceil_to(instant: datetime, step: timedelta) -> datetime:
    """`instant` rounded up to a multiple of `step` since the epoch."""
    down = floor_to(instant, step)
    return down if down == instant else down + step
