"""Jobs that wait for the cluster for more than a day: one finding a partition, about the one that waits longest.

A day is ours: the longest wait that a user plans for. Jobs that are held, or wait for another job or an instant, do
not count.
"""

from __future__ import annotations

from datetime import timedelta

from watchdog.analysis.health.check import Check
from watchdog.analysis.health.facts import Facts, Slurm
from watchdog.analysis.health.sight import as_far_as_read, fresh_slurm, slurm_unseen
from watchdog.analysis.health.waiting import Waiting, job_row, partition_subject, waiting
from watchdog.analysis.pending import explain_code
from watchdog.model.findings import Evidence, Finding, Judged, Severity
from watchdog.model.units import duration_text

KEY = "pending_long"
LONG = timedelta(hours=24)
VERY_LONG = timedelta(days=7)
_SOURCE = "ours: a day"


def judge(facts: Facts) -> Judged:
    """One finding a partition."""
    slurm = fresh_slurm(facts)
    if slurm is None:
        return slurm_unseen(facts)
    queue = waiting(slurm)
    late = queue.only(queue.waited(facts, LONG))
    found = [_finding(facts, slurm, name, jobs) for name, jobs in late.by_partition().items()]
    return as_far_as_read(facts, Judged(tuple(found)))


def _finding(facts: Facts, slurm: Slurm, partition: str, jobs: Waiting) -> Finding:
    place = jobs.longest
    job, since = job_row(slurm, int(jobs.rows[place])), jobs.since(place)
    assert since is not None
    waited, told = facts.at - since, explain_code(str(job["reason"] or ""))
    count = len(jobs.rows)
    many = f"{count} jobs of partition {partition} have" if count > 1 else f"A job of partition {partition} has"
    return Finding(
        check=KEY,
        severity=Severity.WARNING if waited >= VERY_LONG else Severity.INFO,
        subject=partition_subject(partition),
        explanation=(
            f"{many} waited for more than {duration_text(LONG)}; job {job['job_id']} of {job['user']} for "
            f"{duration_text(waited)}. It waits because {told.words}."
        ),
        action=told.unblock or "Ask Slurm: scontrol show job.",
        source=_SOURCE,
        since=since + LONG,
        job_id=str(job["job_id"]),
        user=str(job["user"]),
        value=waited.total_seconds(),
        evidence=(Evidence("reason", str(job["reason"] or "none"), slurm.taken_at),),
    )


CHECK = Check(
    key=KEY,
    title="Long waits",
    definition=(
        f"A job has waited for the cluster for {LONG.total_seconds() / 3600:.0f} hours or more since it may start "
        f"(INFO; from {VERY_LONG.days} days on WARNING)."
    ),
    source=_SOURCE,
    judge=judge,
    action="As Slurm's reason says.",
    cleared_by="No job of the partition has waited so long.",
)
