"""Whether a rented cluster does nothing. Any doubt is "not known", which stops nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from infra.wire import Pod
from watchdog.model.slurm.records import ACTIVE, WAITING, JobState
from watchdog.services.slurm_view import SlurmView

# Slurm and GPUs are read every half minute or so; what is older says nothing about now.
_FRESH = timedelta(minutes=3)
_OPEN = WAITING | ACTIVE


@dataclass(frozen=True)
class Work:
    """What is known of the work on the pods; a pod is a node of the same name.

    Attributes:
        slurm: as it was read last; None: no Slurm is read.
        busy: the busiest GPU of each node and how many GPUs were read (ratio, count), of the last minutes.
    """

    slurm: SlurmView | None = None
    busy: Mapping[str, tuple[float, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Idleness:
    """`idle` is None where it is not known; `why` says what it is judged by."""

    idle: bool | None
    why: str


Asked = Callable[[], Work]


def idleness(pods: Sequence[Pod], work: Work, threshold: float, now: datetime) -> Idleness:
    """Idle is: all pods stand, no job runs or waits, and every GPU is under the threshold.

    Args:
        pods: of one cluster.
        work: what is known.
        threshold: ratio, 0 to 1.
        now: of the reading.
    """
    running = [pod for pod in pods if pod.status != "EXITED"]
    if not running:
        return Idleness(None, "no pod runs")
    starting = [pod.name for pod in running if not pod.ready]
    if starting:
        return Idleness(None, f"{', '.join(starting)} does not stand yet")
    slurm = _slurm(running, work.slurm, now)
    return slurm if not slurm.idle else _gpus(running, work, threshold)


def _slurm(pods: Sequence[Pod], view: SlurmView | None, now: datetime) -> Idleness:
    if view is None or view.taken_at is None:
        return Idleness(None, "no Slurm is read")
    if not timedelta(minutes=-1) <= now - view.taken_at <= _FRESH:
        return Idleness(None, "Slurm was read too long ago")
    if view.problems:
        return Idleness(None, "Slurm could not be read whole")
    strange = {pod.name for pod in pods} - set(view.nodes["node"].astype(str))
    if strange:
        return Idleness(None, f"the Slurm that is read here does not know {', '.join(sorted(strange))}")
    jobs = int(view.jobs["state"].isin([str(state) for state in _OPEN]).sum())
    unknown = int((view.jobs["state"] == str(JobState.UNKNOWN)).sum())
    if unknown:
        return Idleness(None, f"{unknown} jobs are in a state that is not known")
    return Idleness(jobs == 0, f"{jobs} jobs run or wait" if jobs else "no job runs or waits")


def _gpus(pods: Sequence[Pod], work: Work, threshold: float) -> Idleness:
    """By the exporter of each pod; where it says nothing, by what RunPod tells of it."""
    worst = 0.0
    for pod in pods:
        seen = _busiest(pod, work)
        if seen is None:
            return Idleness(None, f"the GPUs of {pod.name} are not read")
        worst = max(worst, seen)
    words = f"no job runs or waits, the busiest GPU is at {worst:.0%}"
    return Idleness(worst < threshold, words)


def _busiest(pod: Pod, work: Work) -> float | None:
    """The busiest GPU of a pod, by whichever says more; None unless every GPU was read by one of the two."""
    count = pod.gpu.count if pod.gpu else 0
    told = [use.util for use in pod.runtime.gpus if use.util is not None] if pod.runtime else []
    ratios = [max(told) / 100] if count and len(told) >= count else []
    ratio, read = work.busy.get(pod.name, (0.0, 0))
    ratios += [ratio] if count and read >= count else []
    return max(ratios) if ratios else None
