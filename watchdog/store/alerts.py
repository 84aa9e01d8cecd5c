"""The history of alerts: what fired, who took it and how long it lasted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from watchdog.model.alert_changes import Changes, Saved
from watchdog.model.alert_frames import ALERT_EVENTS, ALERTS, INCIDENTS
from watchdog.model.alerts import EventKind
from watchdog.model.frames import Frame
from watchdog.model.telemetry import Window
from watchdog.store import alert_writes as writes
from watchdog.store.connection import Cursor, rows
from watchdog.store.database import Store


@dataclass(frozen=True)
class Durations:
    """How fast incidents of a window were handled.

    Attributes:
        incidents: how many began in it; acknowledged, resolved: how many of them were.
        to_acknowledge, to_resolve: the mean time from firing; None where there was none.
    """

    incidents: int = 0
    acknowledged: int = 0
    resolved: int = 0
    to_acknowledge: timedelta | None = None
    to_resolve: timedelta | None = None


@dataclass(frozen=True)
class EventFilter:
    """Which events; empty means all, else one of them must match."""

    rules: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    incident_id: str = ""
    alert_id: str = ""


ANY = EventFilter()


class AlertStore:
    """Alerts in a `Store`; every method may raise StoreError, and a write that raised changed nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # What the engine needs

    def save(self, batches: Sequence[Changes]) -> int:
        """Write batches in one transaction, each once however often it is tried; returns the last number written."""
        with self._store.write() as cursor:
            return writes.save(cursor, batches)

    def load(self, fired_since: datetime) -> Saved:
        """What is open, and what fired since then."""
        with self._store.read() as (cursor, _):
            return writes.load(cursor, fired_since)

    def expire(self, before: datetime, delivered_before: datetime) -> None:
        """Forget what was over before then, and messages that were settled before `delivered_before`."""
        with self._store.write() as cursor:
            writes.forget(cursor, before, delivered_before)

    # What pages ask

    def events(self, window: Window, where: EventFilter = ANY, *, most: int = 10_000) -> pd.DataFrame:
        """Steps that happened in the window (ALERT_EVENTS), newest first."""
        terms, values = _terms(where)
        condition = " AND ".join(['"at" >= ? AND "at" < ?', *terms])
        bounds = [window.since, window.until]
        return self._frame(ALERT_EVENTS, "alert_events", condition, [*bounds, *values], "seq DESC", most)

    def incidents(self, window: Window, *, most: int = 10_000) -> pd.DataFrame:
        """Incidents that were open at some time in the window (INCIDENTS), newest first."""
        condition = "opened_at < ? AND coalesce(closed_at >= ?, true)"
        values = [window.until, window.since]
        return self._frame(INCIDENTS, _WITH_FIRST_ACK, condition, values, "opened_at DESC, incident_id", most)

    def alerts(self, window: Window | None = None, *, incident_id: str = "", most: int = 10_000) -> pd.DataFrame:
        """Alerts that fired and were open in the window, or all of an incident (ALERTS), newest first."""
        terms, values = ["fired_at IS NOT NULL"], list[object]()
        if window is not None:
            terms.append("since < ? AND coalesce(resolved_at >= ?, true)")
            values += [window.until, window.since]
        if incident_id:
            terms.append("incident_id = ?")
            values.append(incident_id)
        return self._frame(ALERTS, "alerts", " AND ".join(terms), values, "fired_at DESC, alert_id", most)

    def durations(self, window: Window) -> Durations:
        """Mean times to acknowledge and to resolve, of incidents that began in the window."""
        sql = (
            "SELECT count(*), count(acked_at), count(closed_at), avg(epoch(acked_at) - epoch(opened_at)), "
            f"avg(epoch(closed_at) - epoch(opened_at)) FROM {_WITH_FIRST_ACK} WHERE opened_at >= ? AND opened_at < ?"
        )
        with self._store.read() as (cursor, _):
            count, acked, closed, to_ack, to_close = rows(cursor, sql, [window.since, window.until])[0]
        return Durations(count, acked, closed, _seconds(to_ack), _seconds(to_close))

    def _frame(
        self, contract: Frame, table: str, where: str, values: Iterable[object], order: str, most: int
    ) -> pd.DataFrame:
        names = ", ".join(_column(name, contract) for name in contract.columns)
        sql = f"SELECT {names} FROM {table} WHERE {where} ORDER BY {order} LIMIT {int(most)}"
        with self._store.read() as (cursor, _):
            return contract.conform(_df(cursor, sql, values))


# The first acknowledgement; after the clock went back, never before the incident. `greatest` skips nulls.
_WITH_FIRST_ACK = (
    "(SELECT i.*, CASE WHEN first_ack IS NOT NULL THEN greatest(first_ack, opened_at) END AS acked_at "
    'FROM incidents AS i LEFT JOIN (SELECT incident_id, min("at") AS first_ack FROM alert_events '
    f"WHERE kind = '{EventKind.ACKNOWLEDGED}' GROUP BY incident_id) AS acks ON acks.incident_id = i.incident_id) AS known"
)


def _column(name: str, contract: Frame) -> str:
    column = contract.columns[name]
    null_is_empty = column.dtype == "string" and not column.nullable
    return f'coalesce("{name}", \'\') AS "{name}"' if null_is_empty else f'"{name}"'


def _df(cursor: Cursor, sql: str, values: Iterable[object]) -> pd.DataFrame:
    return cursor.execute(sql, [*values]).df()


def _terms(where: EventFilter) -> tuple[list[str], list[object]]:
    lists = {"rule_id": where.rules, "node": where.nodes, "severity": where.severities, "by": where.by}
    lists |= {"kind": where.kinds}
    found: list[tuple[str, object]] = [
        (f'list_contains(?, "{name}")', [*wanted]) for name, wanted in lists.items() if wanted
    ]
    found += [("incident_id = ?", where.incident_id)] * bool(where.incident_id)
    found += [("alert_id = ?", where.alert_id)] * bool(where.alert_id)
    return [term for term, _ in found], [value for _, value in found]


def _seconds(count: float | None) -> timedelta | None:
    return None if count is None else timedelta(seconds=count)
