"""Slurm-like jobs and what they do to a GPU. Instants are story seconds: 0 is the demo's start."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import IntEnum, StrEnum
from functools import cached_property

FOREVER = 1e12


class JobState(StrEnum):
    """Slurm's words."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    TIMEOUT = "TIMEOUT"
    CANCELLED = "CANCELLED"
    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    NODE_FAIL = "NODE_FAIL"


class Work(IntEnum):
    """What a job does all day."""

    NOTHING = 0
    TRAINING = 1
    SERVICE = 2
    NOTEBOOK = 3


@dataclass(frozen=True)
class Profile:
    """A job's habits on each of its GPUs; shares are 0..1, times are seconds.

    Attributes:
        util, sm, occupancy, tensor, dram: activity while it computes.
        intensity: share of the power budget it asks for at full clocks; above 1 it meets the power cap.
        memory: share of the GPU's memory it holds.
        loading, tail: at the begin and the end, with hardly any computing.
        checkpoint_every, checkpoint_for: all GPUs stall while weights are written.
        eval_every, eval_for: lighter passes between training.
        rhythm: period of the small dips.
        pcie: bytes a second each way; nvlink: share of the links' peak.
        phase: a number of the job's own in 0..1, so that jobs do not move in step.
    """

    work: Work = Work.NOTHING
    util: float = 0.0
    intensity: float = 0.0
    sm: float = 0.0
    occupancy: float = 0.0
    tensor: float = 0.0
    dram: float = 0.0
    memory: float = 0.0
    loading: float = 0.0
    tail: float = 0.0
    checkpoint_every: float = FOREVER
    checkpoint_for: float = 0.0
    eval_every: float = FOREVER
    eval_for: float = 0.0
    rhythm: float = 60.0
    pcie: float = 0.0
    nvlink: float = 0.0
    phase: float = 0.0

    @cached_property
    def numbers(self) -> tuple[float, ...]:
        """All of it in the order of the fields."""
        return tuple(float(getattr(self, field.name)) for field in fields(self))


@dataclass(frozen=True)
class Request:
    """What a user asks for, and (known to the simulation alone) how it will go."""

    user: str
    account: str
    partition: str
    name: str
    gpus: int
    time_limit: float
    runs_for: float
    outcome: JobState = JobState.COMPLETED
    profile: Profile = Profile()

    def __post_init__(self) -> None:
        if self.gpus < 1:
            raise ValueError("a job of the demo cluster has at least one GPU")


@dataclass
class Job:
    """A submitted request and its fate; `gpus` are places in the fleet's order."""

    job_id: int
    request: Request
    submitted: float
    state: JobState = JobState.PENDING
    reason: str = "Priority"
    started: float = FOREVER
    ends: float = FOREVER
    gpus: tuple[int, ...] = ()
    array_id: int | None = None

    @property
    def deadline(self) -> float:
        """When Slurm would kill it."""
        return self.started + self.request.time_limit

    def hold(self, until: float) -> None:
        """Let it run at least until then."""
        self.ends = max(self.ends, until)
        self.request = replace(self.request, time_limit=max(self.request.time_limit, self.ends - self.started))
