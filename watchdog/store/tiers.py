"""The tables that hold measurements, from fine to coarse, and how each writes an instant down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from watchdog.base.clock import floor_to
from watchdog.model.arrays import duration_micros, micros

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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

    @property
    def micros(self) -> str:
        """SQL for a row's instant in microseconds since the epoch."""
        return f"epoch_us({self.time})"

    def slot(self, step: timedelta) -> str:
        """SQL for the number of the bucket of length `step`, counted from the epoch, that a row lies in."""
        return f"{self.micros} // {duration_micros(step)}"

    def key(self, instant: datetime) -> str:
        """SQL for the first value of the time column that is not before `instant`."""
        return f"make_timestamptz({micros(instant)})"

    def instant(self, value: datetime | int | None) -> datetime | None:
        """The instant that a value of the time column stands for."""
        return value.astimezone(UTC) if isinstance(value, datetime) else None

    def inside(self, since: datetime, until: datetime) -> str:
        """SQL for since <= time < until."""
        return f"{self.time} >= {self.key(since)} AND {self.time} < {self.key(until)}"


@dataclass(frozen=True)
class Tier(Table):
    """A table of rollups. Its buckets are `span` long and numbered from the epoch.

    Numbers take a quarter of the space of time stamps, which were a third of a row.
    """

    span: timedelta

    @property
    def micros(self) -> str:
        """SQL for the start of a row's bucket in microseconds since the epoch."""
        return f"({self.time}::BIGINT * {duration_micros(self.span)})"

    def slot(self, step: timedelta) -> str:
        """As of any table; in small numbers where they will do, which are grouped faster."""
        return super().slot(step) if step % self.span else f"{self.time} // {step // self.span}"

    def key(self, instant: datetime) -> str:
        """SQL for the number of the first bucket that starts at or after `instant`."""
        return str(-((EPOCH - instant) // self.span))

    def instant(self, value: datetime | int | None) -> datetime | None:
        """The start of the bucket with this number."""
        return EPOCH + value * self.span if isinstance(value, int) else None


SAMPLES_TABLE = Table("samples", "sampled_at", timedelta(minutes=15))
MINUTES = Tier("rollup_1m", "bucket", timedelta(hours=1), timedelta(minutes=1))
HOURS = Tier("rollup_1h", "bucket", timedelta(days=7), timedelta(hours=1))
DAYS = Tier("rollup_1d", "bucket", timedelta(days=28), timedelta(days=1))
TIERS = (MINUTES, HOURS, DAYS)
TABLES: tuple[Table, ...] = (SAMPLES_TABLE, *TIERS)


def ceil_to(instant: datetime, step: timedelta) -> datetime:
    """`instant` rounded up to a multiple of `step` since the epoch."""
    down = floor_to(instant, step)
    return down if down == instant else down + step
