"""Where notebooks of this process are: the store, the answers in memory, and who answers PromQL."""

from __future__ import annotations

from watchdog.base.clock import Clock
from watchdog.model.notebook import Notebook
from watchdog.services.history import History
from watchdog.services.notebook.desk import RETRY_SECONDS, Desk
from watchdog.services.notebook.runner import PromRunner, SqlRunner
from watchdog.services.notebook.session import Session
from watchdog.services.notebook.sessions import Sessions
from watchdog.store.notebooks import NotebookStore
from watchdog.store.notes import NoteStore


class Shelf:
    """One a process; safe to use from many threads. Its stores may raise StoreError."""

    def __init__(
        self,
        history: History,
        sql: SqlRunner,
        prom: PromRunner | None,
        clock: Clock,
        *,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        """Prepare; nothing is opened yet. `prom` is None where no Prometheus is configured."""
        self._history, self._clock, self._retry = history, clock, retry_seconds
        self.prom = prom
        self.sessions = Sessions(lambda kept: Session(sql, prom, clock, kept=kept))

    def store(self) -> NotebookStore:
        """Notebooks as they are kept."""
        return NotebookStore(self._history.store())

    def notes(self) -> NoteStore:
        """Notes on the time line."""
        return NoteStore(self._history.store())

    def desk(self, notebook: Notebook, by: str, *, token: str = "", locked: str = "") -> Desk:
        """Open a notebook that was loaded, or is new."""
        return Desk(notebook, by, self.store, self._clock, token=token, locked=locked, retry_seconds=self._retry)
