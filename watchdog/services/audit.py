"""The audit log of a running watchdog: every change goes to the log at once, and into the store as soon as it takes it."""

from __future__ import annotations

import logging
import threading
from collections import deque

from watchdog.base.clock import Clock
from watchdog.model.audit import AuditEntry
from watchdog.model.people import Person
from watchdog.services.history import History
from watchdog.store.audit import AuditStore

_log = logging.getLogger(__name__)
# What the store does not take waits in memory, up to so many; the log has them anyway.
MOST_WAITING = 10_000
LONGEST = 2_000


class Audit:
    """Safe from any thread; nothing here raises because of the store, but for `newest`."""

    def __init__(self, history: History, clock: Clock) -> None:
        self._history = history
        self._clock = clock
        self._waiting: deque[AuditEntry] = deque(maxlen=MOST_WAITING)
        self._lock = threading.Lock()

    def record(self, by: Person, act: str, subject: str, details: str = "") -> None:
        """Keep that somebody did something."""
        words = (_bounded(text) for text in (act, subject, details))
        entry = AuditEntry(self._clock.now(), _bounded(by.name), by.signed_in, *words)
        _log.info("audit: %r by %r on %r: %r", entry.act, entry.by, entry.subject, entry.details)
        with self._lock:
            self._waiting.append(entry)
            self._write()

    def newest(self, most: int = 200) -> tuple[AuditEntry, ...]:
        """The last changes, newest first, those that wait included; StoreError where the store cannot be read."""
        with self._lock:
            self._write()
            waiting = tuple(reversed(self._waiting))
        return (*waiting, *AuditStore(self._history.store()).newest(most))[:most]

    def _write(self) -> None:
        entries = tuple(self._waiting)
        if entries and self._history.done(lambda store: AuditStore(store).add(entries)):
            self._waiting.clear()


def _bounded(text: str) -> str:
    """Kept whole up to LONGEST; halves of characters, which no database takes, become '?'."""
    return text[:LONGEST].encode("utf-8", "replace").decode("utf-8")
