"""The alerts as they stand: a frozen picture that pages read without asking the store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from watchdog.model.alerts import Alert, AlertState, Incident, Silence
from watchdog.model.findings import Severity
from watchdog.model.rules import Rule


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """An incident and its alerts that are firing or unknown, worst first."""

    incident: Incident
    alerts: tuple[Alert, ...]

    @property
    def handled(self) -> bool:
        """Whether somebody has it, or it is planned work."""
        return self.incident.ack is not None or bool(self.incident.silence_id)


@dataclass(frozen=True, slots=True)
class RuleState:
    """How a rule stands.

    Attributes:
        firing, pending, unknown: how many alerts.
        blind_why: why it could not judge some or all subjects at the last tick; '' if it could.
        blind: it could judge nobody.
        not_exported: its metric is published by nobody.
        error: the rule itself failed; '' if not.
    """

    rule: Rule
    firing: int = 0
    pending: int = 0
    unknown: int = 0
    blind_why: str = ""
    blind: bool = False
    not_exported: bool = False
    error: str = ""


@dataclass(frozen=True)
class Board:
    """Everything that is open.

    Attributes:
        evaluated_at: the instant that was judged last; None before the first tick.
        incidents: worst first; pending: alerts that do not fire yet, oldest first.
        silences: those that hold or are to come.
        error, hint: why alerts cannot be trusted or kept just now; empty if they can.
        version: grows whenever something changed, so that a page need not compare.
    """

    evaluated_at: datetime | None = None
    incidents: tuple[OpenIncident, ...] = ()
    pending: tuple[Alert, ...] = ()
    rule_states: tuple[RuleState, ...] = ()
    silences: tuple[Silence, ...] = ()
    error: str = ""
    hint: str = ""
    version: int = 0

    @property
    def unhandled(self) -> tuple[OpenIncident, ...]:
        """Incidents that nobody has acknowledged and no silence mutes."""
        return tuple(each for each in self.incidents if not each.handled)

    def count(self, severity: Severity) -> int:
        """How many unhandled incidents are of this severity."""
        return sum(each.incident.severity is severity for each in self.unhandled)

    def incident(self, incident_id: str) -> OpenIncident | None:
        """The open incident of this id."""
        return next((each for each in self.incidents if each.incident.incident_id == incident_id), None)


def worst_first(alerts: Iterable[Alert]) -> tuple[Alert, ...]:
    """By severity, what is seen before what is unknown, then by age."""
    return tuple(sorted(alerts, key=_alert_order))


def by_urgency(incidents: Iterable[OpenIncident]) -> tuple[OpenIncident, ...]:
    """By severity, what nobody has before what somebody has, what is seen before what is unknown, then by age."""
    return tuple(sorted(incidents, key=_incident_order))


def rule_state(rule: Rule, alerts: Iterable[Alert]) -> RuleState:
    """A rule's counts; what it could not see is added by who judged it."""
    states = [alert.state for alert in alerts]
    return RuleState(
        rule, states.count(AlertState.FIRING), states.count(AlertState.PENDING), states.count(AlertState.UNKNOWN)
    )


def _alert_order(alert: Alert) -> tuple[object, ...]:
    return -alert.severity.rank, alert.state is AlertState.UNKNOWN, alert.since, alert.subject


def _incident_order(each: OpenIncident) -> tuple[object, ...]:
    incident = each.incident
    unknown = incident.state is AlertState.UNKNOWN
    return -incident.severity.rank, each.handled, unknown, incident.opened_at, incident.incident_id
