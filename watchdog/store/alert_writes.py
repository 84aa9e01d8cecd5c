"""The SQL that writes what alerts changed, and reads what a restart needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import TypeVar

from watchdog.model.alert_changes import Changes, Saved
from watchdog.model.alerts import Alert, AlertEvent, AlertState, Incident
from watchdog.model.findings import Subject
from watchdog.store.alert_rows import ALERTS, EVENTS, INCIDENTS, OUTBOX, RULES, SILENCES, Rows
from watchdog.store.connection import Cursor, rows

T = TypeVar("T")
GAP = "gap"


def save(cursor: Cursor, batches: Iterable[Changes]) -> int:
    """Write the batches that are not there yet; returns the number of the last one that is."""
    done = last_batch(cursor)
    new = [batch for batch in batches if batch.number > done]
    if not new:
        return done
    _save_alerts(cursor, _last({alert.alert_id: alert for batch in new for alert in batch.alerts}))
    _save_incidents(cursor, _last({each.incident_id: each for batch in new for each in batch.incidents}))
    append_events(cursor, [*chain.from_iterable(batch.events for batch in new)])
    _insert(cursor, OUTBOX, [*chain.from_iterable(batch.outbox for batch in new)])
    _replace(cursor, SILENCES, "silence_id", _last({each.silence_id: each for b in new for each in b.silences}))
    _replace(cursor, RULES, "rule_id", _last({each.rule_id: each for batch in new for each in batch.rules}))
    _save_marks(cursor, {name: at for batch in new for name, at in batch.marks.items()})
    rows(cursor, "UPDATE alert_batches SET number = ?", [new[-1].number])
    return new[-1].number


def last_batch(cursor: Cursor) -> int:
    """The number of the last batch that was written; 0 before the first."""
    return int(rows(cursor, "SELECT max(number) FROM alert_batches")[0][0])


def append_events(cursor: Cursor, events: Sequence[AlertEvent]) -> None:
    """Write events, numbered in their order after those that are there."""
    if not events:
        return
    first = rows(cursor, "SELECT coalesce(max(seq), 0) FROM alert_events")[0][0] + 1
    table = EVENTS.arrow(events).append_column("seq", [range(first, first + len(events))])
    _insert_table(cursor, EVENTS.table, table)


def load(cursor: Cursor, fired_since: datetime) -> Saved:
    """What is open, and what fired since then."""
    marks = {name: at.astimezone(UTC) for name, at in rows(cursor, "SELECT name, until_at FROM alert_marks")}
    return Saved(
        number=last_batch(cursor),
        alerts=select(cursor, ALERTS, f"state <> '{AlertState.RESOLVED}'"),
        incidents=select(cursor, INCIDENTS, "closed_at IS NULL"),
        fired=_fired(cursor, fired_since),
        late=select(cursor, INCIDENTS, _UNTOLD, [marks[GAP]]) if GAP in marks else (),
        silences=select(cursor, SILENCES, "true"),
        rules=select(cursor, RULES, "true"),
        marks=marks,
    )


_UNTOLD = "closed_at IS NOT NULL AND seen_late AND notifications = 0 AND opened_at >= ?"


def select(cursor: Cursor, kind: Rows[T], where: str, values: Sequence[object] = ()) -> tuple[T, ...]:
    """Things of one table."""
    return kind.read(rows(cursor, f"SELECT {kind.columns} FROM {kind.table} WHERE {where}", values))


def forget(cursor: Cursor, before: datetime, delivered_before: datetime) -> None:
    """Drop what was over before then; what is open stays whatever its age, with its events.

    Of messages that were delivered or given up only the events last; their texts go earlier.
    """
    for table, instant in (("alerts", "resolved_at"), ("incidents", "closed_at"), ("silences", "ends_at")):
        rows(cursor, f"DELETE FROM {table} WHERE {instant} < ?", [before])
    rows(
        cursor,
        'DELETE FROM alert_events WHERE recorded_at < ? AND "at" < ? '
        "AND incident_id NOT IN (SELECT incident_id FROM incidents WHERE closed_at IS NULL)",
        [before, before],
    )
    rows(cursor, "DELETE FROM outbox WHERE coalesce(delivered_at, failed_at) < ?", [delivered_before])


def _fired(cursor: Cursor, since: datetime) -> tuple[tuple[str, Subject, datetime], ...]:
    sql = "SELECT rule_id, node, gpu_uuid, job_id, part, fired_at FROM alerts WHERE fired_at >= ?"
    return tuple((rule, Subject(*whom), at.astimezone(UTC)) for rule, *whom, at in rows(cursor, sql, [since]))


def _save_alerts(cursor: Cursor, alerts: Sequence[Alert]) -> None:
    # The bound lets DuckDB skip the old part of the table: what is kept of `since` never grows.
    _drop(cursor, ALERTS, "alert_id", [a.alert_id for a in alerts], "since", [a.since for a in alerts])
    _insert(cursor, ALERTS, [a for a in alerts if a.fired_at is not None or a.state is not AlertState.RESOLVED])


def _save_incidents(cursor: Cursor, incidents: Sequence[Incident]) -> None:
    ids, opened = [i.incident_id for i in incidents], [i.opened_at for i in incidents]
    _drop(cursor, INCIDENTS, "incident_id", ids, "opened_at", opened)
    _insert(cursor, INCIDENTS, incidents)


def _drop(cursor: Cursor, kind: Rows[T], key: str, ids: list[str], instant: str, instants: list[datetime]) -> None:
    if ids:
        sql = f"DELETE FROM {kind.table} WHERE {instant} >= ? AND {key} IN (SELECT unnest(?::VARCHAR[]))"
        rows(cursor, sql, [min(instants), ids])


def _replace(cursor: Cursor, kind: Rows[T], key: str, things: Sequence[T]) -> None:
    if things:
        ids = [getattr(thing, key) for thing in things]
        rows(cursor, f"DELETE FROM {kind.table} WHERE {key} IN (SELECT unnest(?::VARCHAR[]))", [ids])
        _insert(cursor, kind, things)


def _insert(cursor: Cursor, kind: Rows[T], things: Sequence[T]) -> None:
    if things:
        _insert_table(cursor, kind.table, kind.arrow(things))


def _insert_table(cursor: Cursor, name: str, table: object) -> None:
    cursor.register("fresh", table)
    rows(cursor, f"INSERT INTO {name} BY NAME SELECT * FROM fresh")
    cursor.unregister("fresh")


def _save_marks(cursor: Cursor, marks: dict[str, datetime | None]) -> None:
    for name, at in marks.items():
        rows(cursor, "DELETE FROM alert_marks WHERE name = ?", [name])
        if at is not None:
            rows(cursor, "INSERT INTO alert_marks VALUES (?, ?)", [name, at])


def _last(things: dict[str, T]) -> list[T]:
    return [*things.values()]
