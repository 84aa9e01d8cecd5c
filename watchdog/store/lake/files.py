"""Writing Parquet: under another name first, so that a file that is there is whole."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

# DuckDB reads row groups side by side, and skips those whose metric or time is not asked for.
_ROW_GROUP = 122_880
# A dictionary of measurements is larger than they are, and makes their file larger by two thirds.
_PLAIN = {"min", "avg", "max", "last", "increase"}


def write(path: Path, tables: Iterable[pa.Table]) -> int:
    """Write tables of one schema below each other; returns how many rows. Without any there is no file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    count = 0
    try:
        writer = None
        try:
            for table in tables:
                writer = writer or _writer(fresh, table.schema)
                writer.write_table(table, row_group_size=_ROW_GROUP)
                count += len(table)
        finally:
            if writer:
                writer.close()
        if count:
            fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    return count


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    words = [name for name in schema.names if name not in _PLAIN]
    return pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=words, store_schema=False)
