"""How one cell is put to what answers it: with values bound, and a clear word where it cannot be asked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

import msgspec
import pyarrow as pa

from watchdog.base.errors import NotebookError, SqlError
from watchdog.model.notebook import (
    SINCE,
    UNTIL,
    Cell,
    Notebook,
    Parameter,
    PromMode,
    PromQl,
    Sql,
    parameter_names,
    values_of,
)
from watchdog.model.telemetry import Window
from watchdog.services.notebook.promql import bound
from watchdog.services.notebook.reading import Inputs
from watchdog.services.notebook.runner import PromRunner, SqlRunner, SqlTask

Answered: TypeAlias = tuple[pa.Table, tuple[str, ...]]


@dataclass(frozen=True)
class Answering:
    """The runners of a session; `prom` is None where no Prometheus is configured."""

    runner: SqlRunner
    prom: PromRunner | None

    def sql(self, body: Sql, values: Mapping[str, object], tables: Mapping[str, pa.Table]) -> SqlTask:
        """Begin to answer a question; may raise SqlError."""
        if not body.text.strip():
            raise SqlError("there is no question yet", hint="Write one, or take one of the worked questions.")
        return self.runner.start(body.text, values, tables)

    def prometheus(self, body: PromQl, values: Mapping[str, object], window: Window) -> Answered:
        """The answer and what is odd about it; may raise SourceError or NotebookError."""
        if self.prom is None:
            raise NotebookError(
                "no Prometheus is configured, so PromQL has nobody to ask",
                hint="Set WATCHDOG_PROMETHEUS_URL, or ask history in SQL.",
            )
        text = bound(body.text, values)
        if not text.strip():
            raise NotebookError("there is no query yet", hint="Write one.")
        step = timedelta(seconds=body.step_seconds) if body.step_seconds else None
        is_range = body.mode == PromMode.RANGE
        answer = self.prom.range(text, window, step) if is_range else self.prom.instant(text, window.until)
        return pa.Table.from_pandas(answer.frame, preserve_index=False), answer.incomplete


def check(notebook: Notebook, found: Inputs) -> None:
    """NotebookError where a cell reads what is not there."""
    if found.later:
        which = ", ".join(found.later)
        raise NotebookError(
            f"{which} comes later, or is this cell itself", hint="Move it above the cell that reads it."
        )
    for name in found.unknown:
        raise NotebookError(f"there is no value for ${name}", hint="Add a parameter cell of that name.")
    for cell in notebook.cells:
        if isinstance(cell.body, Parameter) and found.parameters & {*parameter_names(cell.body)}:
            values_of(cell.body)


def values_read(notebook: Notebook, found: Inputs, window: Window) -> dict[str, object]:
    """Values of the parameters that a cell reads, by name."""
    values: dict[str, object] = {SINCE: window.since, UNTIL: window.until} if found.window else {}
    for cell in notebook.cells:
        if isinstance(cell.body, Parameter):
            with suppress(NotebookError):  # `check` tells of a value that is none
                values |= {name: value for name, value in values_of(cell.body).items() if name in found.parameters}
    return values


def key_of(cell: Cell, values: Mapping[str, object]) -> str:
    """The same as long as the cell's body and the values it reads are."""
    shown = sorted((name, type(value).__name__, str(value)) for name, value in values.items())
    return hashlib.blake2b(msgspec.json.encode((cell.body, shown)), digest_size=16).hexdigest()
