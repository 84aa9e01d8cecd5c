"""Messages that wait for delivery, and those that could not be delivered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

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


def after_delivery(outgoing: Outgoing, at: datetime) -> Outgoing:
    """How it stands once it arrived."""
    return replace(outgoing, attempts=outgoing.attempts + 1, delivered_at=at, error="")


def after_failure(outgoing: Outgoing, at: datetime, error: str, next_attempt_at: datetime | None) -> Outgoing:
    """How it stands once it did not arrive; given up where there is no next attempt."""
    gave_up = None if next_attempt_at else at
    attempts = outgoing.attempts + 1
    return replace(outgoing, attempts=attempts, next_attempt_at=next_attempt_at, failed_at=gave_up, error=error[:500])


@dataclass(frozen=True)
class Backlog:
    """A channel's part of the outbox: how many wait and were given up, and when one arrived last (None = unknown)."""

    waiting: int = 0
    dead: int = 0
    delivered_at: datetime | None = None


class OutboxStore:
    """The outbox in a `Store`; every method may raise StoreError, and a write that raised changed nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def due(self, now: datetime, *, most: int = 200) -> tuple[Outgoing, ...]:
        """What is to be sent now, oldest first."""
        where = f"{_DUE} AND coalesce(next_attempt_at <= ?, true) ORDER BY created_at, message_id LIMIT {int(most)}"
        with self._store.read() as (cursor, _):
            return select(cursor, OUTBOX, where, [now])

    def waiting(self, channel: str = "", *, most: int = 200) -> tuple[Outgoing, ...]:
        """What is not delivered and not given up, due or not, of one channel or of all; oldest first."""
        where = f"{_DUE} AND (channel = ? OR ? = '') ORDER BY created_at, message_id LIMIT {int(most)}"
        with self._store.read() as (cursor, _):
            return select(cursor, OUTBOX, where, [channel, channel])

    def backlogs(self) -> dict[str, Backlog]:
        """How each channel's part stands."""
        sql = f"SELECT channel, count(*) FILTER ({_DUE}), count(failed_at), max(delivered_at) FROM outbox GROUP BY channel"
        with self._store.read() as (cursor, _):
            found = rows(cursor, sql)
        return {name: Backlog(waiting, dead, at.astimezone(UTC) if at else None) for name, waiting, dead, at in found}

    def dead(self, *, most: int = 200) -> tuple[Outgoing, ...]:
        """What was given up, newest first."""
        where = f"failed_at IS NOT NULL ORDER BY failed_at DESC, message_id LIMIT {int(most)}"
        with self._store.read() as (cursor, _):
            return select(cursor, OUTBOX, where)

    def delivered(self, outgoing: Outgoing, at: datetime) -> None:
        """It arrived; that is an event, too."""
        self.settle([after_delivery(outgoing, at)])

    def failed(self, outgoing: Outgoing, at: datetime, error: str, next_attempt_at: datetime | None) -> None:
        """It did not arrive: try again then, or give it up (None), which is an event."""
        self.settle([after_failure(outgoing, at, error, next_attempt_at)])

    def settle(self, changed: Sequence[Outgoing]) -> None:
        """Keep how deliveries went (`after_delivery`, `after_failure`), with an event for each that is over."""
        with self._store.write() as cursor:
            for after in changed:
                _update(cursor, after)
            append_events(cursor, [event for after in changed if (event := _event(after))])

    def drop(self, outgoings: Sequence[Outgoing]) -> None:
        """Forget messages that their channel does not want."""
        sql = "DELETE FROM outbox WHERE channel = ? AND message_id = ?"
        with self._store.write() as cursor:
            for each in outgoings:
                rows(cursor, sql, [each.channel, each.message_id])

    def again(self, message_id: str, channel: str) -> None:
        """Try a message that was given up once more."""
        sql = (
            "UPDATE outbox SET failed_at = NULL, next_attempt_at = NULL, attempts = 0 "
            "WHERE message_id = ? AND channel = ? AND failed_at IS NOT NULL"
        )
        with self._store.write() as cursor:
            rows(cursor, sql, [message_id, channel])


_DUE = "delivered_at IS NULL AND failed_at IS NULL"


def _update(cursor: Cursor, after: Outgoing) -> None:
    sql = (
        "UPDATE outbox SET attempts = ?, next_attempt_at = ?, delivered_at = ?, failed_at = ?, error = ? "
        "WHERE message_id = ? AND channel = ?"
    )
    values = [after.attempts, after.next_attempt_at, after.delivered_at, after.failed_at, after.error]
    rows(cursor, sql, [*values, after.message_id, after.channel])


def _event(after: Outgoing) -> AlertEvent | None:
    if at := after.delivered_at:
        return AlertEvent(at, at, EventKind.NOTIFIED, after.incident_id, by=after.channel, note=after.kind)
    if at := after.failed_at:
        note = f"{after.kind}: {after.error}"
        return AlertEvent(at, at, EventKind.NOT_NOTIFIED, after.incident_id, by=after.channel, note=note)
    return None
