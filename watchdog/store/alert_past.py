"""Incidents as they were: at a past instant, or one of them with all its alerts."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from watchdog.model.alerts import Alert, EventKind, Incident, Silence
from watchdog.model.telemetry import Window
from watchdog.store.alert_rows import ALERTS, INCIDENTS, SILENCES
from watchdog.store.alert_writes import select
from watchdog.store.database import Store

_OPEN_IN = "opened_at < ? AND coalesce(closed_at >= ?, true)"
_PEOPLES = (EventKind.ACKNOWLEDGED, EventKind.ACK_ENDED, EventKind.NOTED)


class AlertPast:
    """What is kept of alerts, as the things they were; every method may raise StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def open_at(self, at: datetime, *, most: int = 5_000) -> tuple[tuple[Incident, ...], tuple[Alert, ...]]:
        """Incidents that were open at `at`, newest first and at most so many, and their alerts that held then.

        An incident is as it was known last: its state, severity and acknowledgement may be later ones.
        """
        when = "opened_at <= ? AND coalesce(closed_at > ?, true)"
        held = f"fired_at <= ? AND coalesce(resolved_at > ?, true) AND incident_id IN (SELECT incident_id FROM incidents WHERE {when})"
        with self._store.read() as (cursor, _):
            incidents = select(cursor, INCIDENTS, f"{when} ORDER BY opened_at DESC LIMIT {int(most)}", [at, at])
            return incidents, select(cursor, ALERTS, held, [at, at, at, at])

    def incident(self, incident_id: str, *, most: int = 500) -> tuple[Incident | None, tuple[Alert, ...]]:
        """One incident, open or over, and its alerts, the newest first and at most so many."""
        with self._store.read() as (cursor, _):
            found = select(cursor, INCIDENTS, "incident_id = ?", [incident_id])
            where = f"incident_id = ? AND fired_at IS NOT NULL ORDER BY fired_at DESC, alert_id LIMIT {int(most)}"
            return (found[0] if found else None), select(cursor, ALERTS, where, [incident_id])

    def parts(self, window: Window) -> pd.DataFrame:
        """Which rules and nodes the incidents of the window are about: incident_id, rule_id, node; each once."""
        sql = (
            "SELECT DISTINCT a.incident_id, a.rule_id, a.node FROM alerts AS a JOIN incidents AS i "
            f"ON a.incident_id = i.incident_id WHERE a.fired_at IS NOT NULL AND i.{_OPEN_IN}"
        )
        return self._texts(sql, [window.until, window.since])

    def people(self, window: Window) -> pd.DataFrame:
        """Who took the incidents of the window or wrote something down about them: incident_id, by; each once."""
        kinds = ", ".join("?" for _ in _PEOPLES)
        sql = (
            'SELECT DISTINCT e.incident_id, e."by" FROM alert_events AS e JOIN incidents AS i '
            f"ON e.incident_id = i.incident_id WHERE e.kind IN ({kinds}) AND e.\"by\" <> '' AND i.{_OPEN_IN}"
        )
        return self._texts(sql, [*_PEOPLES, window.until, window.since])

    def silences(self, ended_since: datetime, *, most: int = 200) -> tuple[Silence, ...]:
        """Silences that ended then or later, those that hold or are to come included, the latest end first."""
        with self._store.read() as (cursor, _):
            return select(cursor, SILENCES, f"ends_at >= ? ORDER BY ends_at DESC LIMIT {int(most)}", [ended_since])

    def _texts(self, sql: str, values: list[object]) -> pd.DataFrame:
        with self._store.read() as (cursor, _):
            return cursor.execute(sql, values).df().astype("string")
