"""Compaction: rows come in time order, and are rewritten in (series, time) order once their block is complete.

A block is a span of one table. Rewritten, a row costs a third of its space, and a chart of one GPU reads a fraction
of the rows. Each block is one short transaction.
"""

from __future__ import annotations

from datetime import UTC, datetime

from watchdog.base.clock import floor_to
from watchdog.store.connection import Cursor, rows
from watchdog.store.tiers import MINUTES, TABLES, Table, Tier
from watchdog.store.watermarks import watermark


def mark(cursor: Cursor, table: Table, since: datetime, last: datetime) -> None:
    """Remember that the blocks of [since, last] got rows out of order."""
    known = {at for (at,) in rows(cursor, "SELECT block_at FROM unsorted_blocks WHERE table_name = ?", [table.name])}
    block = floor_to(since, table.block)
    while block <= last:
        if block not in known:
            rows(cursor, "INSERT INTO unsorted_blocks VALUES (?, ?)", [table.name, block])
        block += table.block


def next_block(cursor: Cursor) -> tuple[Table, datetime] | None:
    """The oldest unsorted block that will get no more rows in the ordinary course."""
    for table in TABLES:
        complete = watermark(cursor, table if isinstance(table, Tier) else MINUTES)
        found = rows(cursor, "SELECT min(block_at) FROM unsorted_blocks WHERE table_name = ?", [table.name])[0][0]
        if found and complete and found + table.block <= complete:
            return table, found.astimezone(UTC)
    return None


def sort_block(cursor: Cursor, table: Table, since: datetime) -> None:
    """Rewrite one block in (series, time) order."""
    inside = f"WHERE {table.inside(since, since + table.block)}"
    rows(
        cursor,
        f"CREATE OR REPLACE TEMP TABLE sorted AS FROM {table.name} {inside} ORDER BY series_id, {table.time}",
    )
    rows(cursor, f"DELETE FROM {table.name} {inside}")
    rows(cursor, f"INSERT INTO {table.name} FROM sorted")
    rows(cursor, "DROP TABLE sorted")
    rows(cursor, "DELETE FROM unsorted_blocks WHERE table_name = ? AND block_at = ?", [table.name, since])
