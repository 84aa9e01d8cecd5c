"""Messages that wait for delivery, and those that could not be delivered."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import msgspec

from watchdog.model.alert_changes import Outgoing
from watchdog.model.alerts import AlertEvent, EventKind, Message
from watchdog.store.alert_rows import OUTBOX
from watchdog.store.alert_writes import append_events, select
from watchdog.store.connection import Cursor, rows
from watchdog.store.database import Store


def message_of(outgoing: Outgoing) -> Message:
    """The message itself."""
    return msgspec.json.decode(outgoing.body, type=Message)


class OutboxStore:
    """The outbox in a `Store`; every method may raise StoreError, and a write that raised changed nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def due(self, now: datetime, *, most: int = 200) -> tuple[Outgoing, ...]:
        """What is to be sent now, oldest first."""
        where = f"{_DUE} AND coalesce(next_attempt_at <= ?, true) ORDER BY created_at, message_id LIMIT {int(most)}"
        with self._store.read() as (cursor, _):
            return select(cursor, OUTBOX, where, [now])

    def waiting(self, *, most: int = 200) -> tuple[Outgoing, ...]:
        """What is not delivered and not given up, due or not."""
        with self._store.read() as (cursor, _):
            return select(cursor, OUTBOX, f"{_DUE} ORDER BY created_at, message_id LIMIT {int(most)}")

    def dead(self, *, most: int = 200) -> tuple[Outgoing, ...]:
        """What was given up, newest first."""
        where = f"failed_at IS NOT NULL ORDER BY failed_at DESC, message_id LIMIT {int(most)}"
        with self._store.read() as (cursor, _):
            return select(cursor, OUTBOX, where)

    def delivered(self, outgoing: Outgoing, at: datetime) -> None:
        """It arrived; that is an event, too."""
        self._settle(replace(outgoing, attempts=outgoing.attempts + 1, delivered_at=at, error=""), at, outgoing.kind)

    def failed(self, outgoing: Outgoing, at: datetime, error: str, next_attempt_at: datetime | None) -> None:
        """It did not arrive: try again then, or give it up (None), which is an event."""
        gave_up = None if next_attempt_at else at
        attempts = outgoing.attempts + 1
        after = replace(
            outgoing, attempts=attempts, next_attempt_at=next_attempt_at, failed_at=gave_up, error=error[:500]
        )
        self._settle(after, at, f"{outgoing.kind}: {after.error}")

    def again(self, message_id: str, channel: str) -> None:
        """Try a message that was given up once more."""
        sql = (
            "UPDATE outbox SET failed_at = NULL, next_attempt_at = NULL, attempts = 0 "
            "WHERE message_id = ? AND channel = ? AND failed_at IS NOT NULL"
        )
        with self._store.write() as cursor:
            rows(cursor, sql, [message_id, channel])

    def _settle(self, after: Outgoing, at: datetime, note: str) -> None:
        with self._store.write() as cursor:
            _update(cursor, after)
            kind = EventKind.NOTIFIED if after.delivered_at else EventKind.NOT_NOTIFIED if after.failed_at else None
            if kind is not None:
                append_events(cursor, [AlertEvent(at, at, kind, after.incident_id, by=after.channel, note=note)])


_DUE = "delivered_at IS NULL AND failed_at IS NULL"


def _update(cursor: Cursor, after: Outgoing) -> None:
    sql = (
        "UPDATE outbox SET attempts = ?, next_attempt_at = ?, delivered_at = ?, failed_at = ?, error = ? "
        "WHERE message_id = ? AND channel = ?"
    )
    values = [after.attempts, after.next_attempt_at, after.delivered_at, after.failed_at, after.error]
    rows(cursor, sql, [*values, after.message_id, after.channel])
