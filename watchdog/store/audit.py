"""The audit log: rows are added and read, never changed; there is no way to delete one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from watchdog.model.audit import AuditEntry
from watchdog.store.connection import rows
from watchdog.store.database import Store


class AuditStore:
    """Changes by people in a `Store`; every method may raise StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, entries: Sequence[AuditEntry]) -> None:
        """Keep all of them, or none."""
        with self._store.write() as cursor:
            for each in entries:
                values = [each.at, each.by, each.signed_in, each.act, each.subject, each.details]
                rows(cursor, "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?)", values)

    def newest(self, most: int) -> tuple[AuditEntry, ...]:
        """The last `most` changes, newest first."""
        sql = f'SELECT "at", "by", signed_in, act, subject, details FROM audit ORDER BY "at" DESC, rowid DESC LIMIT {int(most)}'
        with self._store.read() as (cursor, _):
            found = rows(cursor, sql)
        return tuple(AuditEntry(at.astimezone(UTC), *rest) for at, *rest in found)
