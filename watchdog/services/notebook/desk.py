"""A notebook that somebody has open: edited at once, saved in the background, never overwritten.

What cannot be saved stays here and is tried again until it can, also after the page is gone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from msgspec.structs import replace

from watchdog.base.clock import Clock
from watchdog.base.errors import ConflictError, NotebookError, StoreError, WatchdogError
from watchdog.model.notebook import Notebook
from watchdog.services.notebook import editing
from watchdog.store.notebooks import NotebookStore

# Between two tries where the store refuses.
RETRY_SECONDS = 5.0
# Deleted cells that can be brought back.
MOST_DELETED = 20


class SaveState(StrEnum):
    """How what is on screen stands to what is kept."""

    NEW = "not saved yet"
    SAVED = "saved"
    SAVING = "saving"
    FAILED = "not saved"


@dataclass(frozen=True)
class Saved:
    """How saving stands; `error` says why it failed, `at` when it worked last."""

    state: SaveState
    at: datetime | None = None
    error: WatchdogError | None = None


class Desk:
    """One open notebook of one page; any number of threads may call."""

    def __init__(
        self,
        notebook: Notebook,
        by: str,
        store: Callable[[], NotebookStore],
        clock: Clock,
        *,
        token: str = "",
        locked: str = "",
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        """Open it.

        Args:
            notebook: as it was loaded, or new.
            by: who edits.
            store: gives the store, or raises StoreError.
            clock: for the time of saving.
            token: of the link it was opened by.
            locked: why it may not be changed, in words; "" = it may.
            retry_seconds: between two tries where the store refuses.
        """
        self.by, self.token, self.locked = by, token, locked
        self._store, self._clock, self._retry = store, clock, retry_seconds
        self._notebook, self._deleted = notebook, list[editing.Deleted]()
        self._lock, self._settled = threading.Lock(), threading.Event()
        self._settled.set()
        self._dirty = False
        self._thread: threading.Thread | None = None
        self._error: WatchdogError | None = None
        self._conflict: tuple[str, ConflictError] | None = None

    @property
    def notebook(self) -> Notebook:
        """As it is on screen."""
        with self._lock:
            return self._notebook

    @property
    def saved(self) -> Saved:
        """How saving stands."""
        with self._lock:
            at = self._notebook.changed_at
            if self._error:
                return Saved(SaveState.FAILED, at, self._error)
            if self._dirty or self._thread:
                return Saved(SaveState.SAVING, at)
            return Saved(SaveState.SAVED if self._notebook.version else SaveState.NEW, at)

    @property
    def conflict(self) -> tuple[str, ConflictError] | None:
        """The id of the notebook that somebody else had saved, and what happened; this desk now holds the copy."""
        with self._lock:
            return self._conflict

    @property
    def deleted(self) -> editing.Deleted | None:
        """The cell that `undelete` would bring back."""
        with self._lock:
            return self._deleted[-1] if self._deleted else None

    def change(self, action: Callable[[Notebook], Notebook]) -> None:
        """Edit it, and save soon; NotebookError where it cannot be, and then nothing was changed."""
        self._check()
        with self._lock:
            changed = action(self._notebook)
            if changed != self._notebook or not changed.version:
                self._notebook = changed
                self._save_soon()

    def delete(self, cell_id: str) -> None:
        """Take a cell out; `undelete` brings it back."""

        def taken_out(notebook: Notebook) -> Notebook:
            changed, gone = editing.delete(notebook, cell_id)
            self._deleted = [*self._deleted, gone][-MOST_DELETED:]
            return changed

        self.change(taken_out)

    def undelete(self) -> None:
        """Bring the cell back that was deleted last."""

        def with_it(notebook: Notebook) -> Notebook:
            if not self._deleted:
                return notebook
            changed = editing.restore(notebook, self._deleted[-1])
            self._deleted.pop()
            return changed

        self.change(with_it)

    def refresh(self, notebook: Notebook) -> None:
        """Take over how it is shared now."""
        with self._lock:
            self._notebook = replace(self._notebook, shared=notebook.shared, token=notebook.token)

    def settle(self, seconds: float) -> bool:
        """Wait for saving; False if it goes on, or waits for the store."""
        return self._settled.wait(seconds)

    def dismiss(self) -> None:
        """The conflict was read."""
        with self._lock:
            self._conflict = None

    def _check(self) -> None:
        if self.locked:
            raise NotebookError(self.locked, hint="Take a copy to change it.")

    def _save_soon(self) -> None:
        """Under the lock."""
        self._dirty = True
        self._settled.clear()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="watchdog-autosave", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while (wanted := self._next()) is not None:
            try:
                self._kept(self._store().save(wanted, self.by, self._clock.now(), token=self.token))
            except ConflictError as error:
                self._moved(wanted, error)
            except StoreError as error:
                self._failed(error, again=True)
                threading.Event().wait(self._retry)
            except NotebookError as error:
                self._failed(error, again=False)

    def _next(self) -> Notebook | None:
        with self._lock:
            if not self._dirty:
                self._thread = None
                self._settled.set()
                return None
            self._dirty = False
            return self._notebook

    def _kept(self, saved: Notebook) -> None:
        with self._lock:
            self._error = None
            self._notebook = replace(
                self._notebook,
                version=saved.version,
                created_at=saved.created_at,
                changed_at=saved.changed_at,
                shared=saved.shared,
                token=saved.token if saved.author == self.by else self.token,
            )

    def _moved(self, wanted: Notebook, error: ConflictError) -> None:
        """What could not be saved is a notebook of its own: go on in that one."""
        try:
            copy = self._store().load(error.copy_id, self.by)
        except WatchdogError as failure:
            copy = replace(wanted, notebook_id=error.copy_id, version=1, author=self.by)
            self._error = failure
        with self._lock:
            self._conflict = (wanted.notebook_id, error)
            self._dirty = self._dirty or self._notebook.cells != copy.cells
            cells, number = self._notebook.cells, self._notebook.next_number
            self._notebook, self.token = replace(copy, cells=cells, next_number=number), ""

    def _failed(self, error: WatchdogError, *, again: bool) -> None:
        with self._lock:
            self._error, self._dirty = error, self._dirty or again
