"""Series of our own Slurm exporter back into a snapshot."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from watchdog.base.errors import SourceFormatError
from watchdog.model.slurm import series as names
from watchdog.model.slurm.hostlist import expand
from watchdog.model.slurm.records import GpuHold, Job, JobState, Node, Partition, Snapshot
from watchdog.model.slurm.series import Number


@dataclass(frozen=True)
class Sample:
    """One value of one series."""

    labels: Mapping[str, str]
    value: float


@dataclass
class Samples:
    """Samples by the name of their series."""

    by_name: dict[str, list[Sample]] = field(default_factory=lambda: defaultdict(list))

    def add(self, name: str, labels: Mapping[str, str], value: float) -> None:
        """Take one in."""
        self.by_name[name].append(Sample(labels, value))

    def __contains__(self, name: str) -> bool:
        return bool(self.by_name.get(name))

    def of(self, name: str) -> list[Sample]:
        """Samples of a series; none is an empty list."""
        return self.by_name.get(name, [])

    def one(self, name: str) -> float | None:
        """The largest value of a series that should have one; None without any."""
        values = [sample.value for sample in self.of(name) if math.isfinite(sample.value)]
        return max(values, default=None)


def own_snapshot(samples: Samples) -> Snapshot:
    """The snapshot that the exporter wrote.

    Raises:
        SourceFormatError: it does not say when Slurm was read.
    """
    taken_at = _instant(samples.one(names.SNAPSHOT_AT))
    if taken_at is None:
        raise SourceFormatError(
            f"the exporter's {names.SNAPSHOT_AT} is missing",
            hint="Scrape the whole page; a relabelling rule may drop series.",
        )
    problems = tuple(sample.labels.get("problem", "") for sample in samples.of(names.SNAPSHOT_PROBLEM))
    jobs, nodes, partitions = _Jobs(samples), _Nodes(samples), samples.of(names.PARTITION_INFO)
    limits = _numbers(samples, names.PARTITION_NUMBERS, "partition")
    return Snapshot(
        taken_at=taken_at,
        jobs=tuple(jobs.job(s.labels) for s in samples.of(names.JOB_INFO)),
        nodes=tuple(nodes.node(s.labels) for s in samples.of(names.NODE_INFO)),
        partitions=tuple(_partition(s.labels, limits) for s in partitions),
        problems=(*problems, *_cut(samples)),
    )


def _cut(samples: Samples) -> tuple[str, ...]:
    cut = samples.one(names.JOBS_CUT)
    return (f"the exporter left out {cut:.0f} jobs: raise its --max-jobs",) if cut else ()


Numbers = Mapping[str, Mapping[str, Any]]


class _Jobs:
    """What is said of jobs beside their info series, by id."""

    def __init__(self, samples: Samples) -> None:
        self._numbers = _numbers(samples, names.JOB_NUMBERS, "job_id")
        self._indexes: dict[tuple[str, str], list[int]] = defaultdict(list)
        for sample in samples.of(names.JOB_GPU):
            key = (sample.labels.get("job_id", ""), sample.labels.get("node", ""))
            self._indexes[key].append(_whole(sample.labels.get("gpu_index", "")))
        self._holds: dict[str, dict[str, int]] = defaultdict(dict)
        for sample in samples.of(names.JOB_NODE_GPUS):
            self._holds[sample.labels.get("job_id", "")][sample.labels.get("node", "")] = int(sample.value)
        for (job, node), indexes in self._indexes.items():
            self._holds[job].setdefault(node, len(indexes))

    def job(self, labels: Mapping[str, str]) -> Job:
        job_id = labels.get("job_id", "")
        array = labels.get("array_job_id", "")
        return Job(
            job_id=job_id,
            raw_id=_whole(labels.get("raw_id", "") or _digits(job_id)),
            state=_job_state(labels.get("state", "")),
            nodes=expand(labels.get("nodes", "")),
            array_job_id=_whole(array) if array else None,
            holds=tuple(self._hold(job_id, node, count) for node, count in sorted(self._holds[job_id].items())),
            **_texts(labels, names.JOB_TEXTS),
            **self._numbers[job_id],
        )

    def _hold(self, job_id: str, node: str, count: int) -> GpuHold:
        return GpuHold(node, count, tuple(sorted(self._indexes.get((job_id, node), ()))))


class _Nodes:
    """What is said of nodes beside their info series, by name."""

    def __init__(self, samples: Samples) -> None:
        self._numbers = _numbers(samples, names.NODE_NUMBERS, "node")
        self._kinds: dict[str, dict[str, int]] = defaultdict(dict)
        for sample in samples.of(names.NODE_GRES):
            name, _, kind = sample.labels.get("gres_type", "").partition(":")
            if name == names.GPU_GRES:
                self._kinds[sample.labels.get("node", "")][kind] = int(sample.value)
        self._used: dict[str, set[int]] = defaultdict(set)
        for sample in samples.of(names.NODE_GPU_USED):
            self._used[sample.labels.get("node", "")].add(_whole(sample.labels.get("gpu_index", "")))

    def node(self, labels: Mapping[str, str]) -> Node:
        name = labels.get("node", "")
        return Node(
            node=name,
            flags=frozenset(_words(labels.get("flags", ""))),
            partitions=tuple(_words(labels.get("partitions", ""))),
            gpu_types=tuple(sorted(self._kinds[name].items())),
            gpu_indexes_used=tuple(sorted(self._used[name])),
            **_texts(labels, names.NODE_TEXTS),
            **self._numbers[name],
        )


def _partition(labels: Mapping[str, str], numbers: Numbers) -> Partition:
    name = labels.get("partition", "")
    return Partition(
        partition=name,
        nodes=expand(labels.get("nodes", "")),
        is_default=labels.get("is_default", "") == "yes",
        **_texts(labels, names.PARTITION_TEXTS),
        **numbers[name],
    )


def _numbers(samples: Samples, numbers: Iterable[Number], key: str) -> Numbers:
    """Fields by record."""
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for number in numbers:
        for sample in samples.of(number.series):
            value = _value(sample.value, number.kind)
            if value is not None:
                found[sample.labels.get(key, "")][number.field] = value
    return found


def _texts(labels: Mapping[str, str], fields: Iterable[str]) -> dict[str, Any]:
    """Fields of text; a label that is missing is empty."""
    return {name: labels.get(name, "") for name in fields}


def _value(value: float, kind: str) -> int | float | datetime | None:
    if math.isnan(value):
        return None
    if kind == "instant":
        return _instant(value)
    if kind == "int":
        return int(value) if math.isfinite(value) else None
    return value


def _instant(seconds: float | None) -> datetime | None:
    if seconds is None or not math.isfinite(seconds) or not 0 < seconds < 253_402_300_799:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _job_state(text: str) -> JobState:
    return JobState(text) if text in JobState.__members__ else JobState.UNKNOWN


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def _digits(job_id: str) -> str:
    """The leading number of "123_4"."""
    return job_id[: len(job_id) - len(job_id.lstrip("0123456789"))]


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise SourceFormatError(f"a series has {text[:20]!r} for a number", hint="Is this our Slurm exporter's page?")
    return int(text)
