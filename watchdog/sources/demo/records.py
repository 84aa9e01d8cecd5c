"""Jobs and nodes of the demo cluster as others see them: wall time, names, Slurm's words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from watchdog.sources.demo.engine import StoryTime
from watchdog.sources.demo.faults import Fault, Hit
from watchdog.sources.demo.hardware import Fleet
from watchdog.sources.demo.jobs import FOREVER, Job, JobState
from watchdog.sources.demo.scheduler import Scheduler


@dataclass(frozen=True)
class DemoJob:
    """A job.

    Attributes:
        gpus: how many it asked for; held: those it holds or held, as (node, index).
        ended_at: None until it has ended.
    """

    job_id: int
    array_job_id: int | None
    user: str
    account: str
    partition: str
    name: str
    state: JobState
    reason: str
    gpus: int
    held: tuple[tuple[str, int], ...]
    submitted_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    time_limit_seconds: float

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of its nodes, each once."""
        return tuple(dict.fromkeys(node for node, _ in self.held))


@dataclass(frozen=True)
class DemoNode:
    """A node; `state` as sinfo says it: idle, mixed, allocated, draining, drained, down."""

    name: str
    partition: str
    model: str
    gpus: int
    gpus_held: int
    state: str
    reason: str
    since: datetime | None


def job_record(job: Job, fleet: Fleet, time: StoryTime) -> DemoJob:
    """A job as squeue and sacct would tell it."""
    ended = job.state not in {JobState.PENDING, JobState.RUNNING}
    return DemoJob(
        job.job_id,
        job.array_id,
        job.request.user,
        job.request.account,
        job.request.partition,
        job.request.name,
        job.state,
        job.reason,
        job.request.gpus,
        tuple(fleet.place(gpu) for gpu in job.gpus),
        time.wall(job.submitted),
        time.wall(job.started) if job.started < FOREVER else None,
        time.wall(job.ends) if ended else None,
        job.request.time_limit,
    )


def node_records(scheduler: Scheduler, time: StoryTime) -> tuple[DemoNode, ...]:
    """Every node as sinfo would tell it."""
    fleet = scheduler.fleet
    records = []
    for i, name in enumerate(fleet.node_names):
        held = int((scheduler.holder[list(fleet.of_node(i))] > 0).sum())
        flags, model = scheduler.nodes[i], fleet.node_models[i]
        since = time.wall(flags.since) if flags.reason else None
        state = _state(held, fleet.per_node, drain=flags.drain, down=flags.down)
        records.append(DemoNode(name, model.partition, model.name, fleet.per_node, held, state, flags.reason, since))
    return tuple(records)


def _state(held: int, gpus: int, *, drain: bool, down: bool) -> str:
    if down:
        return "down"
    if drain:
        return "draining" if held else "drained"
    return "idle" if not held else "allocated" if held == gpus else "mixed"


def fault_record(hit: Hit, fleet: Fleet, time: StoryTime) -> Fault:
    """The ground truth of one fault."""
    node = fleet.node_names[hit.node]
    gpu = hit.gpus[0] % fleet.per_node if len(hit.gpus) == 1 and not hit.spec.hits_node else None
    return Fault(
        kind=hit.spec.kind,
        node=node,
        gpu=gpu,
        since=time.wall(hit.since),
        until=time.wall(hit.until),
        job=hit.job,
        text=hit.spec.text.format(node=node, gpu=gpu, job=hit.job),
        gpus=tuple(fleet.place(g) for g in hit.gpus),
    )
