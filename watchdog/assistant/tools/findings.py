"""What do the health checks find?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field

from watchdog.analysis.health.registry import CHECKS
from watchdog.assistant.desk import Desk
from watchdog.assistant.facts import judged
from watchdog.assistant.quoting import named
from watchdog.assistant.records import Column, Evidence
from watchdog.assistant.toolbox import Tool
from watchdog.assistant.tools.answer import Asked, answer, when
from watchdog.model.findings import Finding

COLUMNS = (
    Column("severity", "severity"),
    Column("check", "check"),
    Column("title", "what"),
    Column("node", "node"),
    Column("gpu_index", "GPU"),
    Column("job_id", "job"),
    Column("user", "user"),
    Column("since", "since"),
    Column("lasted_seconds", "for", "seconds"),
    Column("explanation", "what is seen"),
    Column("action", "what to do"),
    Column("source", "whose verdict"),
    Column("gpu_uuid", "GPU's UUID"),
)
_MOST_BLIND = 4


class FindingsAsked(Asked):
    """Which findings; what is left out means all."""

    node: str = Field("", description="Only about this node.")
    job_id: str = Field("", description="Only about this job.")
    check: str = Field("", description="Only of this check, by its key, as earlier answers name it.")
    severity: Literal["", "critical", "warning", "info"] = Field("", description="Only of this severity.")


def findings(desk: Desk, asked: FindingsAsked) -> Evidence:
    """Findings of all checks, worst first; SourceError or StoreError."""
    desk = desk.moved(asked.at)
    said = judged(desk)
    kept = [finding for finding in said.findings if _wanted(finding, asked)]
    nodes = desk.gpus().groupby("node").size()
    return answer(
        "findings",
        desk,
        asked,
        title=f"{len(kept)} findings of {said.checks} health checks {when(desk)}{_about(asked)}",
        query=f"health checks: {asked.check or ', '.join(CHECKS)}",
        columns=COLUMNS,
        rows=[row_of(finding, desk) for finding in kept],
        newest=said.at,
        marks=[*_blind(said.blind), *_strange(asked.node, nodes.index)],
        page="overview",
    )


def row_of(finding: Finding, desk: Desk) -> dict[str, Any]:
    """A finding as a row of COLUMNS."""
    check = CHECKS.get(finding.check)
    return {
        "severity": str(finding.severity),
        "check": finding.check,
        "title": check.title if check else finding.check,
        "node": finding.subject.node,
        "gpu_index": finding.gpu_index,
        "job_id": finding.job_id or finding.subject.job_id,
        "user": finding.user,
        "since": finding.since,
        "lasted_seconds": None if finding.since is None else max(0.0, (desk.at - finding.since).total_seconds()),
        "explanation": finding.explanation,
        "action": finding.action,
        "source": finding.source,
        "gpu_uuid": finding.subject.gpu_uuid,
    }


def _wanted(finding: Finding, asked: FindingsAsked) -> bool:
    subject = finding.subject
    return (
        asked.node in {"", subject.node}
        and asked.job_id in {"", subject.job_id, finding.job_id}
        and asked.check in {"", finding.check}
        and asked.severity in {"", str(finding.severity)}
    )


def _about(asked: FindingsAsked) -> str:
    parts = [
        f"node {named(asked.node)}" * bool(asked.node),
        f"job {named(asked.job_id)}" * bool(asked.job_id),
        asked.check,
    ]
    told = ", ".join(part for part in [*parts, asked.severity] if part)
    return f", {told}" if told else ""


def _blind(blind: tuple[tuple[str, str], ...]) -> list[str]:
    if not blind:
        return []
    told = "; ".join(f"{title} ({why})" for title, why in blind[:_MOST_BLIND])
    more = f"; and {len(blind) - _MOST_BLIND} more" if len(blind) > _MOST_BLIND else ""
    what = "1 check" if len(blind) == 1 else f"{len(blind)} checks"
    return [f"{what} could not judge everything: {told}{more}."]


def _strange(node: str, known: Iterable[object]) -> list[str]:
    return [f"No GPU of a node {named(node)} is known."] if node and node not in set(map(str, known)) else []


TOOL = Tool(
    "findings",
    "What all health checks find wrong at an instant, worst first: hung, lost, throttled, faulty or held-idle GPUs, XIDs, "
    "ECC, stragglers, stuck queues, drained nodes, lost exporters; with since when, whom it affects and what to do.",
    FindingsAsked,
    findings,
)
