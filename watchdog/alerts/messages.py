"""What people are told, and when: each incident once, again while nobody has it, and when it is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from watchdog.alerts.board import worst_first
from watchdog.alerts.machine import elapsed
from watchdog.model.alerts import Alert, AlertState, Incident, Message, MessageKind
from watchdog.model.findings import Severity

# Alertmanager's own default.
REMIND_AFTER = timedelta(hours=4)
# What is only out of sight for a short while (an exporter that restarts) is not worth a message.
UNKNOWN_AFTER = timedelta(minutes=15)
MOST_ALERTS = 50


@dataclass(frozen=True, slots=True)
class Situation:
    """What decides on a message, beside the incident itself.

    Attributes:
        alerts: its open members.
        explained: why it cannot be seen is an incident of its own (its node is lost).
        ack_ended: its acknowledgement ran out just now.
    """

    alerts: Sequence[Alert]
    now: datetime
    explained: bool = False
    ack_ended: bool = False


def due(incident: Incident, situation: Situation) -> MessageKind | None:
    """Why people are to be told now; None where they are not."""
    if incident.state is AlertState.RESOLVED:
        return MessageKind.RESOLVED if incident.notifications else None
    if incident.silence_id:
        return None
    if incident.told_severity is not None and incident.severity.rank > incident.told_severity.rank:
        return MessageKind.WORSENED if incident.notifications else MessageKind.FIRING
    if incident.ack is not None:
        return None
    if not incident.notifications:
        return MessageKind.FIRING if _in_sight(situation.alerts) else None
    return _again(incident, situation)


def _again(incident: Incident, situation: Situation) -> MessageKind | None:
    if situation.ack_ended:
        return MessageKind.REMINDER
    if not incident.unknown_told and not situation.explained and _long_unknown(situation):
        return MessageKind.UNKNOWN
    urgent = incident.severity is not Severity.INFO
    if urgent and elapsed(incident.notified_at, situation.now) >= REMIND_AFTER:
        return MessageKind.REMINDER
    return None


def _in_sight(alerts: Sequence[Alert]) -> bool:
    """Whether it is not just ending: nobody is told of what is over before they could look."""
    return any(alert.clear_since is None for alert in alerts)


def _long_unknown(situation: Situation) -> bool:
    return bool(situation.alerts) and all(
        alert.unknown_since is not None and elapsed(alert.unknown_since, situation.now) >= UNKNOWN_AFTER
        for alert in situation.alerts
    )


def told(incident: Incident, kind: MessageKind, now: datetime) -> Incident:
    """The incident, once the message is on its way."""
    worst = max(incident.told_severity or incident.severity, incident.severity, key=lambda severity: severity.rank)
    return replace(
        incident,
        notified_at=now,
        notifications=incident.notifications + 1,
        told_severity=worst,
        unknown_told=incident.unknown_told or kind is MessageKind.UNKNOWN,
    )


def message(message_id: str, kind: MessageKind, incident: Incident, alerts: Sequence[Alert], now: datetime) -> Message:
    """The message, with the worst of the incident's open members."""
    return Message(message_id, kind, incident, worst_first(alerts)[:MOST_ALERTS], len(alerts), now)


def summary(message_id: str, missed: Sequence[Incident], now: datetime) -> Message:
    """One message for all that began and ended while nobody watched; its incident is none that is kept."""
    begin = min(incident.opened_at for incident in missed)
    end = max(incident.closed_at or incident.opened_at for incident in missed)
    number = f"{len(missed)} incident{'s' * (len(missed) > 1)}"
    about = Incident(
        incident_id="",
        cause="gap",
        title=f"{number} began and ended while nobody watched: {_listed(missed)}",
        severity=max((incident.severity for incident in missed), key=lambda severity: severity.rank),
        state=AlertState.RESOLVED,
        opened_at=begin,
        closed_at=end,
        members=sum(incident.members for incident in missed),
        seen_late=True,
    )
    return Message(message_id, MessageKind.SUMMARY, about, (), about.members, now)


def _listed(missed: Sequence[Incident], most: int = 5) -> str:
    worst = sorted(missed, key=lambda incident: (-incident.severity.rank, incident.opened_at))
    rest = f"; and {len(worst) - most} more" if len(worst) > most else ""
    return "; ".join(incident.title for incident in worst[:most]) + rest
