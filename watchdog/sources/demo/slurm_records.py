"""Jobs and nodes of the demo cluster as Slurm's records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from watchdog.model.slurm.records import GpuHold, Job, JobState, Node, Partition, Snapshot
from watchdog.sources.demo.records import DemoJob, DemoNode

# How long Slurm's controller remembers a finished job (MinJobAge).
_REMEMBERED = timedelta(seconds=300)
_CPUS_A_GPU, _BYTES_A_GPU = 12, 120 * 2.0**30
_CPUS_A_NODE, _BYTES_A_NODE = 8, 64 * 2.0**30
_EXIT = {JobState.FAILED: 1, JobState.OUT_OF_MEMORY: 0, JobState.COMPLETED: 0}


def slurm_snapshot(now: datetime, jobs: Sequence[DemoJob], nodes: tuple[DemoNode, ...]) -> Snapshot:
    """What Slurm's controller would tell: the queue, jobs that run or ended a moment ago, and all nodes."""
    types = gpu_types(nodes)
    told = [job for job in jobs if job.ended_at is None or job.ended_at > now - _REMEMBERED]
    return Snapshot(now, tuple(slurm_job(job, types) for job in told), _nodes(nodes, told), _partitions(nodes))


def gpu_types(nodes: Sequence[DemoNode]) -> dict[str, str]:
    """The GPU type of each partition."""
    return {node.partition: node.partition for node in nodes}


def slurm_job(job: DemoJob, types: dict[str, str]) -> Job:
    """The job as Slurm tells it; `types` gives the GPU type of each partition."""
    state = JobState(job.state.value)
    exit_code = _EXIT.get(state) if job.ended_at else None
    return Job(
        job_id=str(job.job_id) if job.array_job_id is None else f"{job.array_job_id}_{job.job_id - job.array_job_id}",
        raw_id=job.job_id,
        name=job.name,
        user=job.user,
        state=state,
        account=job.account,
        partition=job.partition,
        qos="normal",
        reason="" if job.reason == "None" else job.reason,
        nodes=job.nodes,
        node_count=len(job.nodes) or None,
        cpus=job.gpus * _CPUS_A_GPU,
        memory_bytes=job.gpus * _BYTES_A_GPU,
        gpus=job.gpus,
        gpu_type=types.get(job.partition, ""),
        holds=_holds(job),
        submitted_at=job.submitted_at,
        started_at=job.started_at,
        ended_at=job.ended_at,
        time_limit_seconds=job.time_limit_seconds,
        exit_code=exit_code,
        signal=None if exit_code is None else 0,
        array_job_id=job.array_job_id,
    )


def _holds(job: DemoJob) -> tuple[GpuHold, ...]:
    places: dict[str, list[int]] = defaultdict(list)
    for node, index in job.held:
        places[node].append(index)
    return tuple(GpuHold(node, len(indexes), tuple(sorted(indexes))) for node, indexes in places.items())


def _nodes(nodes: tuple[DemoNode, ...], jobs: list[DemoJob]) -> tuple[Node, ...]:
    used: dict[str, list[int]] = defaultdict(list)
    for job in jobs:
        if job.started_at and not job.ended_at:
            for node, index in job.held:
                used[node].append(index)
    return tuple(_node(node, tuple(sorted(used[node.name]))) for node in nodes)


def _node(node: DemoNode, used: tuple[int, ...]) -> Node:
    drains = node.state in {"draining", "drained"}
    state = "DOWN" if node.state == "down" else "MIXED" if node.gpus_held else "IDLE"
    flags = {"DRAIN"} if drains else {"NOT_RESPONDING"} if state == "DOWN" else set()
    return Node(
        node=node.name,
        state=state,
        flags=frozenset(flags),
        partitions=(node.partition,),
        reason=node.reason,
        reason_by="root" if drains else "slurm" if node.reason else "",
        reason_at=node.since,
        cpus=node.gpus * _CPUS_A_GPU + _CPUS_A_NODE,
        cpus_allocated=node.gpus_held * _CPUS_A_GPU,
        memory_bytes=node.gpus * _BYTES_A_GPU + _BYTES_A_NODE,
        memory_allocated_bytes=node.gpus_held * _BYTES_A_GPU,
        gpus=node.gpus,
        gpus_allocated=node.gpus_held,
        gpu_types=((node.partition, node.gpus),),
        gpu_indexes_used=used,
    )


def _partitions(nodes: tuple[DemoNode, ...]) -> tuple[Partition, ...]:
    members: dict[str, list[str]] = defaultdict(list)
    for node in nodes:
        members[node.partition].append(node.name)
    return tuple(
        Partition(name, "UP", tuple(names), is_default=number == 0, max_time_seconds=14 * 86400.0)
        for number, (name, names) in enumerate(members.items())
    )
