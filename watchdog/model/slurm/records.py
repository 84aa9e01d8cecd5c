"""What we know of jobs, nodes and partitions, whichever Slurm tool or version said it.

Plain records, so that the exporter can use them without pandas. None means that the source did not say; it is never
0, and never "none". Instants are aware, in UTC; memory is in bytes, durations are in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class JobState(StrEnum):
    """Slurm's job states; UNKNOWN is ours, for a job that vanished without a trace."""

    PENDING = "PENDING"
    CONFIGURING = "CONFIGURING"
    RUNNING = "RUNNING"
    SUSPENDED = "SUSPENDED"
    COMPLETING = "COMPLETING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    TIMEOUT = "TIMEOUT"
    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    NODE_FAIL = "NODE_FAIL"
    PREEMPTED = "PREEMPTED"
    BOOT_FAIL = "BOOT_FAIL"
    DEADLINE = "DEADLINE"
    REQUEUED = "REQUEUED"
    UNKNOWN = "UNKNOWN"


WAITING = frozenset({JobState.PENDING, JobState.REQUEUED})
ACTIVE = frozenset({JobState.CONFIGURING, JobState.RUNNING, JobState.SUSPENDED, JobState.COMPLETING})
ENDED = frozenset(JobState) - WAITING - ACTIVE

# A job without a time limit.
UNLIMITED = float("inf")


@dataclass(frozen=True, slots=True)
class GpuHold:
    """GPUs of one node that a job holds; `indexes` is empty where the source names none."""

    node: str
    count: int
    indexes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """One job, array task, heterogeneous component, or the waiting rest of an array.

    Attributes:
        job_id: as people write it: "123", "123_4", "123_[5-10%2]" (the waiting rest of an array), "123+1".
        raw_id: Slurm's own number of the record; differs from 123 for array tasks and components.
        reason: Slurm's word for why it waits or ended ("Resources", "QOSMaxGRESPerUser"); "" for None.
        nodes: names, expanded; of a waiting job the ones it requires or is scheduled to.
        gpus: allocated, or asked for while it waits, over all nodes; 0 if none were asked for.
        holds: which GPUs on which node; empty while it waits.
        time_limit_seconds: UNLIMITED (inf) without a limit.
        expected_start_at: the scheduler's own estimate of a waiting job's start.
        exit_code, signal: of the batch script; both None while it has none.
    """

    job_id: str
    raw_id: int
    name: str
    user: str
    state: JobState
    account: str = ""
    partition: str = ""
    qos: str = ""
    reason: str = ""
    nodes: tuple[str, ...] = ()
    node_count: int | None = None
    cpus: int | None = None
    memory_bytes: float | None = None
    gpus: int | None = None
    gpu_type: str = ""
    holds: tuple[GpuHold, ...] = ()
    priority: float | None = None
    submitted_at: datetime | None = None
    eligible_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    expected_start_at: datetime | None = None
    time_limit_seconds: float | None = None
    exit_code: int | None = None
    signal: int | None = None
    dependency: str = ""
    reservation: str = ""
    features: str = ""
    array_job_id: int | None = None
    array_tasks: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a job: "batch", "extern", or a number."""

    job_id: str
    step_id: str
    name: str
    state: JobState
    exit_code: int | None = None
    signal: int | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    nodes: tuple[str, ...] = ()
    max_memory_bytes: float | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A node.

    Attributes:
        state: the base state in capitals: IDLE, MIXED, ALLOCATED, DOWN, FUTURE, UNKNOWN, ERROR.
        flags: what is added to it, in capitals: DRAIN, COMPLETING, NOT_RESPONDING, MAINTENANCE, RESERVED, PLANNED,
            POWERED_DOWN, REBOOT_REQUESTED, FAIL, INVALID_REG, DYNAMIC_NORM...
        reason, reason_by, reason_at: why it takes no work, who said so, when.
        gpus, gpus_allocated: of all types; gpu_types: how many of each.
        gpu_indexes_used: places in use; empty where the source names none.
    """

    node: str
    state: str
    flags: frozenset[str] = frozenset()
    partitions: tuple[str, ...] = ()
    reason: str = ""
    reason_by: str = ""
    reason_at: datetime | None = None
    cpus: int | None = None
    cpus_allocated: int | None = None
    memory_bytes: float | None = None
    memory_allocated_bytes: float | None = None
    gpus: int | None = None
    gpus_allocated: int | None = None
    gpu_types: tuple[tuple[str, int], ...] = ()
    gpu_indexes_used: tuple[int, ...] = ()
    features: str = ""
    booted_at: datetime | None = None
    version: str = ""

    @property
    def takes_work(self) -> bool:
        """Whether Slurm would start a job there now, room permitting."""
        out = {"DRAIN", "NOT_RESPONDING", "MAINTENANCE", "FAIL", "POWERED_DOWN", "POWERING_DOWN", "INVALID_REG"}
        return self.state in {"IDLE", "MIXED", "ALLOCATED"} and not self.flags & out


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition; counts are of its nodes as Slurm sums them."""

    partition: str
    state: str
    nodes: tuple[str, ...] = ()
    is_default: bool = False
    max_time_seconds: float | None = None
    default_time_seconds: float | None = None
    max_nodes: int | None = None
    priority_tier: int | None = None
    preempt_mode: str = ""


@dataclass(frozen=True, slots=True)
class QueueCount:
    """How many jobs are alike, from a source that names no single job; "" where it does not tell."""

    state: JobState
    jobs: int
    partition: str = ""
    user: str = ""
    account: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole of Slurm at one instant, as one source saw it.

    Attributes:
        queue: numbers of jobs, only where the source names no single ones; then `jobs` is empty.
        problems: in words, what could not be read or had to be cut; empty = whole.
    """

    taken_at: datetime
    jobs: tuple[Job, ...] = ()
    nodes: tuple[Node, ...] = ()
    partitions: tuple[Partition, ...] = ()
    problems: tuple[str, ...] = ()
    queue: tuple[QueueCount, ...] = ()
