"""Running jobs that will soon be killed by their time limit; the share and the hour are ours."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from watchdog.analysis.health.check import Check
from watchdog.analysis.health.facts import Facts, Slurm
from watchdog.analysis.health.sight import (
    NEVER,
    as_far_as_read,
    fresh_slurm,
    instants_us,
    slurm_unseen,
    texts,
)
from watchdog.model.arrays import instant, micros
from watchdog.model.findings import Evidence, Finding, Judged, Severity, Subject
from watchdog.model.slurm.records import JobState
from watchdog.model.units import duration_text

KEY = "job_time_limit"
LEFT_RATIO = 0.1
LEFT = timedelta(hours=1)
_SOURCE = "Slurm's time limit"
_ACTION = "If it writes no checkpoints, raise its limit in time: scontrol update jobid={job} timelimit=+1:00:00."


def judge(facts: Facts) -> Judged:
    """One finding a job."""
    slurm = fresh_slurm(facts)
    if slurm is None:
        return slurm_unseen(facts)
    running = slurm.jobs[texts(slurm.jobs, "state") == JobState.RUNNING.value]
    limit = running["time_limit_seconds"].to_numpy(dtype=np.float64, na_value=np.nan)
    started = instants_us(running, "started_at")
    left = np.where(started == NEVER, np.nan, limit - (micros(facts.at) - started) / 1e6)
    near = (left < LEFT_RATIO * limit) & (left < LEFT.total_seconds()) & np.isfinite(limit)
    jobs, users = texts(running, "job_id")[near], texts(running, "user")[near]
    rows = zip(jobs, users, left[near], limit[near], started[near], strict=True)
    return as_far_as_read(facts, Judged(tuple(_finding(slurm, *row) for row in rows)))


def _finding(slurm: Slurm, job: str, user: str, left: float, limit: float, started: int) -> Finding:
    ends = duration_text(timedelta(seconds=left))
    when = f"reaches its time limit in {ends}" if left > 0 else f"is {ends} past its time limit"
    lead = min(LEFT_RATIO * limit, LEFT.total_seconds())
    return Finding(
        check=KEY,
        severity=Severity.INFO,
        subject=Subject(job_id=job),
        explanation=f"Job {job} of {user} {when} of {duration_text(timedelta(seconds=limit))}.",
        action=_ACTION.format(job=job),
        source=_SOURCE,
        since=instant(int(started) + int((limit - lead) * 1e6)),
        job_id=job,
        user=user,
        value=float(left),
        evidence=(Evidence("time_limit", duration_text(timedelta(seconds=limit)), slurm.taken_at),),
    )


CHECK = Check(
    key=KEY,
    title="Time limit near",
    definition=f"Less than {LEFT_RATIO:.0%} of a running job's time limit is left, and less than an hour.",
    source=_SOURCE,
    judge=judge,
    action=_ACTION.format(job="JOB"),
    cleared_by="The job ends, or its limit is raised.",
)
