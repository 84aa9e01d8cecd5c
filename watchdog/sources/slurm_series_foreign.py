"""Other people's Slurm exporters: the nodes, partitions and numbers of jobs that each of them tells.

None of them tells all: a snapshot of theirs says in `problems` what stays unknown.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from watchdog.model.slurm.records import Job, JobState, Node, Partition, QueueCount, Snapshot
from watchdog.model.slurm.states import job_state, node_state
from watchdog.sources.slurm_series_read import Samples

_MEBIBYTE = 2**20
_STATES = {
    "pending": JobState.PENDING, "running": JobState.RUNNING, "suspended": JobState.SUSPENDED,
    "cancelled": JobState.CANCELLED, "completing": JobState.COMPLETING, "completed": JobState.COMPLETED,
    "configuring": JobState.CONFIGURING, "failed": JobState.FAILED, "timeout": JobState.TIMEOUT,
    "preempted": JobState.PREEMPTED, "node_fail": JobState.NODE_FAIL, "node_failed": JobState.NODE_FAIL,
    "nodefail": JobState.NODE_FAIL, "outofmemory": JobState.OUT_OF_MEMORY, "out_of_memory": JobState.OUT_OF_MEMORY,
    "deadline": JobState.DEADLINE, "bootfail": JobState.BOOT_FAIL,
}  # fmt: skip
_NO_JOBS = "it names no single jobs: only how many there are"
_NO_GPUS = "it does not tell which node's GPUs are in use"


@dataclass(frozen=True)
class Dialect:
    """How one exporter calls things.

    Attributes:
        marker: a series that only this exporter has.
        cpus, cpus_alloc, memory, memory_alloc, gpus, gpus_alloc: a node's series; "" where it has none.
        memory_unit: bytes in one of its units of memory, whatever the name says.
        queue: patterns of series of jobs by state, the first that exists is used.
        states: series with the state as a label, instead.
        partitions: series with a label `partition`.
        unknown: what it does not tell.
    """

    title: str
    marker: str
    cpus: str = ""
    cpus_alloc: str = ""
    memory: str = ""
    memory_alloc: str = ""
    memory_unit: float = 1.0
    gpus: str = ""
    gpus_alloc: str = ""
    node_label: str = "node"
    queue: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()
    unknown: tuple[str, ...] = (_NO_JOBS,)


# The order matters: names collide, and the first whose marker is there is taken.
DIALECTS = (
    Dialect(
        "SckyzO's slurm_exporter", "slurm_exporter_collector_success",
        "slurm_node_cpu_total", "slurm_node_cpu_alloc", "slurm_node_mem_total", "slurm_node_mem_alloc", _MEBIBYTE,
        "slurm_node_gres_total", "slurm_node_gres_used", queue=("slurm_queue_{}",),
        partitions=("slurm_partition_cpus_total", "slurm_partition_cpus_allocated"),
    ),
    Dialect(
        "rivosinc's prometheus-slurm-exporter", "slurm_node_count_per_state",
        states=("slurm_partition_job_state_total", "slurm_account_job_state_total"),
        partitions=("slurm_partition_total_cpus",), unknown=(_NO_JOBS, "it tells of no single nodes"),
    ),
    Dialect(
        "Slinky's slurm-exporter", "slurm_nodes_allocated_total",
        "slurm_node_cpus_total", "slurm_node_cpus_alloc_total", "slurm_node_memory_bytes",
        "slurm_node_memory_alloc_bytes", _MEBIBYTE, queue=("slurm_partition_jobs_{}_total", "slurm_jobs_{}_total"),
        partitions=("slurm_partition_nodes_total",), unknown=(_NO_JOBS, _NO_GPUS, "it tells no states of single nodes"),
    ),
    Dialect(
        "slurmctld itself", "slurm_schedule_cycle_cnt",
        "slurm_node_cpus", "slurm_node_cpus_alloc", "slurm_node_memory_bytes", "slurm_node_memory_alloc_bytes", 1.0,
        "slurm_node_gpus", "slurm_node_gpus_alloc", queue=("slurm_partition_jobs_{}", "slurm_jobs_{}"),
        partitions=("slurm_partition_nodes", "slurm_partition_cpus"),
        unknown=(_NO_JOBS, "it tells no states of single nodes"),
    ),
    Dialect(
        "soperator's exporter", "slurm_node_info",
        "slurm_node_cpus_total", "slurm_node_cpus_allocated", "slurm_node_memory_total_bytes",
        "slurm_node_memory_allocated_bytes", node_label="node_name", unknown=(_NO_GPUS,),
    ),
    Dialect(
        "vpenso's prometheus-slurm-exporter", "slurm_scheduler_threads",
        "slurm_node_cpu_total", "slurm_node_cpu_alloc", "slurm_node_mem_total", "slurm_node_mem_alloc", _MEBIBYTE,
        queue=("slurm_queue_{}",), partitions=("slurm_partition_cpus_total",), unknown=(_NO_JOBS, _NO_GPUS),
    ),
)  # fmt: skip
# Pages of slurmctld that are scraped alone have no series of the scheduler.
_SLURMCTLD_PAGES = ("slurm_node_cpus_effective", "slurm_jobs_bootfail", "slurm_nodes_dyn_normal")
_DRAIN_REASON, _DRAIN_SINCE = "slurm_node_drain_reason_info", "slurm_node_drain_since_timestamp_seconds"
_NODE_STATUS = "slurm_node_status"
_NODE_INFO, _JOB_INFO, _NODE_JOB = "slurm_node_info", "slurm_job_info", "slurm_node_job"
FOREIGN_NAMES = frozenset(
    name
    for dialect in DIALECTS
    for name in (
        dialect.marker, dialect.cpus, dialect.cpus_alloc, dialect.memory, dialect.memory_alloc, dialect.gpus,
        dialect.gpus_alloc, *dialect.states, *dialect.partitions,
        *(pattern.format(word) for pattern in dialect.queue for word in _STATES),
    )
    if name
) | {*_SLURMCTLD_PAGES, _DRAIN_REASON, _DRAIN_SINCE, _NODE_STATUS, _NODE_INFO, _JOB_INFO, _NODE_JOB}  # fmt: skip


def dialect_of(samples: Samples) -> Dialect | None:
    """Whose series these are; None for nobody's that we know."""
    for dialect in DIALECTS:
        if dialect.marker in samples or (
            dialect.title == "slurmctld itself" and any(name in samples for name in _SLURMCTLD_PAGES)
        ):
            return dialect
    return None


