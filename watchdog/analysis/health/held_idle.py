"""GPUs that are held and do nothing: never used, idle after they were busy, or without any process.

Source: Jobstats and gpud call a GPU under 5 % unused. Half an hour is the patience of most cluster reapers (their
range is 15 to 60 minutes); where no process is on the GPU at all, 15 minutes (Northeastern's IdleBot) are enough. A
session at a keyboard pauses: one GPU whose use comes and goes is INFO until it was idle for an hour (the example of
job_defense_shield), as nobody would be told off for a lunch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from watchdog.analysis.gpu_state import COVERED, HELD_BYTES, IDLE_BELOW
from watchdog.analysis.health.check import Bools, Check, gpu_rows, gpu_subject, holder, place, reading
from watchdog.analysis.health.facts import TRACE_MINUTES, Facts
from watchdog.analysis.health.held import (
    Held,
    busy_minutes,
    held_jobs,
    its,
    jobs_judged,
    minute,
    minutes_axis,
    named,
    of_job,
    readings,
    trailing,
    unjudged,
    within_job,
)
from watchdog.analysis.health.sight import fresh_slurm, texts
from watchdog.analysis.health.trace import Matrix, covered
from watchdog.analysis.load import BUSY_METRICS
from watchdog.model.arrays import Ints, instant
from watchdog.model.findings import Finding, Judged, Severity
from watchdog.model.slurm.records import JobState
from watchdog.model.units import duration_text, percent

KEY = "held_idle"
MINUTES = 30
EMPTY_MINUTES = 15
# A job loads its program and its data first.
GRACE_MINUTES = 5
# A program that works without a pause is busy in nearly every minute, and mostly at a high level.
STEADY_SHARE, STEADY_LEVEL = 0.75, 0.5
_SOURCE = "under 5 %: Jobstats, gpud; 30 minutes: usual grace period of cluster reapers"
_ACTION = "Ask the user whether the job still needs them; cancel it where the site's rules say so."


@dataclass(frozen=True)
class _Load:
    """The last hour of every GPU, as far as its job ran: utilization and processes a minute."""

    busy: Matrix
    idle: Bools
    empty: Bools
    seen: Bools


def judge(facts: Facts) -> Judged:
    """One finding a job, about all its idle GPUs; where nobody knows who holds GPUs, one for each GPU held."""
    nobody = unjudged(facts, BUSY_METRICS)
    if nobody:
        return nobody
    held = held_jobs(facts)
    load = _load(facts, held)
    paused = np.isin(held.ids, _paused(facts))
    unseen = held.count(~load.seen) > 0
    jobs = np.flatnonzero((held.count(load.idle) > 0) & ~paused)
    unknown = facts.cells["job_id"].isna().to_numpy(dtype=bool)
    findings = [_job_finding(facts, held, load, int(job)) for job in jobs]
    findings += _gpu_findings(facts, load, unknown)
    return jobs_judged(facts, held, findings, ~unseen, "no utilization was read", gpus=unknown & ~load.seen)


def _load(facts: Facts, held: Held) -> _Load:
    busy = busy_minutes(facts, TRACE_MINUTES)
    # A job that has just begun is not idle yet, and not unseen either.
    young = ~held.old_enough(int(minutes_axis(facts, MINUTES + GRACE_MINUTES)[0]))
    fresh = ~held.old_enough(int(minutes_axis(facts, EMPTY_MINUTES + GRACE_MINUTES)[0]))
    quiet = facts.column("busy_ratio") < IDLE_BELOW
    seen = (covered(busy[:, -MINUTES:]) >= COVERED) & ~facts.silent
    idle = _never_above(busy, MINUTES) & ~young & quiet
    processes = facts.trace.last("compute_processes_count", EMPTY_MINUTES)
    nothing = (np.fmax.reduce(processes, axis=1) == 0) & (covered(processes) >= COVERED)
    empty = nothing & _never_above(busy, EMPTY_MINUTES) & ~fresh & quiet
    return _Load(within_job(facts, held, busy, 0), idle | empty, empty, seen | young)


def _never_above(busy: Matrix, minutes: int) -> Bools:
    part = busy[:, -minutes:]
    return np.asarray((np.fmax.reduce(part, axis=1) < IDLE_BELOW) & (covered(part) >= COVERED))


def _paused(facts: Facts) -> list[str]:
    """Jobs that hold their nodes but are not meant to compute now."""
    slurm = fresh_slurm(facts)
    if slurm is None:
        return []
    waits = (JobState.SUSPENDED, JobState.CONFIGURING, JobState.COMPLETING)
    return list(texts(slurm.jobs, "job_id")[np.isin(texts(slurm.jobs, "state"), [state.value for state in waits])])


def _job_finding(facts: Facts, held: Held, load: _Load, job: int) -> Finding:
    rows = held.rows(job)
    rows = rows[load.idle[rows]]
    how, since = _how(facts, held, load, job, rows)
    peak = float(np.fmax.reduce(load.busy[rows, -MINUTES:], axis=None))
    pauses = int(held.sizes[job]) == 1 and not load.empty[rows].any() and may_pause(load.busy[rows[0]])
    return Finding(
        check=KEY,
        severity=Severity.INFO if pauses else Severity.WARNING,
        explanation=f"{named(held, job)} holds {its(held, job, rows)} and {how}.",
        action=_ACTION,
        source=_SOURCE,
        since=since,
        value=peak,
        evidence=readings(facts, held, rows, "gpu_util_ratio", "memory_used_bytes", "compute_processes_count"),
        **of_job(held, job),
    )


def may_pause(busy: Matrix) -> bool:
    """Whether it may be a session that pauses, by the last hour of its GPU: before the pause its use came and went.

    Args:
        busy: utilization, shape (minutes,), NaN before the job began.
    """
    length = int(trailing(~(busy >= IDLE_BELOW)[None, :])[0])
    before = busy[: len(busy) - length]
    before = before[~np.isnan(before)]
    if length == len(busy):
        return bool(np.isnan(busy[0]))
    return float((before >= IDLE_BELOW).mean()) < STEADY_SHARE or float(np.median(before)) < STEADY_LEVEL


def _how(facts: Facts, held: Held, load: _Load, job: int, rows: Ints) -> tuple[str, datetime | None]:
    """What it did with them, and since when."""
    started, axis = int(held.started_us[job]), minutes_axis(facts, TRACE_MINUTES)
    used = load.busy[rows] >= IDLE_BELOW
    them = "them" if len(rows) > 1 else "it"
    nothing = f", and no process is on {them}" if load.empty[rows].all() else ""
    if not used.any() and axis[0] <= started:
        age = duration_text(timedelta(microseconds=int(axis[-1]) - started))
        return f"has never used {them} since it started {age} ago{nothing}", instant(started)
    longest = int(trailing(~used).max())
    if longest >= TRACE_MINUTES:
        return f"has not used {them} for an hour or more{nothing}", None
    return f"has not used {them} for {longest} min, but before{nothing}", minute(axis, -longest)


def _gpu_findings(facts: Facts, load: _Load, unknown: Bools) -> Iterator[Finding]:
    """GPUs that somebody holds, by their memory and processes: nobody tells who."""
    holds = (facts.column("memory_used_bytes") >= HELD_BYTES) | (facts.column("compute_processes_count") > 0)
    for row in gpu_rows(facts, unknown & holds & load.idle & ~load.empty):
        memory = f"{percent(row['memory_ratio'])} of its memory" if row["memory_ratio"] is not None else "it"
        yield Finding(
            check=KEY,
            severity=Severity.WARNING,
            subject=gpu_subject(row),
            explanation=f"Somebody holds {memory} on {place(row)}, under 5 % busy for {MINUTES} min.",
            action="Find the process on its node, and ask whose it is.",
            source=_SOURCE,
            evidence=reading(row, "gpu_util_ratio", "memory_used_bytes", "compute_processes_count"),
            **holder(row),
        )


CHECK = Check(
    key=KEY,
    title="GPUs held but idle",
    definition=(
        f"A job holds GPUs that were under 5 % busy in every one of the last {MINUTES} minutes; {EMPTY_MINUTES} minutes "
        f"where no process is on them. The first {GRACE_MINUTES} minutes of a job do not count. Without Slurm: a GPU "
        f"with 1 GiB or a process on it. INFO for a single GPU that was busy in less than {STEADY_SHARE:.0%} of the "
        f"minutes before, or under {STEADY_LEVEL:.0%} in half of them, until it was idle for an hour."
    ),
    source=_SOURCE,
    judge=judge,
    action=_ACTION,
    cleared_by="The GPUs are used again, or the job ends.",
)
