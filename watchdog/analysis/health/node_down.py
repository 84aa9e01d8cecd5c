"""Nodes that Slurm cannot reach or has given up.

Source: SckyzO/slurm_exporter's rules (`down.*|fail.*|err.*`, critical). Nodes that are powered down, rebooting on
request or in maintenance are left out: somebody wanted that.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from watchdog.analysis.health.check import Check
from watchdog.analysis.health.facts import Facts, Slurm
from watchdog.analysis.health.node_spells import is_down, of_pairs, since
from watchdog.analysis.health.sight import as_far_as_read, fresh_slurm, slurm_unseen, texts
from watchdog.analysis.node_condition import conditions
from watchdog.analysis.placement import on_nodes
from watchdog.model.findings import Evidence, Finding, Judged, Severity, Subject
from watchdog.model.slurm.records import JobState

KEY = "node_down"
_SOURCE = "Slurm's node state; SckyzO/slurm_exporter's rules"
_ACTION = "Look at its console and power; once slurmd answers: scontrol update nodename={node} state=resume."
_LOST = (JobState.NODE_FAIL.value, JobState.BOOT_FAIL.value)
_MOST_JOBS = 5


def judge(facts: Facts) -> Judged:
    """One finding a node."""
    slurm = fresh_slurm(facts)
    if slurm is None:
        return slurm_unseen(facts)
    down = with_words(slurm.nodes[is_down(slurm.nodes)])
    if not len(down):
        return as_far_as_read(facts, Judged())
    begun = since(slurm, is_down(slurm.states))
    jobs = _jobs(slurm, down)
    findings = tuple(_finding(row, begun.get(str(row["node"])), jobs) for row in rows_of(down))
    return as_far_as_read(facts, Judged(findings))


def rows_of(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Each row as plain values (missing = None)."""
    for row in frame.to_dict("records"):
        yield {str(name): None if pd.isna(value) else value for name, value in row.items()}


def with_words(nodes: pd.DataFrame) -> pd.DataFrame:
    """NODES with `word`: Slurm's state and flags of each in one word."""
    failing = of_pairs(nodes, frozenset({"FAIL"}))
    return nodes.assign(word=conditions(nodes).mask(failing, "failing"))


def _jobs(slurm: Slurm, down: pd.DataFrame) -> dict[str, list[str]]:
    """By node: its jobs that ended with it, or that Slurm still takes for running."""
    lost = slurm.ended[np.isin(texts(slurm.ended, "state"), _LOST)]
    running = slurm.jobs[texts(slurm.jobs, "state") == JobState.RUNNING.value]
    found: dict[str, list[str]] = {}
    for jobs in (lost, running):
        placed = on_nodes(jobs, texts(down, "node"))
        for node, job in zip(texts(placed, "node"), texts(placed, "job_id"), strict=True):
            found.setdefault(node, []).append(job)
    return found


def _finding(row: dict[str, Any], began: pd.Timestamp | None, jobs: dict[str, list[str]]) -> Finding:
    node, reason = str(row["node"]), row["reason"]
    at = began if began is not None else row["reason_at"]
    hit = jobs.get(node, [])
    who = f" (said by {row['reason_by']})" if row["reason_by"] else ""
    why = f": {reason}{who}" if reason else "; Slurm gives no reason"
    lost = f" Jobs on it: {', '.join(hit[:_MOST_JOBS])}{' and more' * (len(hit) > _MOST_JOBS)}." if hit else ""
    return Finding(
        check=KEY,
        severity=Severity.CRITICAL,
        subject=Subject(node=node),
        explanation=f"{node} is {row['word']}{why}.{lost}",
        action=_ACTION.format(node=node),
        source=_SOURCE,
        since=None if at is None else at.to_pydatetime(),
        job_id=hit[0] if hit else "",
        evidence=state_evidence(row),
        cleared_by="Slurm says that the node responds.",
    )


def state_evidence(row: dict[str, Any]) -> tuple[Evidence, ...]:
    """What Slurm says of a node (a row of NODES)."""
    at: datetime | None = None if row["reason_at"] is None else row["reason_at"].to_pydatetime()
    state = "+".join(filter(None, (str(row["state"]), str(row["flags"]).replace(",", "+"))))
    reason = f"{row['reason']} [{row['reason_by']}]" if row["reason_by"] else str(row["reason"] or "none")
    return Evidence("state", state), Evidence("reason", reason, at)


CHECK = Check(
    key=KEY,
    title="Node down",
    definition=(
        "Slurm has the node in state DOWN or ERROR, or with NOT_RESPONDING, FAIL or INVALID_REG, and it is neither in "
        "maintenance nor powered down."
    ),
    source=_SOURCE,
    judge=judge,
    action=_ACTION.format(node="NODE"),
    cleared_by="Slurm says that the node responds.",
)