def foreign_snapshot(samples: Samples, dialect: Dialect, taken_at: datetime) -> Snapshot:
    """What it tells, with `problems` for what it does not."""
    jobs = _jobs(samples) if dialect.node_label == "node_name" else ()
    return Snapshot(
        taken_at=taken_at,
        jobs=jobs,
        nodes=_nodes(samples, dialect),
        partitions=_partitions(samples, dialect),
        problems=tuple(f"read from {dialect.title}: {what}" for what in dialect.unknown),
        queue=() if jobs else _queue(samples, dialect),
    )


def _nodes(samples: Samples, dialect: Dialect) -> tuple[Node, ...]:
    """A node in several partitions appears once for each of them: the largest value counts, never the sum."""
    cpus, cpus_alloc = _by_node(samples, dialect, dialect.cpus), _by_node(samples, dialect, dialect.cpus_alloc)
    memory, memory_alloc = _by_node(samples, dialect, dialect.memory), _by_node(samples, dialect, dialect.memory_alloc)
    gpus, used = _gpus(samples, dialect, dialect.gpus), _gpus(samples, dialect, dialect.gpus_alloc)
    told = _NodeTexts(samples, dialect)
    unit = dialect.memory_unit
    return tuple(
        replace(
            told.node(name),
            cpus=_count(cpus.get(name)),
            cpus_allocated=_count(cpus_alloc.get(name)),
            memory_bytes=_scaled(memory.get(name), unit),
            memory_allocated_bytes=_scaled(memory_alloc.get(name), unit),
            gpus=sum(gpus[name].values()) if name in gpus else None,
            gpus_allocated=sum(used[name].values()) if name in used else None,
            gpu_types=tuple(sorted((kind, count) for kind, count in gpus.get(name, {}).items() if kind)),
        )
        for name in sorted({*cpus, *memory, *gpus, *told.names})
    )


