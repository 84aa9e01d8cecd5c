"""The sessions of all browsers: the one used longest ago gives way."""

from __future__ import annotations

import threading
from collections.abc import Callable

from watchdog.services.notebook.session import Session

# Each may hold `session.MOST_BYTES`.
MOST_SESSIONS = 16


class Sessions:
    """Sessions by key: who looks, and at which notebook."""

    def __init__(self, make: Callable[[], Session], *, most: int = MOST_SESSIONS) -> None:
        """`make` opens one."""
        self._make, self._most = make, most
        self._open: dict[tuple[str, str], Session] = {}
        self._lock = threading.Lock()

    def get(self, browser: str, notebook_id: str) -> Session:
        """The session, opened if need be. The key must be secret where answers are."""
        with self._lock:
            session = self._open.pop((browser, notebook_id), None) or self._make()
            self._open[browser, notebook_id] = session
            gone = [self._open.pop(key) for key in [*self._open][: -self._most]]
        for each in gone:
            each.forget()
        return session
