"""Jobs that were lost with a node: Slurm says NODE_FAIL, or they were killed while one of their nodes went down.

Source: Slurm's job states; JUWELS Booster job 9479418, FAILED with signal 9 as two of its nodes went down.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pandas as pd

from watchdog.analysis.health.check import Check
from watchdog.analysis.health.ended import with_state
from watchdog.analysis.health.facts import Facts, Slurm
from watchdog.analysis.health.node_down import rows_of
from watchdog.analysis.health.node_spells import is_down, spells
from watchdog.analysis.health.sight import as_far_as_read, fresh_slurm, slurm_unseen, texts
from watchdog.analysis.placement import on_nodes
from watchdog.model.findings import Evidence, Finding, Judged, Severity, Subject
from watchdog.model.slurm.hostlist import compress
from watchdog.model.slurm.records import JobState

KEY = "job_failed_node"
# A node is called down only after SlurmdTimeout (300 s), its jobs may be killed before or after.
BEFORE, AFTER = timedelta(minutes=10), timedelta(minutes=10)
_BY_NODE = (JobState.NODE_FAIL.value, JobState.BOOT_FAIL.value)
_KILLED = (JobState.FAILED.value, JobState.CANCELLED.value)
_SIGKILL = 9
_MOST_NODES = 8
_SOURCE = "Slurm's job and node states"
_ACTION = "Tell the user, and requeue it; keep the nodes out of work until it is known which one failed."


def judge(facts: Facts) -> Judged:
    """One finding a job, naming every node of it that went down: which one was first often cannot be told."""
    slurm = fresh_slurm(facts)
    if slurm is None:
        return slurm_unseen(facts)
    lost, killed = with_state(slurm, *_BY_NODE), with_state(slurm, *_KILLED)
    killed = killed[(killed["signal"] == _SIGKILL).fillna(value=False).to_numpy(dtype=bool)]
    if not len(lost) and not len(killed):
        return as_far_as_read(facts, Judged())
    guilty = _guilty(slurm, pd.concat([part for part in (lost, killed) if len(part)]))
    found = [*_findings(lost, guilty, certain=True), *_findings(killed, guilty, certain=False)]
    return as_far_as_read(facts, Judged(tuple(found)))


def _guilty(slurm: Slurm, jobs: pd.DataFrame) -> dict[str, list[str]]:
    """By job: its nodes that went down around its end."""
    times = spells(slurm.states, is_down(slurm.states))
    placed = on_nodes(jobs, set(times["node"])).merge(times, on="node")
    began, over = placed["began_at"], placed["ended_at_y"]
    end = placed["ended_at_x"]
    around = (began <= end + AFTER) & (over.isna() | (over >= end - BEFORE)) & (began >= placed["started_at"])
    table = placed[around.fillna(value=False).to_numpy(dtype=bool)]
    found: dict[str, list[str]] = {}
    for job, node in zip(texts(table, "job_id"), texts(table, "node"), strict=True):
        found.setdefault(job, []).append(node)
    return found


def _findings(jobs: pd.DataFrame, guilty: dict[str, list[str]], *, certain: bool) -> Iterator[Finding]:
    for row in rows_of(jobs):
        nodes = sorted(set(guilty.get(str(row["job_id"]), ())))
        if certain or nodes:
            yield _finding(row, nodes)


def _finding(row: dict[str, Any], nodes: list[str]) -> Finding:
    job, ended = str(row["job_id"]), row["ended_at"].to_pydatetime()
    which = f"{compress(nodes)} went down" if nodes else f"{_one(row, nodes) or 'a node of ' + row['nodes']} failed"
    unsure = "; which of them failed first cannot be told" if len(nodes) > 1 else ""
    return Finding(
        check=KEY,
        severity=Severity.WARNING,
        subject=Subject(node=_one(row, nodes), job_id=job),
        explanation=f"Job {job} of {row['user']} ended {row['state']} as {which}{unsure}.",
        action=_ACTION,
        source=_SOURCE,
        since=ended,
        job_id=job,
        user=str(row["user"]),
        evidence=(
            Evidence("state", f"{row['state']}{_signal(row)}", ended),
            *(Evidence("node", node) for node in nodes[:_MOST_NODES]),
        ),
    )


def _one(row: dict[str, Any], nodes: list[str]) -> str:
    """The node that it was lost with; "" where that may be one of several."""
    own = str(row["nodes"])
    several = nodes or [own] * (not {"[", ","} & set(own))
    return several[0] if len(several) == 1 else ""


def _signal(row: dict[str, Any]) -> str:
    return f", signal {int(row['signal'])}" if row["signal"] else ""


CHECK = Check(
    key=KEY,
    title="Job lost with its node",
    definition=(
        "A job ended NODE_FAIL or BOOT_FAIL within the last hour; or it was killed (signal 9) within "
        f"{BEFORE.total_seconds() / 60:.0f} minutes of one of its nodes going down."
    ),
    source=_SOURCE,
    judge=judge,
    action=_ACTION,
    cleared_by="An hour after the job's end.",
)
