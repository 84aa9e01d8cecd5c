"""A queue that does not move though there is room: the scheduler, not the cluster, is what jobs wait for.

Judged is the job that is next in each partition: if nodes that take work have the GPUs, CPUs and memory it asks for,
and nothing of its partition has started for a while, it should have started. Nodes that are reserved, or planned for
another job, count as taken. The times are ours: Slurm's backfill scheduler looks every 30 s, main every minute.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from watchdog.analysis.health.check import Check
from watchdog.analysis.health.facts import Facts, Slurm
from watchdog.analysis.health.node_spells import of_pairs
from watchdog.analysis.health.sight import NEVER, as_far_as_read, fresh_slurm, instants_us, slurm_unseen, texts
from watchdog.analysis.health.waiting import FOR_ROOM, Waiting, job_row, partition_subject, waiting
from watchdog.analysis.room import could_start, request_of
from watchdog.model.arrays import instant, micros
from watchdog.model.findings import Evidence, Finding, Judged, Severity
from watchdog.model.units import duration_text

KEY = "queue_stuck"
QUIET = timedelta(minutes=30)
# Looking for room takes a look at every node; partitions are looked at by who waits longest.
_MOST_PARTITIONS = 12
_TAKEN = frozenset({"RESERVED", "PLANNED", "COMPLETING"})
_CLOSED = ("DOWN", "INACTIVE")
_SOURCE = "ours: nothing started for half an hour with room to start"


def judge(facts: Facts) -> Judged:
    """One finding a partition."""
    slurm = fresh_slurm(facts)
    if slurm is None:
        return slurm_unseen(facts)
    queue = waiting(slurm)
    late = queue.only(queue.waited(facts, QUIET))
    closed = _closed(facts, slurm, late)
    names = {finding.subject for finding in closed}
    room = late.only(np.isin(late.code, list(FOR_ROOM)))
    several = sorted(room.by_partition().items(), key=lambda item: item[1].since_us.min())
    started = _last_started(slurm)
    stuck = [_stuck(facts, slurm, name, jobs, started) for name, jobs in several[:_MOST_PARTITIONS]]
    found = [each for each in stuck if each and each.subject not in names]
    return as_far_as_read(facts, Judged((*closed, *found)))


def _closed(facts: Facts, slurm: Slurm, late: Waiting) -> tuple[Finding, ...]:
    shut = dict(zip(texts(slurm.partitions, "partition"), texts(slurm.partitions, "state"), strict=True))
    queues = late.by_partition().items()
    return tuple(_closed_finding(slurm, name, shut[name], jobs) for name, jobs in queues if shut.get(name) in _CLOSED)


def _closed_finding(slurm: Slurm, partition: str, state: str, jobs: Waiting) -> Finding:
    return Finding(
        check=KEY,
        severity=Severity.WARNING,
        subject=partition_subject(partition),
        explanation=f"Partition {partition} is {state} while jobs wait for it: {len(jobs.rows)}.",
        action=f"When it may work again: scontrol update partitionname={partition} state=up.",
        source="Slurm's partition state",
        evidence=(Evidence("state", state, slurm.taken_at),),
    )


def _last_started(slurm: Slurm) -> dict[str, int]:
    """By partition: when its last job started, of those that run or have just ended."""
    jobs = pd.concat([slurm.jobs[["partition", "started_at"]], slurm.ended[["partition", "started_at"]]])
    started, names = instants_us(jobs, "started_at"), texts(jobs, "partition")
    codes, kinds = pd.factorize(names)
    last = np.full(len(kinds), NEVER)
    np.maximum.at(last, codes, started)
    return dict(zip(map(str, kinds), last.tolist(), strict=True))


def _stuck(facts: Facts, slurm: Slurm, partition: str, jobs: Waiting, started: dict[str, int]) -> Finding | None:
    last = max((started.get(name, NEVER) for name in partition.split(",")), default=NEVER)
    if last > micros(facts.at - QUIET):
        return None
    job = job_row(slurm, int(jobs.rows[jobs.first]))
    nodes = slurm.nodes[~of_pairs(slurm.nodes, _TAKEN)]
    fit = could_start(request_of(job), nodes, slurm.partitions)
    since = jobs.since(jobs.first)
    if fit.fits is not True or since is None:
        return None
    begun = max(since, instant(last)) if last > NEVER else since
    return _finding(facts, partition, job, (fit.words, len(jobs.rows)), begun)


def _finding(facts: Facts, partition: str, job: dict[str, object], told: tuple[str, int], begun: datetime) -> Finding:
    words, count = told
    return Finding(
        check=KEY,
        severity=Severity.WARNING,
        subject=partition_subject(partition),
        explanation=(
            f"Nothing of partition {partition} has started for {duration_text(facts.at - begun)} though there is room: "
            f"job {job['job_id']} of {job['user']}, the next of {count}, {words}."
        ),
        action="Look at slurmctld's log, sdiag, reservations and licenses; is the scheduler running?",
        source=_SOURCE,
        since=begun,
        job_id=str(job["job_id"]),
        user=str(job["user"]),
        evidence=(Evidence("reason", str(job["reason"] or "none"), facts.at),),
    )


CHECK = Check(
    key=KEY,
    title="Queue stuck",
    definition=(
        f"Jobs of a partition have waited for room for {QUIET.total_seconds() / 60:.0f} minutes, none of it has started "
        "in that time, and nodes that take work have what the next one asks for; or the partition is DOWN or INACTIVE."
    ),
    source=_SOURCE,
    judge=judge,
    action="Look at slurmctld's log, sdiag, reservations and licenses.",
    cleared_by="A job of the partition starts, or there is no more room.",
)
