"""Is anything wrong, and what needs attention first?"""

from __future__ import annotations

from watchdog.assistant.records import Evidence
from watchdog.assistant.rules.asking import Asking, Missing
from watchdog.assistant.rules.question import Question
from watchdog.assistant.rules.words import Row, cite, count_where, plural, rows_of, said, table

_COLUMNS = ("severity", "title", "node", "gpu_index", "job_id", "user", "lasted_seconds", "explanation")


def health(asking: Asking, question: Question) -> str:
    """What the checks find, worst first, and what to do about the worst; with whom somebody has it already."""
    del question
    found, overview = asking.ask("findings"), asking.ask("cluster_overview")
    if found is None:
        return ""
    rows = rows_of(found)
    parts = [_verdict(rows, found), _seen(overview), table(found, _COLUMNS, rows), _first(rows, found)]
    alerts = asking.ask("alerts_now")
    return "\n\n".join(part for part in (*parts, _open(alerts)) if part)


def _verdict(rows: list[Row], found: Evidence) -> str:
    if not rows:
        return f"**Nothing needs attention**, as far as the health checks could judge {cite(found)}."
    critical = count_where(rows, lambda row: row["severity"] == "critical")
    warning = count_where(rows, lambda row: row["severity"] == "warning")
    told = [f"{critical} critical" * bool(critical), plural(warning, "warning") * bool(warning)]
    info = count_where(rows, lambda row: row["severity"] == "info")
    told.append(f"{info} worth knowing" * bool(info))
    return f"**{', '.join(part for part in told if part)}** {cite(found)}, worst first."


def _seen(overview: Evidence | None) -> str:
    if overview is None:
        return ""
    row = rows_of(overview)[0]
    bad = ("throttled", "hung", "faulty", "lost", "unknown", "held_idle")
    states = ", ".join(
        f"{said(overview, row, f'gpus_{name}')} {name.replace('_', ' ')}" for name in bad if row[f"gpus_{name}"]
    )
    return (
        f"{said(overview, row, 'gpus_seen')} of {said(overview, row, 'gpus_expected')} GPUs report, on "
        f"{said(overview, row, 'nodes_reporting')} of {said(overview, row, 'nodes_known')} nodes; mean utilization "
        f"{said(overview, row, 'mean_busy_ratio')}{'; by their readings ' if states else ''}{states} {cite(overview)}."
    )


def _first(rows: list[Row], found: Evidence) -> str:
    urgent = [row for row in rows if row["severity"] != "info"] or rows
    actions = list(dict.fromkeys((said(found, row, "title"), said(found, row, "action")) for row in urgent))[:3]
    lines = [f"- {title}: {action} {cite(found)}" for title, action in actions if action]
    return "\n".join(["What to do first:", *lines]) if lines else ""


def _open(alerts: Evidence | None) -> str:
    if alerts is None or not alerts.rows:
        return ""
    rows = rows_of(alerts)
    nobody = count_where(rows, lambda row: not row["ack_by"])
    return f"{plural(len(rows), 'alert')} {'is' if len(rows) == 1 else 'are'} open, {nobody or 'none'} without an owner {cite(alerts)}."


def alerts(asking: Asking, question: Question) -> str:
    """What is open, worst first, and who has it."""
    del question
    found = asking.ask("alerts_now")
    if found is None:
        return ""
    head = f"**{plural(found.total_rows, 'alert')} {'is' if found.total_rows == 1 else 'are'} open** {cite(found)}."
    return f"{head}\n\n{table(found, ('severity', 'title', 'open_seconds', 'ack_by', 'ack_note', 'explanation'), most=12)}".strip()


def incident(asking: Asking, question: Question) -> str:
    """The alert that was looked at: what is seen, and what else is wrong with the same node or job."""
    alerts = asking.ask("alerts_now")
    rows = [row for row in rows_of(alerts) if row["incident_id"] == question.incident] if alerts else []
    if alerts is None or not rows:
        return _over(asking, question)
    row, c = rows[0], cite(alerts)
    lines = [
        f"**{said(alerts, row, 'title')}**: {said(alerts, row, 'severity')}, open for {said(alerts, row, 'open_seconds')} {c}.",
        f"{said(alerts, row, 'explanation')} {c}" if row["explanation"] else "",
        f"What to do: {said(alerts, row, 'action')} {c}" if row["action"] else "",
        _beside(asking, row),
    ]
    return "\n\n".join(line for line in lines if line)


def _beside(asking: Asking, row: Row) -> str:
    """What else the checks find there: it may belong together, which nobody here asserts."""
    about = {"node": row["node"]} if row["node"] else {"job_id": row["job_id"]} if row["job_id"] else {}
    found = asking.ask("findings", **about) if about else None
    if found is None or len(found.rows) < 2:
        return ""
    where = f"node {said(found, row, 'node')}" if row["node"] else f"job {said(found, row, 'job_id')}"
    head = f"The checks find on {where} at the same time; whether it has the same cause is not known {cite(found)}:"
    return f"{head}\n\n{table(found, ('severity', 'title', 'gpu_index', 'job_id', 'explanation'))}"


def _over(asking: Asking, question: Question) -> str:
    past = asking.ask("alert_history", hours=24 * 30)
    rows = [row for row in rows_of(past) if row["incident_id"] == question.incident] if past else []
    if past is None or not rows:
        asking.missing.append(Missing("That alert is not open, and not among the newest of the last 30 days"))
        return ""
    row = rows[0]
    return f"**{said(past, row, 'title')}** is not open any more: it lasted {said(past, row, 'lasted_seconds')} {cite(past)}."
