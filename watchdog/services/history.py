"""The stored history, or the reason why there is none just now."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from watchdog.base.clock import Clock
from watchdog.base.errors import StoreError
from watchdog.store.database import Store

_log = logging.getLogger(__name__)
_RETRY = timedelta(seconds=15)
T = TypeVar("T")


class History:
    """Opens the store, and opens it again until it works: a full disk or a lock must not end the watch."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._store: Store | None = None
        self._tried = -_RETRY.total_seconds()
        self._opening = threading.Lock()
        self.error: StoreError | None = None

    def store(self) -> Store:
        """The open store; StoreError with the reason where it cannot be had."""
        if self._store is None:
            # Who comes while another opens it waits for that.
            with self._opening:
                self._open()
        if self._store is None:
            raise self.error or StoreError(f"{self._path} is not open")
        return self._store

    def _open(self) -> None:
        now = self._clock.monotonic()
        if self._store is not None or now - self._tried < _RETRY.total_seconds():
            return
        self._tried = now
        try:
            self._store, self.error = Store(self._path), None
        except StoreError as error:
            _log.error("history is not kept: %s. %s", error, error.hint)
            self.error = error

    def attempt(self, action: Callable[[Store], T]) -> T | None:
        """Do `action`; None, with `error` set and logged once, where the store refuses."""
        try:
            result = action(self.store())
        except StoreError as error:
            if str(error) != str(self.error):
                _log.error("%s. %s", error, error.hint)
            self.error = error
            return None
        self.error = None
        return result

    def done(self, action: Callable[[Store], object]) -> bool:
        """Do `action` for its effect; False where the store refuses."""
        return bool(self.attempt(lambda store: (action(store),)))

    def close(self) -> None:
        """Let go of the file."""
        if self._store is not None:
            self._store.close()
            self._store = None
