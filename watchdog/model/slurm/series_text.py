"""A snapshot of Slurm in Prometheus' text format; `sources.slurm_series` reads it back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from watchdog.model.exposition import family_text, labels_text
from watchdog.model.slurm import series as names
from watchdog.model.slurm.hostlist import compress
from watchdog.model.slurm.records import Job, Node, Partition, Snapshot
from watchdog.model.slurm.series import Number

Samples = Iterable[tuple[str, float]]


def snapshot_text(snapshot: Snapshot) -> str:
    """Every job, node and partition; of records with one key only the first is written."""
    return "".join(snapshot_parts(snapshot))


def snapshot_parts(snapshot: Snapshot) -> Iterator[str]:
    """The same, a family at a time: as one text it takes four times its bytes if one name holds an emoji."""
    yield _gauge(names.SNAPSHOT_AT, "When Slurm was read.", [("", snapshot.taken_at.timestamp())])
    problems = ((labels_text({"problem": problem}), 1.0) for problem in dict.fromkeys(snapshot.problems))
    yield _gauge(names.SNAPSHOT_PROBLEM, "What could not be read or was cut.", problems)
    yield from _jobs(list({job.job_id: job for job in reversed(snapshot.jobs)}.values())[::-1])
    yield from _nodes(list({node.node: node for node in reversed(snapshot.nodes)}.values())[::-1])
    yield from _partitions(list({p.partition: p for p in reversed(snapshot.partitions)}.values())[::-1])


def _jobs(jobs: Sequence[Job]) -> Iterator[str]:
    """Info series, numbers and GPUs of these jobs, whose ids differ."""
    keys = [labels_text({"job_id": job.job_id}) for job in jobs]
    yield _gauge(
        names.JOB_INFO,
        "A job that waits, runs, or ended a moment ago.",
        ((labels_text(job_labels(job)), 1.0) for job in jobs),
    )
    yield from (_numbers(number, jobs, keys) for number in names.JOB_NUMBERS)
    counts = (
        (labels_text({"job_id": job.job_id, "node": hold.node}), float(hold.count))
        for job in jobs
        for hold in job.holds
    )
    yield _gauge(names.JOB_NODE_GPUS, "GPUs of a node that a job holds.", counts)
    held = (
        (labels_text({"job_id": job.job_id, "node": hold.node, "gpu_index": str(index)}), 1.0)
        for job in jobs
        for hold in job.holds
        for index in hold.indexes
    )
    yield _gauge(names.JOB_GPU, "A GPU that a job holds, by its place in the node.", held)


def _nodes(nodes: Sequence[Node]) -> Iterator[str]:
    """Info series, numbers and GPUs in use of these nodes, whose names differ."""
    keys = [labels_text({"node": node.node}) for node in nodes]
    yield _gauge(
        names.NODE_INFO,
        "A node's state and why it takes no work.",
        ((labels_text(node_labels(node)), 1.0) for node in nodes),
    )
    yield from (_numbers(number, nodes, keys) for number in names.NODE_NUMBERS)
    kinds = (
        (labels_text({"node": node.node, "gres_type": names.gres_type(kind)}), float(count))
        for node in nodes
        for kind, count in node.gpu_types
    )
    yield _gauge(names.NODE_GRES, "GPUs of a node by type.", kinds)
    used = (
        (labels_text({"node": node.node, "gpu_index": str(index)}), 1.0)
        for node in nodes
        for index in node.gpu_indexes_used
    )
    yield _gauge(names.NODE_GPU_USED, "A GPU that some job holds, by its place in the node.", used)


def _partitions(partitions: Sequence[Partition]) -> Iterator[str]:
    """Info series and limits of these partitions, whose names differ."""
    keys = [labels_text({"partition": partition.partition}) for partition in partitions]
    info = ((labels_text(partition_labels(partition)), 1.0) for partition in partitions)
    yield _gauge(names.PARTITION_INFO, "A partition's state and nodes.", info)
    yield from (_numbers(number, partitions, keys) for number in names.PARTITION_NUMBERS)


def job_labels(job: Job) -> dict[str, str]:
    """What `slurm_job_info` says of a job."""
    labels = {
        "job_id": job.job_id,
        "raw_id": str(job.raw_id),
        "state": str(job.state),
        "nodes": compress(job.nodes),
        "array_job_id": "" if job.array_job_id is None else str(job.array_job_id),
        **{name: getattr(job, name) for name in names.JOB_TEXTS},
    }
    return _said(labels)


def node_labels(node: Node) -> dict[str, str]:
    """What `slurm_node_info` says of a node."""
    sets = {"flags": ",".join(sorted(node.flags)), "partitions": ",".join(node.partitions)}
    return _said({"node": node.node, **sets, **{name: getattr(node, name) for name in names.NODE_TEXTS}})


def partition_labels(partition: Partition) -> dict[str, str]:
    """What `slurm_partition_info` says of a partition."""
    labels = {
        "partition": partition.partition,
        "nodes": compress(partition.nodes),
        "is_default": "yes" if partition.is_default else "",
        **{name: getattr(partition, name) for name in names.PARTITION_TEXTS},
    }
    return _said(labels)


def _said(labels: dict[str, str]) -> dict[str, str]:
    """Without empty ones: to Prometheus they are the same as none."""
    return {name: value for name, value in labels.items() if value}


def _numbers(number: Number, records: Sequence[object], keys: Sequence[str]) -> str:
    values = (getattr(record, number.field) for record in records)
    samples = ((key, _number(value)) for key, value in zip(keys, values, strict=True) if value is not None)
    return _gauge(number.series, number.text, samples)


def _number(value: Any) -> float:  # noqa: ANN401 (a field of any record)
    return value.timestamp() if isinstance(value, datetime) else float(value)


def _gauge(name: str, text: str, samples: Samples) -> str:
    return family_text(name, "gauge", text, samples)
