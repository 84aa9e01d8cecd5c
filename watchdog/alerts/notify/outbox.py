"""The outbox as workers see it: where the store refuses there is no answer, and that is no error."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from watchdog.base.errors import StoreError
from watchdog.services.history import History
from watchdog.store.outbox import OutboxStore

T = TypeVar("T")


class Outbox:
    """Shared by all workers; after `close` it leaves the store alone, as an attempt may outlive the program's end."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._lock = threading.Lock()
        self._closed = False

    def ask(self, action: Callable[[OutboxStore], T]) -> T | None:
        """The answer, or None where the store refuses. Why it does so is for the loops that write to say."""
        with self._lock:
            if self._closed:
                return None
            try:
                return action(OutboxStore(self._history.store()))
            except StoreError:
                return None

    def done(self, action: Callable[[OutboxStore], object]) -> bool:
        """Do `action` for its effect; False where the store refuses."""
        return bool(self.ask(lambda store: (action(store),)))

    def close(self) -> None:
        """Wait for what is under way, and touch the store no more."""
        with self._lock:
            self._closed = True
