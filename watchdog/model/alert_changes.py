"""What passes between the alert engine and the store: what one step changed, and what is known after a restart."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from watchdog.model.alerts import Alert, AlertEvent, Incident, Silence
from watchdog.model.findings import Subject


@dataclass(frozen=True, slots=True)
class KeptRule:
    """What somebody decided about a rule. `body`, its JSON, is '' where it is to be as shipped, or `deleted`."""

    rule_id: str
    body: str
    changed_at: datetime
    changed_by: str
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message for one channel, and how its delivery goes.

    Attributes:
        body: the `Message` as JSON (`store.outbox.message_of` reads it).
        next_attempt_at: not before then; None = at once.
        delivered_at, failed_at: when it arrived, or was given up; both None while it is due.
        error: of the last attempt.
    """

    message_id: str
    channel: str
    kind: str
    incident_id: str
    body: str
    created_at: datetime
    attempts: int = 0
    next_attempt_at: datetime | None = None
    delivered_at: datetime | None = None
    failed_at: datetime | None = None
    error: str = ""


@dataclass(frozen=True)
class Changes:
    """Written in one transaction, all or nothing, and never twice.

    Attributes:
        number: counts up by one a batch; the store skips what it has already.
        alerts: as they are now; one that is resolved and never fired is forgotten.
        marks: instants by name; None forgets one.
    """

    number: int = 0
    alerts: tuple[Alert, ...] = ()
    incidents: tuple[Incident, ...] = ()
    events: tuple[AlertEvent, ...] = ()
    outbox: tuple[Outgoing, ...] = ()
    silences: tuple[Silence, ...] = ()
    rules: tuple[KeptRule, ...] = ()
    marks: dict[str, datetime | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Saved:
    """What the store knows of alerts.

    Attributes:
        number: of the last batch that was written.
        alerts: pending, firing and unknown ones; incidents: open ones.
        fired: (rule, subject, when) of what fired lately, open or not.
        late: incidents that began and ended in a gap and are not told of yet.
    """

    number: int = 0
    alerts: tuple[Alert, ...] = ()
    incidents: tuple[Incident, ...] = ()
    fired: tuple[tuple[str, Subject, datetime], ...] = ()
    late: tuple[Incident, ...] = ()
    silences: tuple[Silence, ...] = ()
    rules: tuple[KeptRule, ...] = ()
    marks: dict[str, datetime] = field(default_factory=dict)