class _NodeTexts:
    """States, partitions and reasons of nodes."""

    def __init__(self, samples: Samples, dialect: Dialect) -> None:
        self._status: dict[str, str] = {}
        self._partitions: dict[str, dict[str, None]] = defaultdict(dict)
        for sample in (*samples.of(dialect.cpus_alloc), *samples.of(dialect.cpus), *samples.of(_NODE_STATUS)):
            name = sample.labels.get(dialect.node_label, "")
            self._status[name] = sample.labels.get("status", "") or self._status.get(name, "")
            if partition := sample.labels.get("partition", ""):
                self._partitions[name][partition] = None
        self._info = {s.labels.get("node_name", ""): s.labels for s in samples.of(_NODE_INFO)}
        self._reasons = {s.labels.get("node", ""): s.labels.get("reason", "") for s in samples.of(_DRAIN_REASON)}
        self._since = {s.labels.get("node", ""): s.value for s in samples.of(_DRAIN_SINCE)}
        self.names = {*self._info, *self._status} - {""}

    def node(self, name: str) -> Node:
        state, flags = node_state(self._status.get(name, "") or _soperator_state(self._info.get(name, {})))
        since = self._since.get(name, 0.0)
        return Node(
            node=name,
            state=state,
            flags=flags,
            partitions=tuple(sorted(self._partitions.get(name, ()))),
            reason=self._reasons.get(name, "") or self._info.get(name, {}).get("reason", ""),
            reason_at=datetime.fromtimestamp(since, UTC) if 0 < since < 4e9 else None,
        )


def _soperator_state(labels: Mapping[str, str]) -> str:
    flags = [
        name.removeprefix("state_is_")
        for name, value in labels.items()
        if name.startswith("state_is_") and value == "true"
    ]
    return "+".join([labels.get("state_base", ""), *flags])


def _by_node(samples: Samples, dialect: Dialect, name: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for sample in samples.of(name):
        node = sample.labels.get(dialect.node_label, "")
        if node and math.isfinite(sample.value):
            found[node] = max(sample.value, found.get(node, 0.0))
    return found


def _gpus(samples: Samples, dialect: Dialect, name: str) -> dict[str, dict[str, int]]:
    """GPUs by node and type; the type "" stands for all."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for sample in samples.of(name):
        gres, _, kind = sample.labels.get("gres_type", "gpu").partition(":")
        if gres == "gpu" and math.isfinite(sample.value):
            kinds = found[sample.labels.get(dialect.node_label, "")]
            kinds[kind] = max(int(sample.value), kinds.get(kind, 0))
    return found


def _partitions(samples: Samples, dialect: Dialect) -> tuple[Partition, ...]:
    names = {sample.labels.get("partition", "") for name in dialect.partitions for sample in samples.of(name)} - {""}
    return tuple(Partition(partition=name, state="UNKNOWN") for name in sorted(names))


def _queue(samples: Samples, dialect: Dialect) -> tuple[QueueCount, ...]:
    for pattern in dialect.queue:
        counts = tuple(
            _queue_count(state, sample.labels, sample.value)
            for word, state in _STATES.items()
            for sample in samples.of(pattern.format(word))
            if math.isfinite(sample.value) and sample.value > 0
        )
        if counts:
            return counts
    for name in dialect.states:
        if name in samples:
            rows = [sample for sample in samples.of(name) if math.isfinite(sample.value) and sample.value > 0]
            return tuple(_queue_count(job_state(s.labels.get("state", "")), s.labels, s.value) for s in rows)
    return ()


def _queue_count(state: JobState, labels: Mapping[str, str], value: float) -> QueueCount:
    said: Callable[[str], str] = lambda name: labels.get(name, "")  # noqa: E731 (shorter than four calls)
    return QueueCount(state, int(value), said("partition"), said("user"), said("account"), said("reason"))


def _jobs(samples: Samples) -> tuple[Job, ...]:
    """Soperator tells jobs and their nodes."""
    nodes: dict[str, list[str]] = defaultdict(list)
    for sample in samples.of(_NODE_JOB):
        nodes[sample.labels.get("job_id", "")].append(sample.labels.get("node_name", ""))
    jobs = []
    for sample in samples.of(_JOB_INFO):
        labels = sample.labels
        job_id = labels.get("job_id", "")
        if job_id.isascii() and job_id.isdecimal():
            jobs.append(
                Job(
                    job_id=job_id,
                    raw_id=int(job_id),
                    name=labels.get("job_name", ""),
                    user=labels.get("user_name", ""),
                    state=job_state(labels.get("job_state", "")),
                    partition=labels.get("slurm_partition", ""),
                    reason=labels.get("job_state_reason", "").removeprefix("None"),
                    nodes=tuple(sorted(nodes.get(job_id, ()))),
                )
            )
    return tuple(jobs)


def _count(value: float | None) -> int | None:
    return None if value is None else int(value)


def _scaled(value: float | None, unit: float) -> float | None:
    return None if value is None else value * unit
