"""Alertmanager as a channel: it is told of every open alert again and again, and told when one is over.

As Prometheus does it, an alert is posted with an end a few minutes away, which each post moves on. So the alerts of a
watchdog that died end there by themselves; that they do not end while it lives is this module's work.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from watchdog.alerts.board import Board, OpenIncident
from watchdog.alerts.notify.addresses import ALERTMANAGER
from watchdog.alerts.notify.letter import Letter, who
from watchdog.alerts.notify.neutral import harmless, one_line
from watchdog.base.beat import beats
from watchdog.base.clock import Clock
from watchdog.base.errors import ConfigError, NotDeliveredError, SourceError
from watchdog.model.alerts import Alert, AlertState, Incident, Message, MessageKind
from watchdog.model.findings import Severity
from watchdog.sources.alertmanager import AlertmanagerApi, matcher

_log = logging.getLogger(__name__)
# Prometheus posts every minute and sets the end four such times away (`rules.alert.resend-delay`).
RESEND_SECONDS = 60.0
_LASTS = timedelta(seconds=4 * RESEND_SECONDS)
# By this label our own alerts are told from those of others.
GENERATOR, OURS = "generator", "gpu-watchdog"
_MOST_LABEL, _MOST_TEXT = 200, 1000
Labels = tuple[tuple[str, str], ...]


class AlertmanagerChannel:
    """One Alertmanager; what it is told is about alerts, each by itself, as grouping is its own work."""

    name, limited = ALERTMANAGER, False

    def __init__(
        self, api: AlertmanagerApi, clock: Clock, board: Callable[[], Board], least: Severity = Severity.INFO
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            api: where to.
            clock: time.
            board: the alerts as they stand.
            least: incidents below this severity are not kept open there.
        """
        self.description = f"Alertmanager at {api.url}"
        self._api, self._clock, self._board, self._least = api, clock, board, least
        self._open: dict[Labels, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def send(self, letter: Letter) -> None:
        """Tell of an incident's alerts, or that they are over; NotDeliveredError where that fails."""
        message = letter.message
        if message is None:
            return
        try:
            with self._lock:
                self._tell(message)
        except (SourceError, ConfigError) as error:
            raise NotDeliveredError(str(error), hint=error.hint) from None

    def run(self, stop: threading.Event) -> None:
        """Keep open there what is open here, until `stop` is set."""
        trouble = ""
        for _ in beats(self._clock, RESEND_SECONDS, stop):
            try:
                self.refresh()
            except (SourceError, ConfigError) as error:
                if str(error) != trouble:
                    _log.warning("open alerts are not kept open: %s. %s", error, error.hint)
                trouble = str(error)
            else:
                trouble = ""

    def refresh(self) -> None:
        """Post every alert that people were told of and that is still open, and end those that are not any more."""
        with self._lock:
            now, board = self._clock.now(), self._board()
            wanted = _by_labels(alert for each in board.incidents if self._told(each) for alert in _alerts(each, now))
            over = [{**body, "endsAt": _text(now)} for labels, body in self._open.items() if labels not in wanted]
            self._api.post([*over, *wanted.values()])
            self._open = wanted

    def _told(self, each: OpenIncident) -> bool:
        incident = each.incident
        worst = max(incident.severity, incident.told_severity or Severity.INFO, key=lambda severity: severity.rank)
        return bool(incident.notifications) and worst.rank >= self._least.rank

    def _tell(self, message: Message) -> None:
        now = self._clock.now()
        if message.kind is MessageKind.RESOLVED:
            self._end(message.incident.incident_id, now)
        elif message.kind in (MessageKind.TEST, MessageKind.SUMMARY):
            self._api.post([_notice(message, now)])
        else:
            current = self._board().incident(message.incident.incident_id)
            bodies = _by_labels(_alerts(current or OpenIncident(message.incident, message.alerts), now, message.link))
            self._api.post([*bodies.values()])
            self._open |= bodies

    def _end(self, incident_id: str, now: datetime) -> None:
        # It is asked, as this process may not be the one that posted them.
        ours = self._api.alerts(matcher(GENERATOR, OURS), matcher("incident", incident_id))
        self._api.post([{**_posted(each), "endsAt": _text(now)} for each in ours])
        for labels in [labels for labels in self._open if ("incident", incident_id) in labels]:
            del self._open[labels]


def _alerts(each: OpenIncident, now: datetime, link: str = "") -> Iterable[dict[str, Any]]:
    return (_body(each.incident, alert, now, link) for alert in each.alerts)


def _body(incident: Incident, alert: Alert, now: datetime, link: str) -> dict[str, Any]:
    finding = alert.finding
    unknown = "true" if alert.state is AlertState.UNKNOWN else ""
    annotations = {
        "summary": harmless(f"{incident.title}", _MOST_TEXT),
        "description": harmless(f"{who(alert)}: {finding.explanation}", _MOST_TEXT),
        "action": harmless(finding.action, _MOST_TEXT),
        "source": harmless(finding.source, _MOST_TEXT),
        "unknown": unknown,
        "acknowledged_by": harmless(incident.ack.by, 80) if incident.ack else "",
    }
    body = {
        "labels": _labels(incident, alert),
        "annotations": {name: text for name, text in annotations.items() if text},
        "startsAt": _text(alert.fired_at or alert.since),
        "endsAt": _text(now + _LASTS),
    }
    return body | ({"generatorURL": link} if link else {})


def _labels(incident: Incident, alert: Alert) -> dict[str, str]:
    subject = alert.subject
    labels = {
        "alertname": alert.rule_id,
        "severity": str(alert.severity),
        "node": subject.node,
        "gpu": subject.gpu_uuid,
        "job": subject.job_id or alert.finding.job_id,
        "part": subject.part,
        "incident": incident.incident_id,
        GENERATOR: OURS,
    }
    return {name: text for name, value in labels.items() if (text := one_line(value, _MOST_LABEL))}


def _notice(message: Message, now: datetime) -> dict[str, Any]:
    """Something that has no end of its own: a test, or what was missed."""
    labels = {"alertname": f"watchdog-{message.kind}", "severity": str(message.incident.severity), GENERATOR: OURS}
    return {
        "labels": labels | {"incident": message.message_id},
        "annotations": {"summary": harmless(message.incident.title, _MOST_TEXT)},
        "startsAt": _text(now),
        "endsAt": _text(now + _LASTS),
    }


def _posted(alert: dict[str, Any]) -> dict[str, Any]:
    """What can be posted of an alert that was read."""
    return {name: alert[name] for name in ("labels", "annotations", "startsAt", "generatorURL") if alert.get(name)}


def _by_labels(bodies: Iterable[dict[str, Any]]) -> dict[Labels, dict[str, Any]]:
    return {tuple(sorted(body["labels"].items())): body for body in bodies}


def _text(at: datetime) -> str:
    return at.isoformat()
