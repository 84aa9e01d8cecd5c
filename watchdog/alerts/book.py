"""What is open, in memory: alerts by rule and subject, incidents with their members, what fired lately."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from watchdog.alerts.grouping import BURST_SPAN, is_broken, is_burst, is_lost
from watchdog.alerts.machine import FLAP_WINDOW, elapsed
from watchdog.model.alert_changes import Saved
from watchdog.model.alerts import OPEN, Alert, AlertState, Incident, Silence
from watchdog.model.findings import Subject

Key = tuple[str, Subject]
_MOST_CLOSED = 1000


class Book:
    """Mutable, for one thread at a time; everything in it can be had back from `Saved`."""

    def __init__(self, saved: Saved = Saved()) -> None:  # noqa: B008 (frozen)
        self.alerts: dict[str, dict[Subject, Alert]] = defaultdict(dict)
        self.incidents: dict[str, Incident] = {incident.incident_id: incident for incident in saved.incidents}
        self.by_cause = {incident.cause: incident.incident_id for incident in saved.incidents}
        self.silences: dict[str, Silence] = {silence.silence_id: silence for silence in saved.silences}
        self.marks = dict(saved.marks)
        self.missed: list[Incident] = list(saved.late)
        self._members: dict[str, dict[str, Key]] = defaultdict(dict)
        self._fires: dict[Key, list[datetime]] = {}
        self._fired: deque[tuple[datetime, Key]] = deque()
        self._closed: OrderedDict[str, datetime] = OrderedDict()
        for alert in saved.alerts:
            self.put(alert)
        for rule_id, subject, at in sorted(saved.fired, key=lambda fire: fire[2]):
            self._remember((rule_id, subject), at)

    def put(self, alert: Alert) -> None:
        """Keep an alert as it is now; one that is resolved is open no more."""
        if alert.state is AlertState.RESOLVED:
            self.alerts[alert.rule_id].pop(alert.subject, None)
            self._members[alert.incident_id].pop(alert.alert_id, None)
            return
        self.alerts[alert.rule_id][alert.subject] = alert
        if alert.state in OPEN:
            self._members[alert.incident_id][alert.alert_id] = (alert.rule_id, alert.subject)

    def fires(self, key: Key) -> Sequence[datetime]:
        """When this rule fired for this subject within the last hour."""
        return self._fires.get(key, ())

    def fired(self, alert: Alert, at: datetime) -> None:
        """Remember that it fired."""
        self._remember((alert.rule_id, alert.subject), at)

    def move(self, alert: Alert, incident_id: str) -> Alert:
        """Make an alert a member of this incident."""
        self._members[alert.incident_id].pop(alert.alert_id, None)
        moved = replace(alert, incident_id=incident_id)
        self.put(moved)
        return moved

    def members(self, incident_id: str) -> list[Alert]:
        """The open alerts of an incident."""
        return [self.alerts[rule][subject] for rule, subject in self._members.get(incident_id, {}).values()]

    def active(self, rule_id: str) -> frozenset[Subject]:
        """Subjects for which this rule's clear level holds: firing or unknown, and not out of sight already."""
        return frozenset(
            subject
            for subject, alert in self.alerts.get(rule_id, {}).items()
            if alert.state in OPEN and alert.clear_since is None
        )

    def recent(self, now: datetime) -> list[Alert]:
        """Open alerts that fired within BURST_SPAN."""
        found: dict[str, Alert] = {}
        for at, (rule_id, subject) in reversed(self._fired):
            if elapsed(at, now) > BURST_SPAN:
                break
            alert = self.alerts[rule_id].get(subject)
            if alert is not None and alert.state in OPEN:
                found[alert.alert_id] = alert
        return list(found.values())

    def lost(self) -> dict[str, str]:
        """The cause of the incident that says that a node is lost, by node."""
        return {
            alert.subject.node: self.incidents[alert.incident_id].cause
            for alert in self.open_alerts()
            if is_lost(alert) and alert.incident_id in self.incidents
        }

    def broken(self) -> dict[str, str]:
        """The cause of the incident that says that a GPU is broken, by gpu_uuid; storms aside."""
        causes = {
            alert.subject.gpu_uuid: self.incidents[alert.incident_id].cause
            for alert in self.open_alerts()
            if is_broken(alert) and alert.incident_id in self.incidents
        }
        return {gpu: cause for gpu, cause in causes.items() if not is_burst(cause)}

    def open_alerts(self) -> Iterable[Alert]:
        """Every alert that is firing or unknown."""
        return (alert for alerts in self.alerts.values() for alert in alerts.values() if alert.state in OPEN)

    def pending(self) -> Iterable[Alert]:
        """Every alert that waits for its `for`."""
        return (alert for alerts in self.alerts.values() for alert in alerts.values() if alert.state not in OPEN)

    def close(self, incident: Incident) -> None:
        """Forget an incident that is over, but for when that was."""
        self.incidents.pop(incident.incident_id, None)
        self._members.pop(incident.incident_id, None)
        if self.by_cause.get(incident.cause) == incident.incident_id:
            del self.by_cause[incident.cause]
        if incident.closed_at is not None:
            self._closed[incident.incident_id] = incident.closed_at
        while len(self._closed) > _MOST_CLOSED:
            self._closed.popitem(last=False)

    def closed_at(self, incident_id: str) -> datetime | None:
        """When an incident ended, if that was of late."""
        return self._closed.get(incident_id)

    def age(self, now: datetime) -> None:
        """Forget what fired more than an hour ago, and silences that are over."""
        while self._fired and elapsed(self._fired[0][0], now) >= FLAP_WINDOW:
            _, key = self._fired.popleft()
            self._fires[key].pop(0)
            if not self._fires[key]:
                del self._fires[key]
        for silence_id in [each.silence_id for each in self.silences.values() if each.ends_at <= now]:
            del self.silences[silence_id]

    def turn_back(self, now: datetime) -> None:
        """The clock went back: what it dated ahead of now counts from now, so that no wait lasts for ever."""
        self._fired = deque((min(at, now), key) for at, key in self._fired)
        self._fires = {key: [min(at, now) for at in fires] for key, fires in self._fires.items()}
        for incident in [*self.incidents.values()]:
            if incident.notified_at is not None and incident.notified_at > now:
                self.incidents[incident.incident_id] = replace(incident, notified_at=now)

    def remember_all(self, other: Book) -> None:
        """Take over what another book knows to have fired."""
        both = sorted((*self._fired, *other._fired), key=lambda fire: fire[0])
        self._fired, self._fires = deque(), {}
        for at, key in both:
            self._remember(key, at)

    def _remember(self, key: Key, at: datetime) -> None:
        self._fires.setdefault(key, []).append(at)
        self._fired.append((at, key))
