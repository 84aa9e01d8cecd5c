"""The README of an export: what lies there, and how each tool reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from watchdog.model.tables import TableDoc
from watchdog.model.telemetry import Window

_TEXT = """# History of a GPU cluster

From {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC, written by GPU Watchdog. `schema.json` has every column with its type, unit and
meaning. A table with time is cut by day: `table/day=YYYY-MM-DD/part-0.parquet`; `day` is a column, too, once the folder is
read with Hive partitions. Instants are UTC, without a zone. A missing value is null, never 0.

| table | rows | a row is |
|---|---|---|
{rows}

DuckDB:

```sql
SELECT node, avg(avg) FROM read_parquet('gpu_samples_1h/**/*.parquet', hive_partitioning = true)
WHERE metric = 'gpu_util_ratio' GROUP BY node;
```

pandas: `pd.read_parquet("jobs")`. Polars: `pl.scan_parquet("jobs/**/*.parquet", hive_partitioning=True)`.
Spark: `spark.read.parquet("jobs")`.
"""


def readme(tables: Sequence[TableDoc], rows: Mapping[str, int], window: Window) -> str:
    """The text."""
    lines = [f"| `{table.name}` | {rows[table.name]:,} | {table.row} |" for table in tables]
    return _TEXT.format(since=window.since, until=window.until, rows="\n".join(lines))
