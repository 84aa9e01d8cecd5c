"""How a tool's answer is put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from watchdog.assistant.desk import Desk
from watchdog.assistant.records import Column, Evidence, Value
from watchdog.assistant.toolbox import Arguments
from watchdog.model.telemetry import Window

# So many rows a tool hands on at most: what is cut is told.
MOST_ROWS = 50
# Which job, and whose: how every table of jobs begins.
WHOSE_JOB = (
    Column("job_id", "job"),
    Column("name", "name"),
    Column("user", "user"),
    Column("account", "account"),
    Column("partition", "partition"),
)


class Asked(Arguments):
    """What every tool of an instant may be asked."""

    at: datetime | None = Field(
        None, description="Answer as of this past instant, ISO 8601 in UTC; leave it out for the instant in question."
    )


def answer(  # noqa: PLR0913 (the parts of Evidence)
    tool: str,
    desk: Desk,
    asked: Arguments,
    *,
    title: str,
    query: str,
    columns: Iterable[Column],
    rows: pd.DataFrame | Iterable[Mapping[str, Any]],
    window: Window | None = None,
    newest: datetime | None = None,
    marks: Iterable[str] = (),
    page: str = "",
    parameters: Mapping[str, str] | None = None,
    most: int = MOST_ROWS,
) -> Evidence:
    """Evidence of at most `most` rows, with its age, and with the address that shows the same.

    Args:
        tool: its name.
        desk: whom it read from; `at` is its instant.
        asked: its arguments.
        title: in words, with the window.
        query: what was asked, so that it can be asked again.
        columns: of the table; a row gives each by its name, what it lacks is unknown.
        rows: a frame or mappings, in the order to show.
        window: the span it covers; None for an instant.
        newest: the newest reading behind it; None where that is not known.
        marks: what is incomplete or unknown, each a sentence.
        page: of the app.
        parameters: of its address, besides the instant.
        most: rows handed on.
    """
    kept = tuple(columns)
    table = _rows(rows)
    cut = [f"Only the first {most} of {len(table)} rows are shown."] if len(table) > most else []
    return Evidence(
        number=0,
        tool=tool,
        arguments=asked.model_dump(mode="json", exclude_none=True),
        title=title,
        query=query,
        at=desk.at,
        window=window,
        columns=kept,
        rows=tuple(tuple(cell(row.get(column.name)) for column in kept) for row in table[:most]),
        total_rows=len(table),
        age_seconds=None if newest is None else max(0.0, (desk.at - newest).total_seconds()),
        marks=(*dict.fromkeys(marks), *cut),
        page=page,
        parameters={**(parameters or {}), **_instant(desk, window)} if page else {},
    )


def _rows(rows: pd.DataFrame | Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    if isinstance(rows, pd.DataFrame):
        return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]
    return list(rows)


def cell(value: Any) -> Value:  # noqa: ANN401 (a cell of any frame)
    """A plain value: missing = None, instants aware, numbers Python's own, other things as text."""
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | datetime) else str(value)


def _instant(desk: Desk, window: Window | None) -> dict[str, str]:
    if window is None or window.until <= window.since:
        return {"at": _written(desk.at)}
    return {"since": _written(window.since), "until": _written(window.until)}


def _written(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"


def when(desk: Desk) -> str:
    """The instant in a title."""
    return f"at {desk.at:%Y-%m-%d %H:%M} UTC"


def span(window: Window) -> str:
    """The window in a title."""
    return f"{window.since:%Y-%m-%d %H:%M} to {window.until:%Y-%m-%d %H:%M} UTC"
