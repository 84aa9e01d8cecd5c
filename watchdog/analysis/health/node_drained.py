"""Nodes that take no new work by somebody's will: who said so, why, and how long ago.

Source: SckyzO/slurm_exporter's rules (`drain.*|maint.*`, warning). What a person drained lately is known and INFO; what
Slurm or a health check drained, what has no reason, and what was left for a day is a WARNING.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd

from watchdog.analysis.health.check import Check
from watchdog.analysis.health.facts import Facts
from watchdog.analysis.health.node_down import rows_of, state_evidence, with_words
from watchdog.analysis.health.node_spells import PLANNED, is_down, is_drained, of_pairs, since
from watchdog.analysis.health.sight import as_far_as_read, fresh_slurm, slurm_unseen
from watchdog.model.findings import Finding, Judged, Severity, Subject
from watchdog.model.units import duration_text

KEY = "node_drained"
FORGOTTEN = timedelta(hours=24)
# Slurm drains in its own name, health checks as root.
_MACHINES = {"slurm", "root", ""}
_SOURCE = "Slurm's node state; SckyzO/slurm_exporter's rules"
_ACTION = "When it is repaired: scontrol update nodename={node} state=resume."


def judge(facts: Facts) -> Judged:
    """One finding a node; a node that is down is told of by its own check."""
    slurm = fresh_slurm(facts)
    if slurm is None:
        return slurm_unseen(facts)
    drained = with_words(slurm.nodes[is_drained(slurm.nodes) & ~is_down(slurm.nodes)])
    if not len(drained):
        return as_far_as_read(facts, Judged())
    begun = since(slurm, is_drained(slurm.states))
    planned = of_pairs(drained, PLANNED)
    pairs = zip(rows_of(drained), planned, strict=True)
    findings = tuple(_finding(facts, row, begun.get(str(row["node"])), planned=bool(out)) for row, out in pairs)
    return as_far_as_read(facts, Judged(findings))


def _finding(facts: Facts, row: dict[str, Any], began: pd.Timestamp | None, *, planned: bool) -> Finding:
    node, reason, by = str(row["node"]), row["reason"], row["reason_by"] or ""
    at = row["reason_at"] if row["reason_at"] is not None else began
    age = None if at is None else facts.at - at.to_pydatetime()
    left_alone = age is not None and age >= FORGOTTEN
    known = planned or (by not in _MACHINES and bool(reason))
    for_long = f" for {duration_text(age)}" if age is not None else ""
    why = f": {reason}" if reason else "; nobody gave a reason"
    return Finding(
        check=KEY,
        severity=Severity.INFO if known and not left_alone else Severity.WARNING,
        subject=Subject(node=node),
        explanation=f"{node} has been {row['word']}{for_long}{f' by {by}' if by else ''}{why}.",
        action=_ACTION.format(node=node),
        source=_SOURCE,
        since=None if at is None else at.to_pydatetime(),
        evidence=state_evidence(row),
        cleared_by="The node is resumed.",
    )


CHECK = Check(
    key=KEY,
    title="Node drained",
    definition=(
        "Slurm has the node with DRAIN: INFO where a person said why less than "
        f"{FORGOTTEN.total_seconds() / 3600:.0f} hours ago or it is in maintenance, else WARNING."
    ),
    source=_SOURCE,
    judge=judge,
    action=_ACTION.format(node="NODE"),
    cleared_by="The node is resumed.",
)
