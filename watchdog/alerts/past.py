"""The alerts as they stood at a past instant, and the incidents of a span, from the store."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pandas as pd

from watchdog.alerts.board import Board, OpenIncident, by_urgency, worst_first
from watchdog.model.alert_frames import INCIDENTS
from watchdog.model.alerts import Alert, AlertState, Incident
from watchdog.model.telemetry import Window
from watchdog.store.alert_past import AlertPast
from watchdog.store.alerts import AlertStore, Durations, EventFilter
from watchdog.store.database import Store

MOST_INCIDENTS = 5_000


@dataclass(frozen=True)
class Past:
    """Incidents of a span.

    Attributes:
        incidents: INCIDENTS, newest first.
        rules, nodes, people: by incident id, what it is about and who dealt with it.
        cut: there were more, which are older.
    """

    window: Window
    incidents: pd.DataFrame = field(default_factory=INCIDENTS.empty)
    rules: dict[str, tuple[str, ...]] = field(default_factory=dict)
    nodes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    people: dict[str, tuple[str, ...]] = field(default_factory=dict)
    durations: Durations = field(default_factory=Durations)
    cut: bool = False


def board_at(store: Store, at: datetime) -> Board:
    """What was open at `at`, worst first. Severities, and who had it, are as they were known last; StoreError."""
    incidents, alerts = AlertPast(store).open_at(at)
    of: dict[str, list[Alert]] = defaultdict(list)
    for alert in alerts:
        of[alert.incident_id].append(alert)
    shown = [OpenIncident(_then(each, at), worst_first(of[each.incident_id])) for each in incidents]
    return Board(evaluated_at=at, incidents=by_urgency(shown))


def _then(incident: Incident, at: datetime) -> Incident:
    later = incident.ack is not None and incident.ack.at > at
    state = AlertState.FIRING if incident.state is AlertState.RESOLVED else incident.state
    return replace(incident, state=state, closed_at=None, silence_id="", ack=None if later else incident.ack)


def incident_of(store: Store, incident_id: str) -> OpenIncident | None:
    """One incident with its alerts, also when it is over; None if there is none of this id; StoreError."""
    incident, alerts = AlertPast(store).incident(incident_id)
    return None if incident is None else OpenIncident(incident, worst_first(alerts))


def past(store: Store, window: Window) -> Past:
    """The incidents that were open at some time in the window; StoreError."""
    alerts, kept = AlertPast(store), AlertStore(store)
    incidents = kept.incidents(window, most=MOST_INCIDENTS + 1)
    parts = alerts.parts(window)
    return Past(
        window=window,
        incidents=incidents.head(MOST_INCIDENTS),
        rules=_by_incident(parts, "rule_id"),
        nodes=_by_incident(parts, "node"),
        people=_by_incident(alerts.people(window), "by"),
        durations=kept.durations(window),
        cut=len(incidents) > MOST_INCIDENTS,
    )


def _by_incident(table: pd.DataFrame, column: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for incident, value in zip(table["incident_id"], table[column], strict=True):
        if value:
            found[str(incident)][str(value)] = None
    return {incident: tuple(sorted(values)) for incident, values in found.items()}


def trail(store: Store, incident: Incident, *, most: int = 500) -> pd.DataFrame:
    """Every step of an incident and its alerts (ALERT_EVENTS), newest first; StoreError."""
    begin = incident.opened_at - timedelta(days=2)
    window = Window(begin, incident.opened_at + timedelta(days=800))
    return AlertStore(store).events(window, EventFilter(incident_id=incident.incident_id), most=most)
