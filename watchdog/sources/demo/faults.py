"""What a fault is: its kind, whom it hits, what it does, and the truth to be told of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from watchdog.sources.demo.effects import Effects
from watchdog.sources.demo.jobs import JobState


class FaultKind(StrEnum):
    """Names of faults; they are the labels of the ground truth."""

    THERMAL_THROTTLE = "thermal_throttle"
    COOLING_FAILURE = "cooling_failure"
    NEVER_USED = "never_used"
    GONE_IDLE = "gone_idle"
    HUNG = "hung"
    JOB_STALL = "job_stall"
    INPUT_BOUND = "input_bound"
    STRAGGLER = "straggler"
    MEMORY_LEAK = "memory_leak"
    ZOMBIE_MEMORY = "zombie_memory"
    GPU_LOST = "gpu_lost"
    ECC_CORRECTED = "ecc_corrected"
    ECC_UNCORRECTED = "ecc_uncorrected"
    ROW_REMAP_FAILURE = "row_remap_failure"
    XID_13 = "xid_13"
    XID_31 = "xid_31"
    XID_94 = "xid_94"
    XID_119 = "xid_119"
    NVLINK_ERRORS = "nvlink_errors"
    PCIE_DEGRADED = "pcie_degraded"
    PCIE_REPLAYS = "pcie_replays"
    POWER_BRAKE = "power_brake"
    EXPORTER_DEAD = "exporter_dead"
    EXPORTER_FROZEN = "exporter_frozen"
    NODE_DRAINED = "node_drained"
    NODE_DOWN = "node_down"
    SENSOR_STUCK = "sensor_stuck"
    CLOCK_SKEW = "clock_skew"


@dataclass(frozen=True)
class Fault:
    """Ground truth: what was wrong, where, when, and what a watcher should notice.

    Attributes:
        gpu: index in the node; None where the whole node or a job on several GPUs is hit.
        until: planned end where it has not ended yet; half-open.
        job: id of the job it hit, if one.
        gpus: every GPU hit, as (node, index).
    """

    kind: FaultKind
    node: str
    gpu: int | None
    since: datetime
    until: datetime
    job: int | None
    text: str
    gpus: tuple[tuple[str, int], ...] = ()


class Target(StrEnum):
    """Whom a fault hits."""

    JOB = "all GPUs of a training job"
    JOB_GPU = "one GPU of a training job"
    NEW_JOB = "the GPU of a new job"
    FREE_GPU = "a GPU without a job"
    NODE = "a node"


@dataclass(frozen=True)
class Hit:
    """One fault at work: its places in the fleet and its span in story seconds."""

    spec: FaultSpec
    node: int
    gpus: tuple[int, ...]
    since: float
    until: float
    job: int | None = None
    dice: float = 0.5

    @property
    def places(self) -> list[int]:
        """The GPUs hit, to index arrays with."""
        return list(self.gpus)


Effect = Callable[[Effects, Hit], None]


def _nothing(_effects: Effects, _hit: Hit) -> None:
    """Some faults are events alone."""


@dataclass(frozen=True)
class FaultSpec:
    """A kind of fault.

    Attributes:
        text: what should be noticed; filled with node, gpu and job.
        minutes: shortest and longest duration.
        xids: codes logged at the start.
        uncorrected: ECC errors counted at the start.
        ends: how the job hit ends at once; ends_late: how it ends together with the fault.
        drain: reason with which the node is drained two minutes in.
        resets: the GPUs are reset at the end; volatile counters start anew.
        min_gpus: smallest job that can be hit.
    """

    kind: FaultKind
    target: Target
    text: str
    minutes: tuple[float, float]
    effect: Effect = _nothing
    xids: tuple[int, ...] = ()
    uncorrected: int = 0
    ends: JobState | None = None
    ends_late: JobState | None = None
    drain: str = ""
    resets: bool = False
    min_gpus: int = 1

    @property
    def hits_node(self) -> bool:
        """Whether it is the node's fault, not a GPU's."""
        return self.target is Target.NODE
