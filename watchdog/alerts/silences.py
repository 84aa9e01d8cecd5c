"""Planned work: which incidents a silence mutes, and which silences can be kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from fnmatch import fnmatchcase

from watchdog.alerts import texts
from watchdog.base.errors import ActionError
from watchdog.model.alerts import Alert, Silence

MOST_PATTERNS, LONGEST_PATTERN = 50, 200


def checked(silence: Silence, now: datetime) -> Silence:
    """The silence, cleaned; ActionError where it could mute nothing, or everything without saying so."""
    if silence.ends_at <= silence.starts_at or silence.ends_at <= now:
        raise ActionError(f"the silence would end at {silence.ends_at:%H:%M}, before it mutes anything", hint=_END)
    patterns = (*silence.nodes, *silence.rules, *silence.gpus, *silence.jobs)
    if not patterns:
        raise ActionError("the silence names nothing", hint="Name nodes, rules, GPUs or jobs; `*` stands for all.")
    if len(patterns) > MOST_PATTERNS:
        raise ActionError(f"the silence has {len(patterns)} patterns", hint=f"Use at most {MOST_PATTERNS}; `*` helps.")
    bad = next((p for p in patterns if not p.strip() or len(p) > LONGEST_PATTERN), None)
    if bad is not None:
        raise ActionError(
            f"the silence has the pattern {bad[:60]!r}", hint=f"Write 1 to {LONGEST_PATTERN} characters each."
        )
    return replace(silence, by=texts.name(silence.by), note=texts.note(silence.note))


_END = "Choose an end that is later than its start and than now."


def muting(silences: Iterable[Silence], alerts: Sequence[Alert], now: datetime) -> Silence | None:
    """The silence that mutes an incident with these open alerts: each of them must be meant by it."""
    for silence in silences:
        if silence.starts_at <= now < silence.ends_at and alerts and all(_means(silence, alert) for alert in alerts):
            return silence
    return None


def _means(silence: Silence, alert: Alert) -> bool:
    jobs = {alert.subject.job_id, alert.finding.job_id}
    return (
        _any(silence.nodes, {alert.subject.node})
        and _any(silence.rules, {alert.rule_id})
        and _any(silence.gpus, {alert.subject.gpu_uuid})
        and _any(silence.jobs, jobs)
    )


def _any(patterns: Sequence[str], names: set[str]) -> bool:
    """Whether one of the names matches; what does not apply ('') matches nothing, not even `*`."""
    return not patterns or any(fnmatchcase(name, pattern) for name in names if name for pattern in patterns)
