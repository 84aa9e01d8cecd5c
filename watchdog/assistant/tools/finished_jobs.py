"""Which jobs ended, and how?"""

from __future__ import annotations

from pydantic import Field

from watchdog.assistant.desk import Desk
from watchdog.assistant.records import Column, Evidence
from watchdog.assistant.toolbox import Tool
from watchdog.assistant.tools.answer import WHOSE_JOB, Asked, answer, span
from watchdog.base.errors import ToolError
from watchdog.services.ended_jobs import ended_jobs

COLUMNS = (
    *WHOSE_JOB,
    Column("state", "how it ended"),
    Column("exit_code", "exit code", "code"),
    Column("gpus", "GPUs"),
    Column("nodes", "nodes"),
    Column("started_at", "started"),
    Column("ended_at", "ended"),
    Column("ran_seconds", "ran for", "seconds"),
)


class FinishedAsked(Asked):
    """Over how many hours, of whom."""

    hours: float = Field(24.0, gt=0, le=24 * 90, description="Length of the window; a week is 168.")
    user: str = Field("", description="Only of this user.")
    failed: bool = Field(False, description="Only those that did not complete.")


def finished_jobs(desk: Desk, asked: FinishedAsked) -> Evidence:
    """A row a job, newest end first; ToolError where no Slurm is read."""
    desk = desk.moved(asked.at)
    if not desk.has_slurm:
        raise ToolError(
            "no Slurm is read here, so no job is known", hint="Set WATCHDOG_SLURM; see docs/slurm-sources.md."
        )
    window = desk.window(asked.hours)
    jobs = ended_jobs(desk.known(), window)
    if asked.user:
        jobs = jobs[jobs["user"] == asked.user]
    failed = jobs["state"] != "COMPLETED"
    count = int(failed.sum())
    rows = jobs[failed] if asked.failed else jobs
    ran = (rows["ended_at"] - rows["started_at"]).dt.total_seconds()
    return answer(
        "finished_jobs",
        desk,
        asked,
        title=f"{len(jobs)} jobs ended, {count} of them did not complete, {span(window)}",
        query="services.ended_jobs",
        columns=COLUMNS,
        rows=rows.assign(ran_seconds=ran, gpus=rows["gpus"].astype(object), exit_code=rows["exit_code"].astype(object)),
        window=window,
        page="slurm",
        parameters={"user": asked.user} if asked.user else {},
    )


TOOL = Tool(
    "finished_jobs",
    "Jobs that ended in a window, newest first: how they ended, exit code, GPUs, nodes, how long they ran.",
    FinishedAsked,
    finished_jobs,
)
