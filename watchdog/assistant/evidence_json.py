"""Evidence as JSON for programs, and as text for a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from watchdog.assistant.records import Column, Evidence, Value
from watchdog.assistant.values import shown

_MOST_CELL = 80


def evidence_object(evidence: Evidence) -> dict[str, Any]:
    """Ready for JSON: instants in ISO 8601, rows as objects by the columns' names, units beside."""
    names = [column.name for column in evidence.columns]
    window = evidence.window
    return {
        "tool": evidence.tool,
        "arguments": evidence.arguments,
        "title": evidence.title,
        "query": evidence.query,
        "at": _plain(evidence.at),
        "window": None if window is None else {"since": _plain(window.since), "until": _plain(window.until)},
        "units": {column.name: column.unit for column in evidence.columns if column.unit},
        "rows": [dict(zip(names, map(_plain, row), strict=True)) for row in evidence.rows],
        "total_rows": evidence.total_rows,
        "age_seconds": evidence.age_seconds,
        "incomplete": list(evidence.marks),
        "page": evidence.page,
        "parameters": evidence.parameters,
    }


def _plain(value: Value) -> str | int | float | bool | None:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


def evidence_lines(evidence: Evidence, rows: int) -> Iterator[str]:
    """[n] with what was asked, how old it is, what is missing, and at most `rows` rows."""
    arguments = ", ".join(f"{name}={value}" for name, value in evidence.arguments.items())
    age = (
        "age unknown"
        if evidence.age_seconds is None
        else f"newest reading {shown(evidence.age_seconds, 'seconds')} old"
    )
    yield printable(f"[{evidence.number}] {evidence.title}")
    yield printable(f"    {evidence.tool}({arguments}) from {evidence.query[:200]}; {evidence.total_rows} rows, {age}")
    for mark in evidence.marks:
        yield printable(f"    incomplete: {mark}")
    for row in evidence.rows[:rows]:
        yield printable("    " + ", ".join(_cells(evidence.columns, row)))


def _cells(columns: tuple[Column, ...], row: tuple[Value, ...]) -> Iterator[str]:
    for column, value in zip(columns, row, strict=True):
        if value not in {None, ""}:
            yield f"{column.label}: {shown(value, column.unit)[:_MOST_CELL]}"


def printable(text: str) -> str:
    """One line that a terminal shows as it is: no control character, nothing that turns or hides its neighbours."""
    return "".join(" " if unicodedata.category(each)[0] in "CZ" else each for each in text)
