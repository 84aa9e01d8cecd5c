"""Questions in SQL about history: a fresh enough copy of it, and a process that can read nothing else."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from watchdog.base.clock import Clock
from watchdog.base.errors import SqlError, StoreError
from watchdog.model.tables import TABLES
from watchdog.sandbox.limits import Limits
from watchdog.sandbox.process import Question, Result, Running
from watchdog.sandbox.sandbox import Sandbox
from watchdog.services.history import History
from watchdog.store.lake.lake import Lake, Progress, Snapshot, lake_folder, latest

_log = logging.getLogger(__name__)
# Between two looks for spans that are over.
_TEND_SECONDS = 20.0
# A worker that waits holds some 35 MB of its own; after so long without a question it ends.
_REST_SECONDS = 900.0


class SqlService:
    """Answers questions about the history of one store; safe to use from many threads. One a process."""

    def __init__(
        self,
        history: History,
        database: Path,
        clock: Clock,
        rates: Mapping[str, float] | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Prepare; nothing is copied yet. `database` is the store's file, `rates` as `Config.gpu_rates`."""
        self._history = history
        self._lake = Lake(lake_folder(database), clock, rates)
        self._limits = limits or Limits()
        self._sandbox = Sandbox(self._lake.folder)
        self._clock = clock
        self._asked = clock.monotonic()
        self._stale: StoreError | None = None

    def snapshot(self, progress: Progress | None = None) -> Snapshot:
        """History as of some seconds ago; as of when the store could be read last, where it cannot be now.

        May raise StoreError, where there is no copy either.
        """
        try:
            found = self._lake.snapshot(self._history.store(), progress)
        except StoreError as error:
            found_before = latest(self._lake.folder)
            if found_before is None:
                raise
            self._stale = error
            return found_before
        self._stale = None
        return found

    @property
    def stale(self) -> StoreError | None:
        """Why the newest answer came from an older copy, if so."""
        return self._stale

    def start(
        self,
        sql: str,
        parameters: Mapping[str, object] | None = None,
        inputs: Mapping[str, pa.Table] | None = None,
        limits: Limits | None = None,
    ) -> Running:
        """Begin to answer: `wait()` gives a Result or raises SqlError, `cancel()` ends it from any thread.

        Args:
            sql: one question; `$name` stands for a value.
            parameters: values by name. Instants with a zone become UTC.
            inputs: earlier answers that it may read by name, as `cell_1`.
            limits: other than the service's.
        """
        self._asked = self._clock.monotonic()
        tables = tables_of(self._fresh())
        question = Question(sql, parameters or {}, tables, inputs or {}, limits or self._limits)
        return self._sandbox.start(question)

    def run(
        self,
        sql: str,
        parameters: Mapping[str, object] | None = None,
        inputs: Mapping[str, pa.Table] | None = None,
        limits: Limits | None = None,
    ) -> Result:
        """As `start`, and wait."""
        return self.start(sql, parameters, inputs, limits).wait()

    def tend(self, stop: threading.Event) -> None:
        """Write spans that are over ahead of questions, until `stop`; for a thread in the background."""
        while not stop.wait(_TEND_SECONDS):
            if self._history.attempt(self._lake.tend) is None and self._history.error:
                _log.debug("the copy of history waits: %s", self._history.error)
            if self._clock.monotonic() - self._asked > _REST_SECONDS:
                self._sandbox.rest()

    def warm(self) -> None:
        """Have a worker waiting, so that the next question starts at once: somebody has opened a notebook."""
        self._asked = self._clock.monotonic()
        self._sandbox.warm()

    def close(self) -> None:
        """End what waits."""
        self._sandbox.close()

    def _fresh(self) -> Snapshot:
        try:
            return self.snapshot()
        except StoreError as error:
            raise SqlError(f"history cannot be read: {error}", hint=error.hint) from error


def tables_of(snapshot: Snapshot) -> dict[str, dict[str, Any]]:
    """The documented tables of a snapshot, as the sandbox takes them."""
    return {
        name: {
            "columns": [(column.name, column.type) for column in table.columns],
            "files": [str(path) for path in snapshot.files.get(name, ())],
        }
        for name, table in TABLES.items()
    }
