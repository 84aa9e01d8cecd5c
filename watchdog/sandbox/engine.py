"""DuckDB in memory, with the snapshot's files as tables, closed to everything else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from watchdog.base.errors import SqlError
from watchdog.sandbox.cells import plain, shortened
from watchdog.sandbox.guard import check, place_of
from watchdog.sandbox.limits import MIB, Limits

_BATCH = 65_536
_EXPLAIN = "EXPLAIN "
_CONFIG: dict[str, Any] = {
    "temp_directory": "",
    "max_temp_directory_size": "0B",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "python_enable_replacements": False,
    "python_scan_all_frames": False,
}


@dataclass(frozen=True)
class TableFiles:
    """One table: its columns (name, DuckDB type), and the Parquet files that have its rows; none = no rows."""

    columns: Sequence[tuple[str, str]]
    files: Sequence[str]


@dataclass(frozen=True)
class Answered:
    """Rows, and why there are not all of them: "" if there are."""

    table: pa.Table
    cut: str


def opened() -> duckdb.DuckDBPyConnection:
    """A database in memory, with nothing in it."""
    return duckdb.connect(":memory:", config=_CONFIG)


def answer(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    parameters: Mapping[str, object],
    tables: Mapping[str, TableFiles],
    inputs: Mapping[str, pa.Table],
    limits: Limits,
) -> Answered:
    """Answer one question, or raise SqlError."""
    try:
        _fill(connection, tables, inputs, limits)
        used = check(connection, sql, [*tables, *inputs])
        connection.execute("BEGIN TRANSACTION READ ONLY")
        values = _bound(parameters, used)
        _bind(connection, sql, values)
        return _fetch(connection.sql(sql, params=values), limits)
    except duckdb.Error as error:
        raise _translated(error, sql) from error
    except (MemoryError, pa.ArrowMemoryError) as error:
        raise _too_large(limits) from error
    except (pa.ArrowException, RecursionError, UnicodeError) as error:
        raise SqlError(f"the answer cannot be handed over: {error}"[:500]) from error


def _bound(parameters: Mapping[str, object], used: Iterable[str]) -> dict[str, object] | None:
    """The values that the question names; DuckDB refuses ones that it does not."""
    names = {name.lower(): name for name in parameters}
    missing = [name for name in sorted(used) if name.lower() not in names]
    if missing:
        hint = f"There are: {', '.join(f'${name}' for name in parameters)}." if parameters else ""
        raise SqlError(f"there is no value for ${missing[0]}", hint=hint, kind="refused")
    return {name: parameters[names[name.lower()]] for name in used} or None


def _fill(
    connection: duckdb.DuckDBPyConnection,
    tables: Mapping[str, TableFiles],
    inputs: Mapping[str, pa.Table],
    limits: Limits,
) -> None:
    """Make the tables, then close the door."""
    connection.execute(f"SET memory_limit = '{limits.memory_bytes // MIB}MiB'")
    connection.execute(f"SET threads = {int(limits.threads)}")
    connection.execute("SET TimeZone = 'UTC'")
    for name, table in tables.items():
        connection.execute(f"CREATE VIEW {_quoted(name)} AS {_reading(table)}")
    for name, rows in inputs.items():
        connection.register(name, rows)
    files = ", ".join(_text(file) for table in tables.values() for file in table.files)
    for setting in (f"allowed_paths = [{files}]", "enable_external_access = false", "errors_as_json = true"):
        connection.execute(f"SET {setting}")
    connection.execute("SET lock_configuration = true")


def _reading(table: TableFiles) -> str:
    if table.files:
        names = ", ".join(_quoted(name) for name, _ in table.columns)
        return f"SELECT {names} FROM read_parquet([{', '.join(map(_text, table.files))}])"
    nothing = ", ".join(f"NULL::{kind} AS {_quoted(name)}" for name, kind in table.columns)
    return f"SELECT {nothing} WHERE false"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _bind(connection: duckdb.DuckDBPyConnection, sql: str, values: dict[str, object] | None) -> None:
    """Raise what is wrong with names and types: only this way does DuckDB say where."""
    try:
        connection.execute(_EXPLAIN + sql, values).fetchall()
    except duckdb.Error as error:
        raise _translated(error, sql, len(_EXPLAIN)) from error


def _fetch(relation: duckdb.DuckDBPyRelation, limits: Limits) -> Answered:
    reader = relation.to_arrow_reader(_BATCH)
    kept, rows, size, cut = list[pa.RecordBatch](), 0, 0, ""
    for batch in reader:
        taken = shortened(batch.slice(0, limits.rows - rows), limits.cell_chars)
        if size + taken.nbytes > limits.result_bytes:
            taken = taken.slice(0, _fitting(taken, limits.result_bytes - size))
            cut = f"cut at {limits.result_bytes // MIB} MiB"
        kept, rows, size = [*kept, taken], rows + len(taken), size + taken.nbytes
        if len(taken) < len(batch):
            cut = cut or f"cut at {limits.rows:,} rows"
            break
    return Answered(plain(pa.Table.from_batches(kept, schema=kept[0].schema if kept else reader.schema)), cut)


def _fitting(batch: pa.RecordBatch, left: int) -> int:
    return max(0, len(batch) * left // max(int(batch.nbytes), 1))


def _translated(error: duckdb.Error, sql: str, before: int = 0) -> SqlError:
    """The engine's words, without the machine's secrets; `before`: bytes that stood before the question."""
    if isinstance(error, duckdb.OutOfMemoryException):
        return SqlError(
            "the question needs more memory than it may have",
            hint="Ask for fewer rows or columns, a shorter window, or aggregate earlier.",
            kind="memory",
        )
    told = _details(str(error))
    message, _, near = told.get("exception_message", str(error)).partition("\nDid you mean")
    hint = f"Did you mean{near}" if near and "pg_" not in near else ""
    offset = str(told.get("position", ""))
    place = place_of(sql, int(offset) - before) if offset.isdigit() else {}
    return SqlError(_without_paths(message), hint=hint, **place)


def _details(text: str) -> dict[str, Any]:
    _, brace, rest = text.partition("{")
    try:
        details = json.loads(brace + rest)
    except ValueError:
        return {}
    return details if isinstance(details, dict) else {}


def _without_paths(message: str) -> str:
    """Where a file of the snapshot is named, its place is nobody's business."""
    return " ".join(word if "/" not in word or ".parquet" not in word else "(a file)" for word in message.split(" "))[
        :2_000
    ]


def _too_large(limits: Limits) -> SqlError:
    return SqlError(
        f"the question needs more memory than the {limits.memory_bytes // MIB} MiB it may have",
        hint="Ask for fewer rows or columns, a shorter window, or aggregate earlier.",
        kind="memory",
    )
