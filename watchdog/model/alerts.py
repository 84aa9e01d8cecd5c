"""An alert's life: what is kept of it, and every step it takes.

An *alert* is one rule that holds for one subject. Alerts with one cause are members of one *incident*, which is
what people see, acknowledge and are told about.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from watchdog.model.findings import Finding, Severity, Subject


class AlertState(StrEnum):
    """Where an alert is in its life. UNKNOWN: it was firing, and now there is no data to tell."""

    PENDING = "pending"
    FIRING = "firing"
    UNKNOWN = "unknown"
    RESOLVED = "resolved"


OPEN = frozenset({AlertState.FIRING, AlertState.UNKNOWN})


class EventKind(StrEnum):
    """Steps in the life of an alert or an incident; all are kept."""

    PENDING = "pending"
    FIRED = "fired"
    DROPPED = "dropped"  # was pending, and went before it fired
    UNKNOWN = "unknown"
    KNOWN = "known"  # was unknown, and is seen firing again
    RESOLVED = "resolved"
    WORSENED = "worsened"  # severity rose
    EASED = "eased"
    FLAPPING = "flapping"
    ACKNOWLEDGED = "acknowledged"
    ACK_ENDED = "acknowledgement ended"
    SILENCED = "silenced"
    UNSILENCED = "unsilenced"
    NOTED = "noted"
    NOTIFIED = "notified"
    NOT_NOTIFIED = "not notified"  # given up: see the dead letters
    MERGED = "merged"  # the incident went on as part of another
    RULE_CHANGED = "rule changed"


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule holding for one subject, once; if it comes back later, that is another alert.

    Attributes:
        alert_id: unique for ever; never used again.
        since: when the condition began; fired_at: when we said so; seen_at: when it was last seen to hold.
        clear_since: since when it is not seen any more, while it is held open against flapping.
        finding: the newest one.
        seen_late: it began while nobody watched, and was found afterwards.
        flaps: how often it fired within the last hour, this time included.
        flapping_since: since when it is held open although it comes and goes.
    """

    alert_id: str
    rule_id: str
    subject: Subject
    state: AlertState
    severity: Severity
    since: datetime
    finding: Finding
    incident_id: str = ""
    fired_at: datetime | None = None
    resolved_at: datetime | None = None
    seen_at: datetime | None = None
    clear_since: datetime | None = None
    unknown_since: datetime | None = None
    seen_late: bool = False
    flaps: int = 0
    flapping_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Somebody has it: who, since when, until when (None = until it is over), and what they say."""

    by: str
    at: datetime
    note: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """Alerts with one cause.

    Attributes:
        cause: what its alerts share, as a key: "node:gpu03", "hung:job=812", "xid:burst".
        title: what people read first; quotes the cluster, so it is escaped where it is shown.
        severity: the worst of its open members.
        silence_id: the silence that mutes it; '' for none.
        members: how many alerts it has had; open_members: how many are firing or unknown.
        notified_at, notifications: the last message about it, and how many there were.
        told_severity: the worst that anybody was told of, or acknowledged; None before that.
        unknown_told: people were told that it cannot be seen just now.
    """

    incident_id: str
    cause: str
    title: str
    severity: Severity
    state: AlertState
    opened_at: datetime
    closed_at: datetime | None = None
    ack: Acknowledgement | None = None
    silence_id: str = ""
    members: int = 0
    open_members: int = 0
    notified_at: datetime | None = None
    notifications: int = 0
    seen_late: bool = False
    told_severity: Severity | None = None
    unknown_told: bool = False


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """One step; `alert_id` is '' for steps of the incident as a whole.

    Attributes:
        at: when it happened; recorded_at: when it was written (later, for what was seen late).
        by: a person, a rule, or a channel; '' for the watchdog itself.
        seq: its place in the order of writing, from 1, whatever the clock did; 0 until it is written.
    """

    at: datetime
    recorded_at: datetime
    kind: EventKind
    incident_id: str
    alert_id: str = ""
    rule_id: str = ""
    severity: Severity = Severity.INFO
    subject: Subject = field(default_factory=Subject)
    by: str = ""
    note: str = ""
    seen_late: bool = False
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Silence:
    """Planned work: matching incidents are shown but not told about. Patterns as in `Scope`; all must match.

    Attributes:
        rules: rule ids as shell patterns; empty = all.
        ends_at: a silence always ends.
    """

    silence_id: str
    by: str
    note: str
    starts_at: datetime
    ends_at: datetime
    nodes: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    gpus: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()


class MessageKind(StrEnum):
    """Why a message goes out."""

    FIRING = "firing"
    REMINDER = "reminder"
    WORSENED = "worsened"
    RESOLVED = "resolved"
    UNKNOWN = "unknown"
    TEST = "test"
    SUMMARY = "summary"  # what happened while nobody watched, or was held back by the rate limit


@dataclass(frozen=True, slots=True)
class Message:
    """What people are told, before it is put into a channel's form.

    Attributes:
        message_id: the same at every attempt, so that a receiver can drop a repeat.
        alerts: open members, at most 50; `members` says how many there are.
    """

    message_id: str
    kind: MessageKind
    incident: Incident
    alerts: tuple[Alert, ...]
    members: int
    created_at: datetime
    link: str = ""
