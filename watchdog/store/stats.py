"""How big the store is and how far it reaches: what the data health page shows."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from watchdog.store.connection import Cursor, rows
from watchdog.store.tiers import TABLES, Table, Tier
from watchdog.store.watermarks import watermark


@dataclass(frozen=True)
class TableStats:
    """One table of measurements.

    Attributes:
        oldest_at, newest_at: first and last instant (of rollups: bucket start); None without rows.
        complete_until: rolled up to there; None for raw samples and before the first rollup.
    """

    name: str
    rows: int
    oldest_at: datetime | None
    newest_at: datetime | None
    complete_until: datetime | None


@dataclass(frozen=True)
class StoreStats:
    """The file and its tables."""

    path: Path
    file_bytes: int
    log_bytes: int
    free_bytes: int
    series: int
    tables: tuple[TableStats, ...]


def read_stats(cursor: Cursor, path: Path, series: int) -> StoreStats:
    """Measure the file at `path`."""
    log = path.with_name(f"{path.name}.wal")
    return StoreStats(
        path=path,
        file_bytes=path.stat().st_size,
        log_bytes=log.stat().st_size if log.exists() else 0,
        free_bytes=shutil.disk_usage(path.parent).free,
        series=series,
        tables=tuple(_table(cursor, table) for table in TABLES),
    )


def _table(cursor: Cursor, table: Table) -> TableStats:
    sql = f"SELECT count(*), min({table.time}), max({table.time}) FROM {table.name}"
    count, oldest, newest = rows(cursor, sql)[0]
    return TableStats(
        name=table.name,
        rows=count,
        oldest_at=table.instant(oldest),
        newest_at=table.instant(newest),
        complete_until=watermark(cursor, table) if isinstance(table, Tier) else None,
    )
