"""Who waits and why, who runs, for how long?"""

from __future__ import annotations

from typing import Literal

import pandas as pd
from pydantic import Field

from watchdog.analysis.queue import Waiting
from watchdog.assistant.desk import Desk
from watchdog.assistant.quoting import named
from watchdog.assistant.records import Column, Evidence
from watchdog.assistant.toolbox import Tool
from watchdog.assistant.tools.answer import WHOSE_JOB, Asked, answer, when
from watchdog.model.slurm.records import ACTIVE, WAITING
from watchdog.services.queue import Queue

_STATES = {"waiting": WAITING, "running": ACTIVE}
COLUMNS = (
    *WHOSE_JOB,
    Column("state", "state"),
    Column("gpus", "GPUs"),
    Column("nodes", "nodes"),
    Column("waited_seconds", "waits for", "seconds"),
    Column("ran_seconds", "runs for", "seconds"),
    Column("started_at", "started"),
    Column("expected_start_at", "expected to start"),
    Column("reason", "Slurm's reason"),
    Column("why", "it waits because"),
    Column("unblock", "what would help"),
)
REASONS = (
    Column("reason", "Slurm's reason"),
    Column("jobs", "jobs"),
    Column("job_id", "longest wait"),
    Column("user", "of"),
    Column("waited_seconds", "waits for", "seconds"),
    Column("why", "it waits because"),
    Column("detail", "what queue and nodes add"),
    Column("unblock", "what would help"),
    Column("by", "who can do it"),
    Column("own_choice", "held by its user, an administrator or a dependency"),
)


class QueueAsked(Asked):
    """Which jobs; what is left out means all."""

    show: Literal["waiting", "running", "reasons"] = Field(
        "waiting", description="Jobs that wait, jobs that run, or why jobs wait with a row a reason."
    )
    user: str = Field("", description="Only of this user.")
    partition: str = Field("", description="Only of this partition.")


def queue(desk: Desk, asked: QueueAsked) -> Evidence:
    """A row a job or a reason; ToolError where no Slurm is read, StoreError."""
    desk = desk.moved(asked.at)
    found = desk.queue()
    rows = _reasons(found) if asked.show == "reasons" else _jobs(found, asked)
    return answer(
        "queue",
        desk,
        asked,
        title=f"{_counts(found)} {when(desk)}{_about(asked)}",
        query="services.queue",
        columns=REASONS if asked.show == "reasons" else COLUMNS,
        rows=rows,
        newest=found.taken_at,
        marks=found.problems,
        page="slurm",
        parameters={"user": asked.user} if asked.user else {},
    )


def _counts(found: Queue) -> str:
    return (
        f"{found.running} jobs run on {found.gpus_held} GPUs, {found.pending} wait for {found.gpus_wanted} GPUs, "
        f"{found.free.free} GPUs are free"
    )


def _about(asked: QueueAsked) -> str:
    parts = [
        f"user {named(asked.user)}" * bool(asked.user),
        f"partition {named(asked.partition)}" * bool(asked.partition),
    ]
    return "".join(f", {part}" for part in parts if part)


def _jobs(found: Queue, asked: QueueAsked) -> pd.DataFrame:
    jobs = found.jobs
    keep = jobs["state"].isin([state.value for state in _STATES[asked.show]])
    if asked.user:
        keep &= jobs["user"] == asked.user
    if asked.partition:
        keep &= jobs["partition"].str.split(",").map(lambda names: asked.partition in names)
    rows = jobs[keep.to_numpy(dtype=bool)]
    ran = (pd.Timestamp(found.at) - rows["started_at"]).dt.total_seconds()
    return rows.assign(ran_seconds=ran.where(rows["waited_seconds"].isna()), gpus=rows["gpus"].astype(object))


def _reasons(found: Queue) -> list[dict[str, object]]:
    return [_reason(item, found) for item in found.reasons]


def _reason(item: Waiting, found: Queue) -> dict[str, object]:
    said = item.explanation
    return {
        "reason": item.reason,
        "jobs": item.jobs,
        "job_id": item.job_id,
        "user": item.user,
        "waited_seconds": (found.at - item.since).total_seconds(),
        "why": said.words,
        "detail": said.detail,
        "unblock": said.unblock,
        "by": said.by,
        "own_choice": item.by_choice,
    }


TOOL = Tool(
    "queue",
    "The Slurm queue at an instant: jobs that wait with how long and why in words, jobs that run, or the reasons with how "
    "many jobs wait for each. Filter by user or partition.",
    QueueAsked,
    queue,
)
