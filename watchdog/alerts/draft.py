"""What one step changes, collected until it is written in one go."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from watchdog.model.alert_changes import Changes, KeptRule, Outgoing
from watchdog.model.alerts import Alert, AlertEvent, AlertState, EventKind, Incident, Message, Silence


@dataclass
class Draft:
    """Changes under way.

    Attributes:
        at: the instant that is judged; recorded_at: when that is done. They differ for what is seen late.
    """

    at: datetime
    recorded_at: datetime
    new_id: Callable[[], str]
    late: bool = False
    alerts: dict[str, Alert] = field(default_factory=dict)
    incidents: dict[str, Incident] = field(default_factory=dict)
    events: list[AlertEvent] = field(default_factory=list)
    outbox: list[Outgoing] = field(default_factory=list)
    silences: dict[str, Silence] = field(default_factory=dict)
    rules: dict[str, KeptRule] = field(default_factory=dict)
    marks: dict[str, datetime | None] = field(default_factory=dict)

    def of_alert(self, alert: Alert, kind: EventKind, note: str = "") -> None:
        """Note a step of an alert."""
        self.events.append(
            AlertEvent(
                at=alert.resolved_at or self.at if alert.state is AlertState.RESOLVED else self.at,
                recorded_at=self.recorded_at,
                kind=kind,
                incident_id=alert.incident_id,
                alert_id=alert.alert_id,
                rule_id=alert.rule_id,
                severity=alert.severity,
                subject=alert.subject,
                note=note,
                seen_late=self.late,
            )
        )

    def of_incident(self, incident: Incident, kind: EventKind, by: str = "", note: str = "") -> None:
        """Note a step of an incident as a whole."""
        self.events.append(
            AlertEvent(
                at=self.at,
                recorded_at=self.recorded_at,
                kind=kind,
                incident_id=incident.incident_id,
                severity=incident.severity,
                by=by,
                note=note,
                seen_late=self.late,
            )
        )

    def aside(self, kind: EventKind, by: str, note: str, *, rule_id: str = "", incident_id: str = "") -> None:
        """Note what somebody did that is about no incident, or about one that is over."""
        event = AlertEvent(self.at, self.recorded_at, kind, incident_id, rule_id=rule_id, by=by, note=note)
        self.events.append(event)

    def send(self, message: Message, channels: Iterable[str]) -> None:
        """Put a message into the outbox, once a channel."""
        body = msgspec.json.encode(message).decode()
        for channel in channels:
            self.outbox.append(
                Outgoing(
                    message_id=message.message_id,
                    channel=channel,
                    kind=message.kind,
                    incident_id=message.incident.incident_id,
                    body=body,
                    created_at=self.recorded_at,
                )
            )

    def changes(self, number: int) -> Changes:
        """All of it, as the batch of this number."""
        return Changes(
            number,
            tuple(self.alerts.values()),
            tuple(self.incidents.values()),
            tuple(self.events),
            tuple(self.outbox),
            tuple(self.silences.values()),
            tuple(self.rules.values()),
            self.marks,
        )

    @property
    def empty(self) -> bool:
        """Whether nothing but marks changed."""
        return not (self.alerts or self.incidents or self.events or self.outbox or self.silences or self.rules)
