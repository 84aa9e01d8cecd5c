"""Alerts of others in an Alertmanager, to be shown beside ours; they are only read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from watchdog.alerts.notify.alertmanager import GENERATOR, OURS

_PLACES = ("node", "Hostname", "hostname", "nodename", "instance", "host")
_LONGEST = 500


@dataclass(frozen=True)
class Foreign:
    """One alert as Alertmanager has it. All texts are somebody else's: whoever shows them escapes them.

    Attributes:
        severity: its label, whatever it says; where: the label that names a node, else "".
        since: None where it cannot be read.
        state: "active", "suppressed" (silenced or inhibited) or "unprocessed".
    """

    name: str
    severity: str
    where: str
    summary: str
    since: datetime | None
    state: str


def foreign(alerts: Iterable[dict[str, Any]]) -> tuple[Foreign, ...]:
    """Those that we did not post ourselves, the newest first; what cannot be read of one is left empty."""
    others = [_read(each) for each in alerts if _texts(each.get("labels")).get(GENERATOR) != OURS]
    return tuple(sorted(others, key=lambda each: each.since or datetime.min.replace(tzinfo=UTC), reverse=True))


def _read(alert: dict[str, Any]) -> Foreign:
    labels, annotations = _texts(alert.get("labels")), _texts(alert.get("annotations"))
    return Foreign(
        name=labels.get("alertname", ""),
        severity=labels.get("severity", ""),
        where=next((labels[name] for name in _PLACES if labels.get(name)), ""),
        summary=annotations.get("summary") or annotations.get("description") or annotations.get("message", ""),
        since=_instant(alert.get("startsAt")),
        state=_texts(alert.get("status")).get("state", ""),
    )


def _texts(value: object) -> dict[str, str]:
    """The texts of a table, bounded; nothing of what is no table."""
    items = value.items() if isinstance(value, dict) else ()
    return {str(name): text[:_LONGEST] for name, text in items if isinstance(text, str)}


def _instant(value: object) -> datetime | None:
    try:
        read = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
