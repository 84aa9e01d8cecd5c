"""The sessions of all browsers: the one used longest ago gives way, whole or with its answers."""

from __future__ import annotations

import threading
from collections.abc import Callable

from watchdog.services.notebook.session import Session

# Each may hold `session.MOST_BYTES`, all together MOST_TOTAL_BYTES. Answers that are on their way come on top: at most
# four of 256 MiB, for a moment.
MOST_SESSIONS = 64
MOST_TOTAL_BYTES = 768 << 20


class Sessions:
    """Sessions by key: who looks, and at which notebook."""

    def __init__(
        self,
        make: Callable[[Callable[[], None]], Session],
        *,
        most: int = MOST_SESSIONS,
        most_bytes: int = MOST_TOTAL_BYTES,
    ) -> None:
        """`make` opens one that calls what it is given whenever it has kept an answer."""
        self._make, self._most, self._most_bytes = make, most, most_bytes
        # In the order of use, the latest last.
        self._open: dict[tuple[str, str], Session] = {}
        self._lock = threading.Lock()

    def get(self, browser: str, notebook_id: str) -> Session:
        """The session, opened if need be. The key must be secret where answers are."""
        with self._lock:
            session = self._open.pop((browser, notebook_id), None) or self._make(self._trim)
            self._open[browser, notebook_id] = session
            gone = [self._open.pop(key) for key in [*self._open][: -self._most]]
        for each in gone:
            each.forget()
        return session

    def size(self) -> int:
        """Bytes of answers held."""
        with self._lock:
            return sum(session.size() for session in self._open.values())

    def _trim(self) -> None:
        """Drop answers of those used longest ago until all fit."""
        with self._lock:
            sessions = [*self._open.values()]
        size = sum(session.size() for session in sessions)
        for session in sessions:
            if size <= self._most_bytes:
                break
            size -= session.drop(size - self._most_bytes)
