"""How much of a resource is allocated, idle, or out of reach."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from watchdog.model.slurm.records import Job, Node


@dataclass(frozen=True, slots=True)
class Amount:
    """Allocated to jobs, free where jobs may start, and free where none may (sinfo's A/I/O)."""

    alloc: float = 0.0
    idle: float = 0.0
    other: float = 0.0

    @property
    def total(self) -> float:
        """All of it."""
        return self.alloc + self.idle + self.other

    def __add__(self, more: Amount) -> Amount:
        return Amount(self.alloc + more.alloc, self.idle + more.idle, self.other + more.other)


NOTHING = Amount()


def added(amounts: Iterable[Amount]) -> Amount:
    """The sum."""
    return sum(amounts, NOTHING)


def cpus_of(node: Node) -> Amount:
    """CPUs of a node; none where Slurm does not say."""
    return _amount(node, node.cpus, node.cpus_allocated)


def memory_of(node: Node) -> Amount:
    """Bytes of memory of a node."""
    return _amount(node, node.memory_bytes, node.memory_allocated_bytes)


def gpus_of(node: Node) -> Amount:
    """GPUs of a node, of all types."""
    return _amount(node, node.gpus, node.gpus_allocated)


def _amount(node: Node, total: float | None, allocated: float | None) -> Amount:
    if total is None:
        return NOTHING
    # A node may hold more than it now has, when its hardware shrank under a job.
    alloc = min(allocated or 0.0, total)
    free = total - alloc
    return Amount(alloc, free, 0.0) if node.takes_work else Amount(alloc, 0.0, free)


Typed = Mapping[str, Amount]


def gpus_by_type(nodes: Iterable[Node], jobs: Iterable[Job]) -> dict[str, Typed]:
    """GPUs by node, then by type.

    Slurm tells a node's GPUs in use without their type. On a node with several types the jobs there tell; what they
    do not explain is counted under all its types together ("a100+h100").
    """
    held = _held(jobs)
    return {node.node: _typed(node, held.get(node.node, {})) for node in nodes if node.gpus}


def _held(jobs: Iterable[Job]) -> dict[str, dict[str, int]]:
    held: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for job in jobs:
        for hold in job.holds:
            held[hold.node][job.gpu_type] += hold.count
    return held


def _typed(node: Node, held: Mapping[str, int]) -> Typed:
    whole = gpus_of(node)
    kinds = dict(node.gpu_types)
    if len(kinds) < 2 or sum(kinds.values()) != node.gpus:
        return {"+".join(kinds): whole}
    if any(held.get(kind, 0) > count for kind, count in kinds.items()) or sum(held.values()) != whole.alloc:
        return {"+".join(sorted(kinds)): whole}
    if not set(held) <= set(kinds):
        return {"+".join(sorted(kinds)): whole}
    return {kind: _amount(node, count, held.get(kind, 0)) for kind, count in kinds.items()}
