"""What is known of one job, and how well did it use its GPUs?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from pydantic import Field

from watchdog.assistant.desk import Desk
from watchdog.assistant.quoting import named
from watchdog.assistant.records import Column, Evidence
from watchdog.assistant.toolbox import Tool
from watchdog.assistant.tools.answer import WHOSE_JOB, Asked, answer, when
from watchdog.base.errors import ToolError
from watchdog.services.jobs import JobDetail, job_detail

COLUMNS = (
    *WHOSE_JOB,
    Column("state", "state"),
    Column("why", "it waits because"),
    Column("detail", "what queue and nodes add"),
    Column("unblock", "what would help"),
    Column("nodes", "nodes"),
    Column("node_count", "nodes, how many"),
    Column("gpus", "GPUs"),
    Column("gpu_type", "GPU type"),
    Column("submitted_at", "submitted"),
    Column("expected_start_at", "Slurm expects it to start at"),
    Column("started_at", "started"),
    Column("ended_at", "ended"),
    Column("elapsed_seconds", "ran for", "seconds"),
    Column("time_limit_seconds", "time limit", "seconds"),
    Column("mean_busy_ratio", "mean utilization", "ratio"),
    Column("held_hours", "GPU-hours held", "hours"),
    Column("used_hours", "GPU-hours used", "hours"),
    Column("idle_hours", "GPU-hours idle", "hours"),
    Column("never_used", "GPUs never used"),
    Column("missing_ratio", "share of its time without a reading", "ratio"),
    Column("memory_used_ratio", "main memory used of asked", "ratio"),
    Column("steps_failed", "steps that failed"),
    Column("exit_code", "exit code", "code"),
    Column("cost_usd", "cost", "USD"),
    Column("idle_usd", "cost of what was idle", "USD"),
    Column("advice", "advice"),
)
GPUS = (
    Column("node", "node"),
    Column("gpu_index", "GPU"),
    Column("use", "use"),
    Column("mean_busy_ratio", "mean utilization", "ratio"),
    Column("peers_ratio", "of the median of the job's GPUs", "ratio"),
    Column("apart", "differs from its peers"),
    Column("held_hours", "held", "hours"),
    Column("idle_hours", "idle", "hours"),
    Column("last_busy_at", "last busy"),
    Column("gpu_uuid", "GPU's UUID"),
)


class JobAsked(Asked):
    """Which job."""

    job_id: str = Field(min_length=1, max_length=64, description="As people write it: 123, 123_4, 123_[5-10].")


def job(desk: Desk, asked: JobAsked) -> Evidence:
    """One row; ToolError for a job that nobody has seen, or where no Slurm is read."""
    desk = desk.moved(asked.at)
    found = detail(desk, asked.job_id)
    return answer(
        "job",
        desk,
        asked,
        title=f"Job {named(asked.job_id)} {when(desk)}",
        query="services.jobs",
        columns=COLUMNS,
        rows=[_row(found)],
        newest=desk.known().view.taken_at if not desk.is_past else None,
        marks=found.incomplete,
        page="job",
        parameters={"job": asked.job_id},
    )


def job_gpus(desk: Desk, asked: JobAsked) -> Evidence:
    """A row a GPU that it holds or held; as `job`."""
    desk = desk.moved(asked.at)
    found = detail(desk, asked.job_id)
    table = found.gpus.assign(
        held_hours=found.gpus["held_seconds"] / 3600,
        idle_hours=found.gpus["idle_seconds"] / 3600,
        gpu_index=found.gpus["gpu_index"].astype(object),
        use=found.gpus["use"].astype(str),
    )
    return answer(
        "job_gpus",
        desk,
        asked,
        title=f"The {len(table)} {'GPU' if len(table) == 1 else 'GPUs'} of job {named(asked.job_id)} {when(desk)}",
        query="services.jobs",
        columns=GPUS,
        rows=table,
        newest=_newest(table),
        marks=found.incomplete,
        page="job",
        parameters={"job": asked.job_id},
    )


def detail(desk: Desk, job_id: str) -> JobDetail:
    """The job; ToolError where nobody has seen it."""
    if not desk.has_slurm:
        raise ToolError(
            "no Slurm is read here, so no job is known", hint="Set WATCHDOG_SLURM; see docs/slurm-sources.md."
        )
    reads = desk.reads
    found = desk.memo.get(
        ("job", job_id),
        lambda: job_detail(job_id, desk.known(), desk.telemetry, desk.gpus(), reads.rates, desk.at),
    )
    if found is None:
        then = " by then" if desk.is_past else ""
        raise ToolError(f"nobody has seen a job {named(job_id)}{then}", hint=_others(desk))
    return found


def _others(desk: Desk) -> str:
    ids = [str(job_id) for job_id in desk.known().view.jobs["job_id"].head(10)]
    return f"Jobs that are known: {', '.join(ids)}, …" if ids else "No job is known."


def _row(found: JobDetail) -> dict[str, Any]:
    said, numbers = found.explanation, found.efficiency
    row: dict[str, Any] = {name: found.job.get(name) for name in (column.name for column in COLUMNS)}
    row |= {name: value for name in row if (value := getattr(numbers, name, None)) is not None}
    row |= {"gpus": _count(found.job), "elapsed_seconds": _seconds(numbers.elapsed)}
    row |= {"time_limit_seconds": _finite(found.job.get("time_limit_seconds"))}
    if said is not None:
        row |= {"why": said.words, "detail": said.detail, "unblock": said.unblock}
    return row | {"advice": " ".join(f"{each.text} {each.line}".strip() for each in found.advice) or None}


def _count(job: Mapping[str, Any]) -> int | None:
    return None if pd.isna(job["gpus"]) else int(job["gpus"])


def _seconds(length: Any) -> float | None:  # noqa: ANN401 (timedelta or None)
    return None if length is None else float(length.total_seconds())


def _finite(value: Any) -> float | None:  # noqa: ANN401 (a cell)
    return None if value is None or pd.isna(value) or value == float("inf") else float(value)


def _newest(table: pd.DataFrame) -> Any:  # noqa: ANN401 (an instant or None)
    newest = table["last_read_at"].max() if len(table) and "last_read_at" in table else None
    return None if newest is None or pd.isna(newest) else newest.to_pydatetime()


TOOL = Tool(
    "job",
    "One Slurm job, waiting, running or ended: state, why it waits, nodes, GPUs, times, mean utilization, GPU-hours held "
    "and idle, cost, failed steps, and what to change next time.",
    JobAsked,
    job,
)
GPUS_TOOL = Tool(
    "job_gpus",
    "The GPUs of one job one by one: utilization over its life, which were never used, went idle or lag behind the others.",
    JobAsked,
    job_gpus,
)
