"""What the checks found as evidence, so that an answer can cite it as it cites a tool."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from watchdog.assistant.records import Column, Evidence
from watchdog.model.findings import Finding

TOOL = "health_checks"
# So many of the findings an answer shows and keeps.
MOST_FACTS = 25
_COLUMNS = (
    Column("severity", "severity"),
    Column("check", "check"),
    Column("node", "node"),
    Column("gpu_index", "GPU"),
    Column("job_id", "job"),
    Column("user", "user"),
    Column("since", "since"),
    Column("explanation", "what is seen"),
    Column("action", "what to do"),
)


def facts_evidence(facts: Sequence[Finding], at: datetime) -> Evidence:
    """The findings as a table, number 0; in their order, which is worst first."""
    return Evidence(
        number=0,
        tool=TOOL,
        arguments={},
        title=f"What the health checks found at {at:%Y-%m-%d %H:%M} UTC",
        query="all health checks",
        at=at,
        window=None,
        columns=_COLUMNS,
        rows=tuple(_row(finding) for finding in facts[:MOST_FACTS]),
        total_rows=len(facts),
        marks=(f"Only the first {MOST_FACTS} of {len(facts)} are shown.",) if len(facts) > MOST_FACTS else (),
    )


def _row(finding: Finding) -> tuple[str | int | datetime | None, ...]:
    subject = finding.subject
    return (
        str(finding.severity),
        finding.check,
        subject.node,
        finding.gpu_index if subject.gpu_uuid else "",
        finding.job_id or subject.job_id,
        finding.user,
        finding.since,
        finding.explanation,
        finding.action,
    )
