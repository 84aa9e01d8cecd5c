"""A message in words: short, plain, and harmless whatever the cluster calls its jobs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from watchdog.alerts.notify.neutral import harmless
from watchdog.model.alerts import Alert, AlertState, Incident, Message, MessageKind
from watchdog.model.findings import Severity

_MOST_TITLE, _MOST_LINE, _MOST_LINES = 200, 400, 10
_MOST_LISTED = 25
_LABELS = {
    MessageKind.REMINDER: "{severity}, still",
    MessageKind.WORSENED: "{severity}, worse",
    MessageKind.RESOLVED: "resolved",
    MessageKind.UNKNOWN: "unknown",
    MessageKind.TEST: "test",
    MessageKind.SUMMARY: "summary",
}
_UNSEEN = "It cannot be seen just now, for want of data; that does not mean that it is over."


@dataclass(frozen=True, slots=True)
class Letter:
    """What a channel sends.

    Attributes:
        message_id: the same at every attempt.
        title: one line; body: plain text of at most about 5,000 characters. Both are harmless.
        message: what it was made of; None for a summary of messages that were held back.
    """

    message_id: str
    kind: MessageKind
    severity: Severity
    incident_id: str
    title: str
    body: str
    message: Message | None = None


def letter(message: Message) -> Letter:
    """The letter about one incident."""
    incident = message.incident
    shown = [_alert(each) for each in message.alerts[:_MOST_LINES]]
    lines = [_when(message), *shown, *_more(message.members - len(shown), "alert"), *_end(message.link, message)]
    return Letter(
        message_id=message.message_id,
        kind=message.kind,
        severity=incident.severity,
        incident_id=incident.incident_id,
        title=_title(message),
        body="\n".join(lines),
        message=message,
    )


def held_back(messages: Sequence[Message]) -> Letter:
    """One letter for messages beyond the rate limit, worst first; the same messages give the same id."""
    worst = sorted(messages, key=lambda each: (-each.incident.severity.rank, each.created_at))
    joined = "\n".join(sorted(each.message_id for each in messages))
    message_id = hashlib.sha256(joined.encode()).hexdigest()[:32]
    lines = [f"- {_title(each)}" for each in worst[:_MOST_LISTED]]
    link = next((each.link for each in worst if each.link), "")
    return Letter(
        message_id=message_id,
        kind=MessageKind.SUMMARY,
        severity=worst[0].incident.severity,
        incident_id="",
        title=f"[summary] {len(messages)} messages at once, in one as there were too many",
        body="\n".join([*lines, *_more(len(worst) - len(lines), "message"), *_links(link), f"Message {message_id}"]),
    )


def trial(message_id: str, now: datetime, link: str) -> Letter:
    """A letter that only shows that the channel works."""
    about = Incident("", "test", "GPU Watchdog can reach you here", Severity.INFO, AlertState.RESOLVED, now)
    return letter(Message(message_id, MessageKind.TEST, about, (), 0, now, link))


def who(alert: Alert) -> str:
    """As "GPU 3 on gpu07, job 812 of ann"."""
    finding, subject = alert.finding, alert.subject
    place = "" if finding.gpu_index is None else f"GPU {finding.gpu_index}"
    node = f"on {subject.node}" if place and subject.node else subject.node
    job = subject.job_id or finding.job_id
    owner = f" of {finding.user}" if finding.user else ""
    parts = (f"{place} {node}".strip(), f"job {job}{owner}" if job else "", subject.part)
    return ", ".join(filter(None, parts)) or "the cluster"


def _title(message: Message) -> str:
    severity = message.incident.severity
    label = _LABELS.get(message.kind, "{severity}").format(severity=severity)
    return f"[{label}] {harmless(message.incident.title, _MOST_TITLE)}"


def _when(message: Message) -> str:
    if message.kind is MessageKind.TEST:
        return f"A test, sent {_time(message.created_at)}. Nothing is wrong."
    incident = message.incident
    begun = f"Since {_time(incident.opened_at)}"
    over = f", over at {_time(incident.closed_at)}" if incident.closed_at else ""
    held = f" {harmless(incident.ack.by, 80)} has it." if incident.ack else ""
    unseen = f" {_UNSEEN}" if message.kind is MessageKind.UNKNOWN else ""
    return f"{begun}{over}.{held}{unseen}"


def _alert(alert: Alert) -> str:
    action = f"\n  To do: {harmless(alert.finding.action, _MOST_LINE)}" if alert.finding.action else ""
    unknown = " (unknown just now)" if alert.state is AlertState.UNKNOWN else ""
    return f"- {harmless(who(alert), 120)}{unknown}: {harmless(alert.finding.explanation, _MOST_LINE)}{action}"


def _more(count: int, what: str) -> list[str]:
    return [f"- and {count} more {what}{'s' * (count > 1)}"] if count > 0 else []


def _end(link: str, message: Message) -> list[str]:
    return [*_links(link), f"Message {message.message_id}"]


def _links(link: str) -> list[str]:
    return [link] if link else []


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
