"""Alerts of others in the Alertmanager that is set up, to be shown beside ours; read-only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from watchdog.model.foreign_alert_frames import FOREIGN_ALERTS
from watchdog.sources.alertmanager import AlertmanagerApi

# By this label of ours they are told apart.
_NOT_OURS = 'generator!="gpu-watchdog"'
_MOST, _MOST_TEXT = 1000, 500
_NODE_LABELS = ("node", "Hostname", "hostname", "nodename", "instance")
_SHOWN_APART = ("alertname", "severity")


def foreign_alerts(api: AlertmanagerApi) -> pd.DataFrame:
    """Open alerts of others (FOREIGN_ALERTS), newest first, at most 1,000; SourceError where it does not answer."""
    rows = [_row(each) for each in api.alerts(_NOT_OURS)]
    frame = pd.DataFrame(rows, columns=list(FOREIGN_ALERTS.columns))
    for name in ("started_at", "updated_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True, errors="coerce", format="ISO8601")
    frame = frame.drop_duplicates("fingerprint").sort_values("started_at", ascending=False, kind="stable")
    return FOREIGN_ALERTS.conform(frame.head(_MOST))


def _row(alert: Mapping[str, Any]) -> dict[str, str]:
    labels, annotations = _texts(alert.get("labels")), _texts(alert.get("annotations"))
    status = alert.get("status")
    receivers = alert.get("receivers")
    others = [f'{name}="{value}"' for name, value in sorted(labels.items()) if name not in _SHOWN_APART]
    return {
        "fingerprint": _text(alert.get("fingerprint")),
        "alertname": labels.get("alertname", ""),
        "severity": labels.get("severity", ""),
        "state": _text(status.get("state")) if isinstance(status, Mapping) else "",
        "node": _node(labels),
        "started_at": _text(alert.get("startsAt")),
        "updated_at": _text(alert.get("updatedAt")),
        "summary": annotations.get("summary", ""),
        "description": annotations.get("description", annotations.get("message", "")),
        "labels": _text(", ".join(others)),
        "receivers": ", ".join(_names(receivers)),
    }


def _node(labels: Mapping[str, str]) -> str:
    found = next((labels[name] for name in _NODE_LABELS if labels.get(name)), "")
    host = found.rpartition(":")[0] or found
    return host if host.replace(".", "").isdigit() or ":" in host else host.partition(".")[0]


def _texts(found: object) -> dict[str, str]:
    return {str(name): _text(value) for name, value in found.items()} if isinstance(found, Mapping) else {}


def _names(found: object) -> list[str]:
    return [_text(each.get("name")) for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _text(value: object) -> str:
    return value[:_MOST_TEXT] if isinstance(value, str) else ""
