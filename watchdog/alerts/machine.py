"""One alert's life, step by step: pure, so that any sequence can be tried.

    nothing -> pending -> firing <-> unknown -> resolved

`for` keeps it pending; no data makes it unknown and never resolves it; a single tick out of sight changes nothing; what
comes and goes is held open until it has been quiet for a while. A clock that goes back makes waits begin anew and no
span negative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from watchdog.model.alerts import Alert, AlertState, EventKind
from watchdog.model.findings import Finding, Severity
from watchdog.model.rules import Rule
from watchdog.model.telemetry import LOOKBACK

# Fired so often within this time, it is held open at its next end, until it was quiet for so long.
FLAPS, FLAP_WINDOW = 3, timedelta(hours=1)
QUIET = timedelta(minutes=15)
# A pending alert without data for so long is dropped: nobody can say that it held meanwhile.
BLIND_PENDING = LOOKBACK


class Verdict(StrEnum):
    """What a rule says of a subject at one tick."""

    HOLDS = "holds"
    CLEAR = "clear"
    BLIND = "blind"


class Step(NamedTuple):
    """One event to be written; the alert says the rest."""

    kind: EventKind
    note: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is seen of one subject at one tick.

    Attributes:
        finding: set where the verdict is HOLDS.
        why: in words, where it is BLIND.
        fires: when this rule fired for this subject lately, its present alert included.
        late: nobody watched then; it is found out afterwards.
    """

    verdict: Verdict
    now: datetime
    finding: Finding | None = None
    why: str = ""
    fires: Sequence[datetime] = ()
    late: bool = False


Stepped = tuple[Alert | None, tuple[Step, ...]]


def step(alert: Alert | None, rule: Rule, seen: Seen, new_id: Callable[[], str]) -> Stepped:
    """The alert after this tick, and what happened; None where there is still nothing.

    An alert that comes back RESOLVED is over. One that was never `fired_at` was only pending, and is forgotten.
    """
    if seen.finding is not None:
        return _holds(alert or _begun(rule, seen, seen.finding, new_id()), rule, seen, seen.finding, new=alert is None)
    if alert is None:
        return None, ()
    return _clear(alert, seen) if seen.verdict is Verdict.CLEAR else _blind(alert, seen)


def end(alert: Alert, now: datetime, why: str) -> tuple[Alert, tuple[Step, ...]]:
    """The alert is over because its rule is: it was switched off, or deleted."""
    return _over(alert, now, why)


def elapsed(then: datetime | None, now: datetime) -> timedelta:
    """Time since `then`; none for what lies in the future, as after the clock went back."""
    return max(now - then, timedelta()) if then else timedelta()


def recent(fires: Sequence[datetime], now: datetime) -> int:
    """How many of `fires` were within the last FLAP_WINDOW."""
    return sum(elapsed(fire, now) < FLAP_WINDOW for fire in fires)


def _begun(rule: Rule, seen: Seen, finding: Finding, alert_id: str) -> Alert:
    return Alert(
        alert_id=alert_id,
        rule_id=rule.rule_id,
        subject=finding.subject,
        state=AlertState.PENDING,
        severity=_severity(rule, finding),
        since=min(finding.since or seen.now, seen.now),
        finding=finding,
        seen_at=seen.now,
        seen_late=seen.late,
    )


def _severity(rule: Rule, finding: Finding) -> Severity:
    return rule.severity or finding.severity


def _holds(alert: Alert, rule: Rule, seen: Seen, finding: Finding, *, new: bool) -> Stepped:
    if alert.state is AlertState.PENDING:
        return _waits(alert, rule, seen, finding, new=new)
    severity = _severity(rule, finding)
    steps = _known(alert) + _moved(alert.severity, severity)
    came_back = alert.flapping_since is not None and alert.clear_since is not None
    return _with(
        alert,
        state=AlertState.FIRING,
        severity=severity,
        finding=finding,
        seen_at=seen.now,
        clear_since=None,
        unknown_since=None,
        flaps=alert.flaps + came_back,
    ), steps


def _waits(alert: Alert, rule: Rule, seen: Seen, finding: Finding, *, new: bool) -> Stepped:
    since = min(alert.since, seen.now)
    severity = _severity(rule, finding)
    same = {"since": since, "severity": severity, "finding": finding, "seen_at": seen.now, "unknown_since": None}
    if elapsed(since, seen.now) < timedelta(seconds=rule.for_seconds):
        return _with(alert, **same), (Step(EventKind.PENDING),) * new
    flaps = recent(seen.fires, seen.now) + 1
    fired = _with(alert, state=AlertState.FIRING, fired_at=seen.now, flaps=flaps, **same)
    return fired, (Step(EventKind.FIRED),)


def _clear(alert: Alert, seen: Seen) -> Stepped:
    if alert.state is AlertState.PENDING:
        return _over(alert, seen.now, "")
    since = alert.clear_since
    if since is None:
        return _with(alert, clear_since=seen.now), ()
    if since > seen.now:
        alert, since = _with(alert, clear_since=seen.now), seen.now
    if alert.flapping_since is not None:
        return _held(alert, seen, since)
    if recent(seen.fires, seen.now) >= FLAPS:
        note = f"fired {recent(seen.fires, seen.now)} times within an hour; held open until quiet for 15 minutes"
        held = _with(alert, state=AlertState.FIRING, flapping_since=seen.now, unknown_since=None)
        return held, (*_known(alert), Step(EventKind.FLAPPING, note))
    return _over(alert, seen.now, "")


def _held(alert: Alert, seen: Seen, since: datetime) -> Stepped:
    if elapsed(since, seen.now) >= QUIET:
        return _over(alert, seen.now, "quiet for 15 minutes")
    return _with(alert, state=AlertState.FIRING, unknown_since=None), _known(alert)


def _blind(alert: Alert, seen: Seen) -> Stepped:
    since = min(alert.unknown_since or seen.now, seen.now)
    # It may have held again unseen: what was quiet so far does not count.
    unseen = _with(alert, unknown_since=since, clear_since=None)
    if alert.state is AlertState.PENDING:
        return _over(unseen, seen.now, "no data") if elapsed(since, seen.now) >= BLIND_PENDING else (unseen, ())
    if alert.state is AlertState.UNKNOWN:
        return unseen, ()
    return _with(unseen, state=AlertState.UNKNOWN), (Step(EventKind.UNKNOWN, seen.why),)


def _over(alert: Alert, now: datetime, note: str) -> tuple[Alert, tuple[Step, ...]]:
    # After the clock went back: it ended when it fired, not before.
    kind = EventKind.DROPPED if alert.fired_at is None else EventKind.RESOLVED
    at = max(now, alert.fired_at or now)
    return _with(alert, state=AlertState.RESOLVED, resolved_at=at, unknown_since=None), (Step(kind, note),)


def _known(alert: Alert) -> tuple[Step, ...]:
    return (Step(EventKind.KNOWN),) * (alert.state is AlertState.UNKNOWN)


def _moved(before: Severity, after: Severity) -> tuple[Step, ...]:
    if before is after:
        return ()
    kind = EventKind.WORSENED if after.rank > before.rank else EventKind.EASED
    return (Step(kind, f"{before} to {after}"),)


def _with(alert: Alert, **changes: Any) -> Alert:  # noqa: ANN401 (any field)
    return replace(alert, **changes)
