"""Which spans of the rollups were written since when: what a copy needs to know to copy only what changed.

Kept in the transaction that writes the rows, so that neither a crash nor a backfill goes unnoticed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from watchdog.base.clock import floor_to
from watchdog.store.connection import Cursor, rows
from watchdog.store.tiers import DAYS, HOURS, MINUTES, Tier

# The finest spans that are told apart; each is 24 to 60 buckets.
SPANS: dict[Tier, timedelta] = {MINUTES: timedelta(hours=1), HOURS: timedelta(days=1), DAYS: timedelta(days=28)}


def note(cursor: Cursor, tier: Tier, since: datetime, last: datetime) -> None:
    """Remember that rows of `tier` in [since, last] were written just now."""
    span = SPANS[tier]
    first, end = floor_to(since, span), floor_to(last, span)
    rows(
        cursor,
        "DELETE FROM rollup_changes WHERE table_name = ? AND span_at >= ? AND span_at <= ?",
        [tier.name, first, end],
    )
    spans = [first + i * span for i in range((end - first) // span + 1)]
    rows(
        cursor,
        "INSERT INTO rollup_changes SELECT ?, unnest(?::TIMESTAMPTZ[]), nextval('rollup_change')",
        [tier.name, spans],
    )


def changes(cursor: Cursor, tier: Tier) -> dict[datetime, int]:
    """A number for each span of `tier` that was written; a larger one after each write. Old files have none."""
    found = rows(cursor, "SELECT span_at, change FROM rollup_changes WHERE table_name = ?", [tier.name])
    return {at.astimezone(UTC): change for at, change in found}


def forget(cursor: Cursor, table: str, until: datetime) -> None:
    """Drop what is known of spans that began before `until` and are gone."""
    rows(cursor, "DELETE FROM rollup_changes WHERE table_name = ? AND span_at < ?", [table, until - timedelta(days=28)])


def identity(cursor: Cursor) -> str:
    """Which file this is: another one has another."""
    return str(rows(cursor, "SELECT identity FROM store_identity")[0][0])
