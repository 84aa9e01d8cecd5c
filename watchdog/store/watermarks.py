"""How far each table is complete, and before which instant it was emptied for good."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from watchdog.store.connection import Cursor, rows
from watchdog.store.tiers import EPOCH, Table, Tier


@dataclass(frozen=True)
class Marks:
    """All that this module keeps, read at once: a question asks for several."""

    kept: dict[str, datetime]

    def watermark(self, tier: Tier) -> datetime | None:
        """As the function `watermark`."""
        return self.kept.get(tier.name)

    def floor(self, table: Table) -> datetime:
        """As the function `floor`."""
        return self.kept.get(_floor_name(table), EPOCH)


def read_marks(cursor: Cursor) -> Marks:
    """How far every table goes."""
    return Marks({name: until.astimezone(UTC) for name, until in rows(cursor, "FROM watermarks SELECT name, until_at")})


def watermark(cursor: Cursor, tier: Tier) -> datetime | None:
    """Buckets of `tier` that end by then are rolled up; None before the first."""
    return get(cursor, tier.name)


def floor(cursor: Cursor, table: Table) -> datetime:
    """Rows before it were dropped by retention; the epoch if none were."""
    return get(cursor, _floor_name(table)) or EPOCH


def raise_floor(cursor: Cursor, table: Table, until: datetime) -> None:
    """Remember that rows before `until` are dropped."""
    put(cursor, _floor_name(table), max(until, floor(cursor, table)))


def advance(cursor: Cursor, tier: Tier, until: datetime) -> None:
    """Move the watermark forward to `until`; never back."""
    known = watermark(cursor, tier)
    if known is None or until > known:
        put(cursor, tier.name, until)


def pull_back(cursor: Cursor, tier: Tier, until: datetime) -> bool:
    """Move the watermark back to `until`, so that what follows is rolled up again; False if it was not beyond."""
    known = watermark(cursor, tier)
    if known is None or known <= until:
        return False
    put(cursor, tier.name, until)
    return True


def get(cursor: Cursor, name: str) -> datetime | None:
    """The instant kept under `name`."""
    found = rows(cursor, "SELECT until_at FROM watermarks WHERE name = ?", [name])
    return found[0][0].astimezone(UTC) if found else None


def put(cursor: Cursor, name: str, until: datetime) -> None:
    """Keep an instant under `name`."""
    rows(cursor, "DELETE FROM watermarks WHERE name = ?", [name])
    rows(cursor, "INSERT INTO watermarks VALUES (?, ?)", [name, until])


def _floor_name(table: Table) -> str:
    return f"{table.name} floor"
