"""History as a folder of Parquet files that other tools read, with a description of every column."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from watchdog import __version__
from watchdog.base.errors import ConfigError, StoreError
from watchdog.model.tables import TABLES, TableDoc
from watchdog.model.telemetry import Window
from watchdog.services.export_readme import readme
from watchdog.store.lake.lake import Snapshot
from watchdog.store.translate import translated

# What Hive, and with it DuckDB, Spark and Arrow, calls a partition without a value.
_NO_DAY = "__HIVE_DEFAULT_PARTITION__"
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Exported:
    """What was written."""

    folder: Path
    rows: dict[str, int]
    file_bytes: int


def export_history(
    snapshot: Snapshot,
    window: Window,
    folder: Path,
    tables: Sequence[str] = (),
    progress: Progress = lambda done, of: None,
) -> Exported:
    """Write the rows of `window` to `folder`, which is new or empty, as `table/day=YYYY-MM-DD/*.parquet`.

    Args:
        snapshot: what to read; its files are held for as long as this takes.
        window: rows whose matter was going on in it, or that are of an instant in it.
        folder: where to.
        tables: which of `model.tables.TABLES`; none = all.
        progress: told how many of how many files are written.

    ConfigError where the folder or a table cannot be; StoreError where there are no rows, or no space. Then nothing is
    left behind.
    """
    wanted = _wanted(tables)
    _claim(folder)
    try:
        with translated(folder), _held(snapshot) as held:
            rows = _write_all(held, wanted, window, folder, progress)
        _check_rows(wanted, rows, window)
        _describe(folder, wanted, rows, window, snapshot)
    except BaseException:
        _empty(folder)
        raise
    return Exported(folder, rows, sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()))


def _check_rows(wanted: list[TableDoc], rows: dict[str, int], window: Window) -> None:
    """StoreError where the window is empty: GPUs and metrics are known at any time, and would hide it."""
    timed = [table.name for table in wanted if table.begins] or [table.name for table in wanted]
    if not any(rows[name] for name in timed):
        raise StoreError(
            f"there is no history between {window.since:%Y-%m-%d %H:%M} and {window.until:%Y-%m-%d %H:%M} UTC",
            hint="Choose another window; the page Data health says how far history reaches.",
        )


def _wanted(names: Sequence[str]) -> list[TableDoc]:
    unknown = [name for name in names if name not in TABLES]
    if unknown:
        raise ConfigError(f"there is no table {unknown[0]}", hint=f"There are: {', '.join(TABLES)}.")
    return [table for table in TABLES.values() if table.name in names or not names]


def _claim(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ConfigError(f"{folder} is not empty", hint="Name a folder that is new or empty; nothing was written.")
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written: {error.strerror}", hint="Name another folder.") from error


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def _held(snapshot: Snapshot) -> Iterator[dict[str, list[Path]]]:
    """The snapshot's files under names of our own, so that none goes while it is read."""
    own = snapshot.folder / f"export-{os.getpid()}-{id(snapshot)}"
    try:
        yield {name: [_link(path, own) for path in paths] for name, paths in snapshot.files.items()}
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _link(path: Path, own: Path) -> Path:
    target = own / path.parent.name / path.name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, target)
    except FileNotFoundError as error:
        raise StoreError("history has moved on while it was read", hint="Try again.") from error
    except OSError:
        return path  # a file system without links: it is read where it is
    return target


def _write_all(
    files: dict[str, list[Path]], tables: list[TableDoc], window: Window, folder: Path, progress: Progress
) -> dict[str, int]:
    connection = duckdb.connect(":memory:", config={"memory_limit": "1GB", "temp_directory": ""})
    try:
        connection.execute("SET TimeZone = 'UTC'")
        parts = [(table, day) for table in tables for day in _days(connection, table, files[table.name], window)]
        rows = dict.fromkeys((table.name for table in tables), 0)
        for done, (table, day) in enumerate(parts):
            progress(done, len(parts))
            rows[table.name] += _write(connection, table, files[table.name], window, folder, day)
        for table in tables:
            if not rows[table.name]:
                _write_empty(connection, table, folder)
        progress(len(parts), len(parts))
        return rows
    finally:
        connection.close()


def _days(
    connection: duckdb.DuckDBPyConnection, table: TableDoc, files: list[Path], window: Window
) -> list[str | None]:
    """The partitions of a table that have rows; None is the whole of one without time."""
    if not files:
        return []
    if not table.begins:
        return [None]
    sql = f"SELECT DISTINCT {_day(table)} FROM {_reading(files)} WHERE {_inside(table)} ORDER BY 1"  # noqa: S608
    return [day for (day,) in connection.execute(sql, _bounds(window)).fetchall()]


def _write(
    connection: duckdb.DuckDBPyConnection,
    table: TableDoc,
    files: list[Path],
    window: Window,
    folder: Path,
    day: str | None,
) -> int:
    target = folder / table.name / (f"day={day}" if day else "") / "part-0.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    where = f"WHERE {_inside(table)} AND {_day(table)} = {_text(day)}" if day else ""
    sql = f"COPY (SELECT * FROM {_reading(files)} {where}) TO {_text(str(target))} (FORMAT parquet, COMPRESSION zstd)"  # noqa: S608
    found = connection.execute(sql, _bounds(window) if day else None).fetchone()
    return int(found[0]) if found else 0


def _write_empty(connection: duckdb.DuckDBPyConnection, table: TableDoc, folder: Path) -> None:
    """A file without rows: tools that read every table need its columns."""
    target = folder / table.name / "part-0.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    columns = ", ".join(f'NULL::{column.type} AS "{column.name}"' for column in table.columns)
    connection.execute(f"COPY (SELECT {columns} WHERE false) TO {_text(str(target))} (FORMAT parquet)")


def _reading(files: list[Path]) -> str:
    return f"read_parquet([{', '.join(_text(str(path)) for path in files)}], hive_partitioning = false)"


def _day(table: TableDoc) -> str:
    return f"coalesce(strftime({table.begins}, '%Y-%m-%d'), '{_NO_DAY}')"


def _inside(table: TableDoc) -> str:
    """SQL for: it began before the window's end, and had not ended before its start."""
    if not table.ends:
        return f"{table.begins} >= $since AND {table.begins} < $until"
    return f"coalesce({table.begins} < $until, true) AND coalesce({table.ends} >= $since, true)"


def _bounds(window: Window) -> dict[str, object]:
    return {"since": window.since.replace(tzinfo=None), "until": window.until.replace(tzinfo=None)}


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _describe(folder: Path, tables: list[TableDoc], rows: dict[str, int], window: Window, snapshot: Snapshot) -> None:
    """Write `schema.json` and `README.md`: their presence says that the bundle is whole."""
    found = {
        "made_by": f"GPU Watchdog {__version__}",
        "since": _iso(window.since),
        "until": _iso(window.until),
        "history_as_of": _iso(snapshot.taken_at),
        "instants": "timestamps without a zone, in UTC",
        "tables": {table.name: _table(table, rows[table.name]) for table in tables},
    }
    (folder / "README.md").write_text(readme(tables, rows, window), encoding="utf-8")
    (folder / "schema.json").write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _table(table: TableDoc, rows: int) -> dict[str, object]:
    columns = [
        {"name": column.name, "type": column.type, "unit": column.unit, "meaning": column.doc}
        for column in table.columns
    ]
    partition = "day" if table.begins else None
    return {"row": table.row, "rows": rows, "partitioned_by": partition, "day_of": table.begins, "columns": columns}


def _iso(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
