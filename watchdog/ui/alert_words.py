"""Severities, states and steps of alerts in words, each with its own shape and colour; never colour alone."""

from __future__ import annotations

from datetime import datetime, timedelta

from watchdog.alerts.board import OpenIncident
from watchdog.alerts.quantities import QUANTITIES
from watchdog.model.alerts import Acknowledgement, Alert, AlertState, Silence
from watchdog.model.findings import Severity
from watchdog.model.rules import Comparison, Reading, Rule
from watchdog.model.units import duration_text, instant_text, number_text, unit_text
from watchdog.ui.escape import escape
from watchdog.ui.slurm_words import Look

CHECK_OWN = "by finding"
LOOKS = {
    Severity.CRITICAL: Look("critical", "red", "dangerous", "⬣"),
    Severity.WARNING: Look("warning", "orange", "warning", "▲"),
    Severity.INFO: Look("info", "blue", "info", "i"),
}
_SIGNS = {Comparison.ABOVE: ">", Comparison.AT_LEAST: "≥", Comparison.BELOW: "<", Comparison.AT_MOST: "≤"}
UNKNOWN = Look("unknown", "gray", "help", "?")


def look(severity: Severity, state: AlertState) -> Look:
    """How something is shown that fires; what cannot be seen just now is grey, whatever it was."""
    return UNKNOWN if state is AlertState.UNKNOWN else LOOKS[severity]


def badge(severity: Severity, state: AlertState = AlertState.FIRING, *, short: bool = False) -> str:
    """Markdown: icon and word in the severity's colour; of what cannot be seen also what it was, unless `short`."""
    shown = look(severity, state)
    word = f"{shown.word}, was {severity}" if state is AlertState.UNKNOWN and not short else shown.word
    return f":{shown.colour}[:material/{shown.icon}: **{word}**]"


def severity_text(severity: str) -> str:
    """Plain text: shape and word, for tables."""
    return f"{LOOKS[Severity(severity)].shape} {severity}"


def began_at(each: OpenIncident) -> datetime:
    """When the oldest of its open alerts began; when it opened, where none is known."""
    return min((alert.since for alert in each.alerts), default=each.incident.opened_at)


def since_words(each: OpenIncident, at: datetime) -> str:
    """As "since 11:20:00 UTC (40 min)"; with its end where it is over."""
    incident, began = each.incident, began_at(each)
    late = ", seen late" if incident.seen_late else ""
    if incident.closed_at is not None:
        length = duration_text(incident.closed_at - incident.opened_at)
        return f"{instant_text(incident.opened_at)} to {instant_text(incident.closed_at)} ({length}){late}"
    return f"since {instant_text(began, near=at)} ({duration_text(at - began)}){late}"


def ack_words(ack: Acknowledgement, at: datetime) -> str:
    """Escaped: who has it, since and until when, and what they say."""
    end = f"until {instant_text(ack.until, near=at)}" if ack.until else "until it is over"
    note = f": {escape(ack.note, 300)}" if ack.note else ""
    return f"**{escape(ack.by, 80)}** has it since {instant_text(ack.at, near=at)}, {end}{note}"


def silence_words(silence: Silence, at: datetime) -> str:
    """Escaped: who muted it, until when, and why."""
    note = f": {escape(silence.note, 300)}" if silence.note else ""
    return f"silenced by **{escape(silence.by, 80)}** until {instant_text(silence.ends_at, near=at)}{note}"


def alert_place(alert: Alert) -> str:
    """Plain text: "node001 GPU 3", "job 812", "partition h100"."""
    subject, index = alert.subject, alert.finding.gpu_index
    gpu = f" GPU {subject.gpu_uuid[-8:] if index is None else index}" if subject.gpu_uuid else ""
    where = f"{subject.node}{gpu}" if subject.node else f"job {subject.job_id}" if subject.job_id else ""
    return ", ".join(filter(None, (where, subject.part))) or "the cluster"


def value_text(rule: Rule, value: float | None) -> str:
    """A value of the rule's metric with its unit; "n/a" for none."""
    return unit_text(value, QUANTITIES[rule.metric].unit) if rule.metric in QUANTITIES else number_text(value, 1)


def threshold_text(rule: Rule) -> str:
    """As "> 95 °C, clears at 90 °C"; of a health check what it is."""
    if rule.check:
        return "health check"
    clear = f", clears at {value_text(rule, rule.clear)}" if rule.clear is not None else ""
    grown = f" more in {minutes_text(rule.over_seconds)}" if rule.reading is Reading.INCREASE else ""
    return f"{_SIGNS[rule.comparison]} {value_text(rule, rule.threshold)}{grown}{clear}"


def minutes_text(seconds: float) -> str:
    """A waiting time."""
    return "at once" if not seconds else duration_text(timedelta(seconds=seconds))
