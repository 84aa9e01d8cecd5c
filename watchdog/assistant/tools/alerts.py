"""Which alerts are open, and which were there?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from pydantic import Field

from watchdog.analysis.health.registry import CHECKS
from watchdog.assistant.desk import Desk
from watchdog.assistant.quoting import named
from watchdog.assistant.records import Column, Evidence
from watchdog.assistant.toolbox import Tool
from watchdog.assistant.tools.answer import Asked, answer, span, when
from watchdog.model.alerts import Alert, Incident
from watchdog.store.alert_past import AlertPast
from watchdog.store.alerts import AlertStore

NOW = (
    Column("severity", "severity"),
    Column("title", "alert"),
    Column("state", "state"),
    Column("opened_at", "since"),
    Column("open_seconds", "for", "seconds"),
    Column("open_members", "alerts in it"),
    Column("ack_by", "who has it"),
    Column("ack_note", "note"),
    Column("node", "node"),
    Column("gpu_index", "GPU"),
    Column("job_id", "job"),
    Column("user", "user"),
    Column("explanation", "what is seen"),
    Column("action", "what to do"),
    Column("incident_id", "incident"),
)
HISTORY = (
    Column("severity", "severity"),
    Column("title", "alert"),
    Column("opened_at", "from"),
    Column("closed_at", "until"),
    Column("lasted_seconds", "lasted", "seconds"),
    Column("members", "alerts in it"),
    Column("ack_by", "who had it"),
    Column("nodes", "nodes"),
    Column("checks", "rules"),
    Column("incident_id", "incident"),
)


class AlertHistoryAsked(Asked):
    """Over how many hours, about whom."""

    hours: float = Field(24.0, gt=0, le=24 * 90, description="Length of the window; a week is 168.")
    node: str = Field("", description="Only about this node.")


def alerts_now(desk: Desk, asked: Asked) -> Evidence:
    """A row an open incident, worst first; StoreError where there is no history of alerts."""
    desk = desk.moved(asked.at)
    incidents, alerts = AlertPast(desk.reads.history.store()).open_at(desk.at)
    worst = _worst(alerts)
    rows = [_now(each, worst.get(each.incident_id), desk) for each in incidents]
    rows.sort(key=lambda row: (row["rank"], row["opened_at"]))
    late = " Severity, and who has it, are as they were known last." if desk.is_past else ""
    return answer(
        "alerts_now",
        desk,
        asked,
        title=f"{len(rows)} open incidents {when(desk)}",
        query="store.alert_past",
        columns=NOW,
        rows=rows,
        marks=[late.strip()] if late else [],
        page="alerts",
    )


def _worst(alerts: tuple[Alert, ...]) -> dict[str, Alert]:
    found: dict[str, Alert] = {}
    for alert in sorted(alerts, key=lambda each: (-each.severity.rank, each.since)):
        found.setdefault(alert.incident_id, alert)
    return found


def _now(incident: Incident, alert: Alert | None, desk: Desk) -> dict[str, Any]:
    ack = incident.ack if incident.ack and incident.ack.at <= desk.at else None
    row: dict[str, Any] = {
        "rank": -incident.severity.rank,
        "severity": str(incident.severity),
        "title": incident.title,
        "state": "open" if desk.is_past else str(incident.state),
        "opened_at": incident.opened_at,
        "open_seconds": (desk.at - incident.opened_at).total_seconds(),
        "open_members": None if desk.is_past else incident.open_members,
        "ack_by": ack.by if ack else "",
        "ack_note": ack.note if ack else "",
        "incident_id": incident.incident_id,
    }
    if alert is None:
        return row
    finding, subject = alert.finding, alert.subject
    about = {"node": subject.node, "gpu_index": finding.gpu_index, "job_id": finding.job_id or subject.job_id}
    return row | about | {"user": finding.user, "explanation": finding.explanation, "action": finding.action}


def alert_history(desk: Desk, asked: AlertHistoryAsked) -> Evidence:
    """A row an incident that was open in the window, newest first; StoreError."""
    desk = desk.moved(asked.at)
    window, store = desk.window(asked.hours), desk.reads.history.store()
    incidents, parts = AlertStore(store).incidents(window), AlertPast(store).parts(window)
    nodes, rules = _grouped(parts, "node"), _grouped(parts, "rule_id")
    rows = [_then(row, nodes, rules, desk) for row in incidents.to_dict("records")]
    if asked.node:
        rows = [row for row in rows if asked.node in row["nodes"].split(", ")]
    about = f" about node {named(asked.node)}" if asked.node else ""
    return answer(
        "alert_history",
        desk,
        asked,
        title=f"{len(rows)} incidents{about}, {span(window)}",
        query="store.alerts",
        columns=HISTORY,
        rows=rows,
        window=window,
        page="alerts",
        parameters={"tab": "history"},
    )


def _grouped(parts: pd.DataFrame, column: str) -> Mapping[str, str]:
    told = parts[parts[column].notna() & (parts[column] != "")]
    return {str(key): ", ".join(sorted(set(map(str, group)))) for key, group in told.groupby("incident_id")[column]}


def _then(row: Mapping[Any, Any], nodes: Mapping[str, str], rules: Mapping[str, str], desk: Desk) -> dict[str, Any]:
    incident = str(row["incident_id"])
    closed = None if pd.isna(row["closed_at"]) or row["closed_at"] > pd.Timestamp(desk.at) else row["closed_at"]
    end = pd.Timestamp(desk.at) if closed is None else closed
    told = [CHECKS[name].title if name in CHECKS else name for name in rules.get(incident, "").split(", ") if name]
    return {str(name): value for name, value in row.items()} | {
        "closed_at": closed,
        "lasted_seconds": max(0.0, (end - row["opened_at"]).total_seconds()),
        "nodes": nodes.get(incident, ""),
        "checks": ", ".join(told),
    }


TOOL = Tool(
    "alerts_now",
    "Open incidents at an instant, worst first: what, where, since when, who has acknowledged it, what to do.",
    Asked,
    alerts_now,
)
HISTORY_TOOL = Tool(
    "alert_history",
    "Incidents of a window with begin, end, how long they lasted and which nodes they were about, newest first.",
    AlertHistoryAsked,
    alert_history,
)
