"""How Slurm is asked, wherever the answer comes from, and the frames that the app works on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from watchdog.model.frames import UTC_DTYPE, Column, Frame
from watchdog.model.slurm.records import Job, Snapshot, Step
from watchdog.model.telemetry import SourceStatus, Window

_TEXT = Column("string")
_COUNT = Column("Int64", nullable=True, low=0)
_AMOUNT = Column("float64", nullable=True, low=0)
_INSTANT = Column(UTC_DTYPE, nullable=True)

# One row a job, as in `model.slurm.records.Job`; `nodes` is Slurm's compressed list ("gpu[01-04]").
JOBS = Frame(
    name="jobs",
    key=("job_id", "submitted_at"),
    columns={
        "job_id": _TEXT,
        "raw_id": Column("int64", low=0),
        "name": _TEXT,
        "user": _TEXT,
        "account": _TEXT,
        "partition": _TEXT,
        "qos": _TEXT,
        "state": Column("string", doc="A `JobState`."),
        "reason": _TEXT,
        "nodes": _TEXT,
        "node_count": _COUNT,
        "cpus": _COUNT,
        "memory_bytes": _AMOUNT,
        "gpus": _COUNT,
        "gpu_type": _TEXT,
        "priority": _AMOUNT,
        "submitted_at": _INSTANT,
        "eligible_at": _INSTANT,
        "started_at": _INSTANT,
        "ended_at": _INSTANT,
        "expected_start_at": _INSTANT,
        "time_limit_seconds": Column("float64", nullable=True, low=0, doc="inf = no limit."),
        "exit_code": Column("Int64", nullable=True),
        "signal": Column("Int64", nullable=True),
        "dependency": _TEXT,
        "reservation": _TEXT,
        "features": _TEXT,
        "array_job_id": _COUNT,
        "comment": _TEXT,
    },
)

# One row for each GPU that a job holds or held; gpu_index is null where Slurm does not say which.
JOB_GPUS = Frame(
    name="job_gpus",
    key=("job_id", "submitted_at", "node", "gpu_index"),
    columns={
        "job_id": _TEXT,
        "submitted_at": _INSTANT,
        "node": _TEXT,
        "gpu_index": Column("Int16", nullable=True, low=0),
    },
)

# One row a node, as in `model.slurm.records.Node`; `flags` and `partitions` joined by ','.
NODES = Frame(
    name="nodes",
    key=("node",),
    columns={
        "node": _TEXT,
        "state": _TEXT,
        "flags": _TEXT,
        "partitions": _TEXT,
        "reason": _TEXT,
        "reason_by": _TEXT,
        "reason_at": _INSTANT,
        "cpus": _COUNT,
        "cpus_allocated": _COUNT,
        "memory_bytes": _AMOUNT,
        "memory_allocated_bytes": _AMOUNT,
        "gpus": _COUNT,
        "gpus_allocated": _COUNT,
        "gpu_type": _TEXT,
        "takes_work": Column("bool"),
        "booted_at": _INSTANT,
        "features": _TEXT,
    },
)

PARTITIONS = Frame(
    name="partitions",
    key=("partition",),
    columns={
        "partition": _TEXT,
        "state": _TEXT,
        "is_default": Column("bool"),
        "nodes": _TEXT,
        "max_time_seconds": _AMOUNT,
        "max_nodes": _COUNT,
    },
)

# Changes of a node's state: from `changed_at` on it was so, until the next row.
NODE_STATES = Frame(
    name="node_states",
    key=("node", "changed_at"),
    columns={
        "node": _TEXT,
        "changed_at": Column(UTC_DTYPE),
        "state": _TEXT,
        "flags": _TEXT,
        "reason": _TEXT,
        "reason_by": _TEXT,
    },
)

STEPS = Frame(
    name="steps",
    key=("job_id", "step_id", "started_at"),
    columns={
        "job_id": _TEXT,
        "step_id": _TEXT,
        "name": _TEXT,
        "state": _TEXT,
        "exit_code": Column("Int64", nullable=True),
        "signal": Column("Int64", nullable=True),
        "started_at": _INSTANT,
        "ended_at": _INSTANT,
        "max_memory_bytes": _AMOUNT,
    },
)


@dataclass(frozen=True)
class Finished:
    """Jobs that ended in a window, with their steps; `problems` says in words what may be missing."""

    jobs: tuple[Job, ...] = ()
    steps: tuple[Step, ...] = ()
    problems: tuple[str, ...] = ()


class Scheduler(Protocol):
    """Slurm, through its commands, slurmrestd, or an exporter's series. Methods may raise SourceError."""

    def snapshot(self) -> Snapshot:
        """Everything now, in as few calls as the source allows, all nodes at once."""
        ...

    def finished(self, window: Window) -> Finished:
        """Jobs that ended in the window, where the source has accounting; else an empty answer with a problem."""
        ...

    def status(self) -> SourceStatus:
        """The last read."""
        ...
