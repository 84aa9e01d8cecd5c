"""What answers cells: a runner of SQL and one of PromQL, as a session needs them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

import pyarrow as pa

from watchdog.model.telemetry import Answer, Window


class SqlAnswer(Protocol):
    """Rows, and why there are not all of them: "" if there are."""

    @property
    def table(self) -> pa.Table:
        """Instants are marked UTC."""
        ...

    @property
    def cut(self) -> str:
        """In words."""
        ...


class SqlTask(Protocol):
    """A question under way."""

    def cancel(self) -> None:
        """End it at once, from any thread; `wait` then raises SqlError of kind "cancelled"."""
        ...

    def wait(self) -> SqlAnswer:
        """The answer, or SqlError; called once."""
        ...


class SqlRunner(Protocol):
    """Answers questions to history, with values bound to `$names`, and earlier answers as tables."""

    def start(self, sql: str, parameters: Mapping[str, object], inputs: Mapping[str, pa.Table]) -> SqlTask:
        """Begin; may raise SqlError, too."""
        ...


class PromRunner(Protocol):
    """Answers PromQL; may raise SourceError. See `sources.promql_cell.PromQuery`."""

    def range(self, text: str, window: Window, step: timedelta | None = None) -> Answer:
        """Over a window."""
        ...

    def instant(self, text: str, at: datetime) -> Answer:
        """At an instant."""
        ...
