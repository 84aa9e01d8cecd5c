"""A question in SQL about history, in a process that can read nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import Field

from watchdog.assistant.desk import Desk
from watchdog.assistant.records import Column, Evidence
from watchdog.assistant.toolbox import Tool
from watchdog.assistant.tools.answer import Asked, answer, span
from watchdog.base.errors import ToolError
from watchdog.model.tables import TABLES
from watchdog.sandbox.limits import MIB, Limits

_LIMITS = Limits(seconds=10.0, rows=2_000, result_bytes=4 * MIB, cell_chars=400, sql_chars=8_000)
_MOST_COLUMNS = 16
TABLE_WORDS = "; ".join(
    f"{name}({', '.join(column.name for column in table.columns)})" for name, table in TABLES.items()
)


class SqlAsked(Asked):
    """The question, and the window that $since and $until stand for."""

    query: str = Field(min_length=1, max_length=8_000, description="One SELECT in DuckDB's SQL; instants are UTC.")
    hours: float = Field(
        24.0, gt=0, le=24 * 400, description="$since is so many hours before $until, the instant in question."
    )


def sql(desk: Desk, asked: SqlAsked) -> Evidence:
    """Its rows; ToolError where there is no history, SqlError in the engine's words."""
    desk = desk.moved(asked.at)
    if desk.reads.sql is None:
        raise ToolError("there is no history to ask", hint="Use the other tools.")
    window = desk.window(asked.hours)
    values = {
        name: value
        for name, value in (("since", window.since), ("until", window.until))
        if f"${name}" in asked.query.lower()
    }
    found = desk.reads.sql.run(asked.query, values, limits=_LIMITS)
    names = found.table.column_names[:_MOST_COLUMNS]
    rows = [{name: _cell(value) for name, value in row.items()} for row in found.table.select(names).to_pylist()]
    stale = desk.reads.sql.stale
    return answer(
        "sql",
        desk,
        asked,
        title=f"SQL about history: {len(rows)} rows, $since and $until {span(window)}",
        query=asked.query,
        columns=[Column(name, name, _unit(name)) for name in names],
        rows=rows,
        window=window if values else None,
        marks=[
            word
            for word in (found.cut, f"History is older: {stale}." if stale else "", "" if rows else "No row matches.")
            if word
        ],
        page="history",
    )


def _cell(value: object) -> object:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


def _unit(name: str) -> str:
    """What the name's ending says, as everywhere here."""
    endings = {"_ratio": "ratio", "_bytes": "bytes", "_watts": "watts", "_celsius": "celsius", "_seconds": "seconds", "_hours": "hours", "_usd": "USD"}  # fmt: skip
    return next((unit for ending, unit in endings.items() if name.lower().endswith(ending)), "")


TOOL = Tool(
    "sql",
    "One SELECT over the history, for what no other tool answers. Read-only, 10 seconds. Metrics' values are in base "
    f"units, ratios 0 to 1. Tables: {TABLE_WORDS}.",
    SqlAsked,
    sql,
)
