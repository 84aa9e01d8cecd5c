"""The queue in numbers: jobs by state, partition, user, account and reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from watchdog.model.exposition import family_text, labels_text
from watchdog.model.slurm.ids import task_count
from watchdog.model.slurm.records import Job, JobState

# Above it the smaller groups are summed as "(others)".
MOST_GROUPS = 2_000
OTHERS = "(others)"
_VPENSO = {
    "pending": JobState.PENDING, "running": JobState.RUNNING, "suspended": JobState.SUSPENDED,
    "cancelled": JobState.CANCELLED, "completing": JobState.COMPLETING, "completed": JobState.COMPLETED,
    "configuring": JobState.CONFIGURING, "failed": JobState.FAILED, "timeout": JobState.TIMEOUT,
    "preempted": JobState.PREEMPTED, "node_fail": JobState.NODE_FAIL, "out_of_memory": JobState.OUT_OF_MEMORY,
    "deadline": JobState.DEADLINE, "boot_fail": JobState.BOOT_FAIL, "requeued": JobState.REQUEUED,
}  # fmt: skip


class Group(NamedTuple):
    """What jobs are counted by."""

    state: str
    partition: str
    user: str
    account: str
    reason: str


def jobs_in(job: Job) -> int:
    """How many jobs a record stands for: the waiting rest of an array is one record."""
    return (task_count(job.array_tasks) or 1) if job.array_tasks else 1


def reason_word(job: Job) -> str:
    """Slurm's word without what it adds, so that there are few: "ReqNodeNotAvail, UnavailableNodes:gn004"."""
    return job.reason.replace("(", ",").partition(",")[0].strip()[:60]


def queue_page(jobs: Iterable[Job]) -> str:
    """Every family of the queue."""
    counts: Counter[Group] = Counter()
    gpus: Counter[Group] = Counter()
    cpus: Counter[Group] = Counter()
    for job in jobs:
        group = Group(str(job.state), job.partition, job.user, job.account, reason_word(job))
        counts[group] += jobs_in(job)
        gpus[group] += (job.gpus or 0) * jobs_in(job)
        cpus[group] += (job.cpus or 0) * jobs_in(job)
    merged = _merged(counts)
    return "".join(
        (
            _states(counts),
            _groups("slurm_queue_jobs", "Jobs by state, partition, user, account and reason.", counts, merged),
            _groups("slurm_queue_gpus", "GPUs that such jobs hold or ask for.", gpus, merged),
            _partitions(counts),
            *_per("account", counts, gpus, cpus),
            *_per("user", counts, gpus, cpus),
        )
    )


def _states(counts: Counter[Group]) -> str:
    by_state: Counter[str] = Counter()
    for group, count in counts.items():
        by_state[group.state] += count
    waiting = sum(
        n for group, n in counts.items() if group.state == JobState.PENDING and group.reason.startswith("Dependency")
    )
    parts = [
        family_text(f"slurm_queue_{word}", "gauge", f"Jobs that are {state}.", [("", by_state[state])])
        for word, state in _VPENSO.items()
    ]
    help_text = "Jobs that wait for another job; part of the pending."
    return "".join([*parts, family_text("slurm_queue_pending_dependency", "gauge", help_text, [("", waiting)])])


def _merged(counts: Counter[Group]) -> dict[Group, Group]:
    """The groups beyond MOST_GROUPS, and what they are counted under instead."""
    small = [group for group, _ in counts.most_common()[MOST_GROUPS:]]
    return {group: Group(group.state, group.partition, OTHERS, OTHERS, OTHERS) for group in small}


def _groups(name: str, text: str, counts: Counter[Group], merged: dict[Group, Group]) -> str:
    shown: Counter[Group] = Counter()
    for group, count in counts.items():
        shown[merged.get(group, group)] += count
    samples = [(labels_text(group._asdict()), float(count)) for group, count in sorted(shown.items())]
    return family_text(name, "gauge", text, samples)


def _partitions(counts: Counter[Group]) -> str:
    parts = []
    for word, state in (("pending", JobState.PENDING), ("running", JobState.RUNNING)):
        sums: Counter[str] = Counter()
        for group, count in counts.items():
            sums[group.partition] += count * (group.state == state)
        samples = [(labels_text({"partition": name}), float(count)) for name, count in sorted(sums.items())]
        parts.append(family_text(f"slurm_partition_jobs_{word}", "gauge", f"Jobs {word} in a partition.", samples))
    return "".join(parts)


def _per(kind: str, counts: Counter[Group], gpus: Counter[Group], cpus: Counter[Group]) -> list[str]:
    """The `slurm_account_*` and `slurm_user_*` of vpenso's exporter; the smaller ones beyond MOST_GROUPS are summed as others."""
    families = (
        ("jobs_pending", "Jobs pending", JobState.PENDING, counts),
        ("jobs_running", "Jobs running", JobState.RUNNING, counts),
        ("jobs_suspended", "Jobs suspended", JobState.SUSPENDED, counts),
        ("cpus_running", "CPUs of running jobs", JobState.RUNNING, cpus),
        ("gpus_running", "GPUs of running jobs", JobState.RUNNING, gpus),
    )
    parts = []
    for name, what, state, numbers in families:
        sums: Counter[str] = Counter()
        for group, count in numbers.items():
            if group.state == state:
                sums[getattr(group, kind)] += count
        rest = sum(count for _, count in sums.most_common()[MOST_GROUPS:])
        shown = [*sums.most_common(MOST_GROUPS), *([(OTHERS, rest)] if rest else [])]
        samples = [(labels_text({kind: who}), float(count)) for who, count in shown if count]
        parts.append(family_text(f"slurm_{kind}_{name}", "gauge", f"{what}, by {kind}.", samples))
    return parts
