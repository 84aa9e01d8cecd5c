"""Nodes and partitions in JSON: `scontrol show … --json`, `sinfo --json` of 22.05, and slurmrestd."""

from __future__ import annotations

from typing import Any

from watchdog.model.slurm import gres, hostlist
from watchdog.model.slurm.jsonish import Record, at, inner, listed, minutes, number, text, whole, words
from watchdog.model.slurm.problems import Problems
from watchdog.model.slurm.records import UNLIMITED, Node, Partition
from watchdog.model.slurm.states import node_state_of

_MIB = 2**20


def nodes(answer: Any, problems: Problems) -> tuple[Node, ...]:  # noqa: ANN401
    """The nodes in a decoded answer; of one that appears twice the last counts.

    Raises:
        SourceFormatError: the answer has no nodes.
    """
    found: dict[str, Node] = {}
    for record in listed(answer, "nodes"):
        node = _node(record, problems)
        if node.node in found:
            problems.add("a node appears twice", node.node)
        found[node.node] = node
    return tuple(found.values())


def partitions(answer: Any, problems: Problems) -> tuple[Partition, ...]:  # noqa: ANN401
    """The partitions in a decoded answer; newer versions do not say which one is the default.

    Raises:
        SourceFormatError: the answer has no partitions.
    """
    return tuple(_partition(record, problems) for record in listed(answer, "partitions"))


def _node(record: Record, problems: Problems) -> Node:
    name, reason = text(record.get("name")), text(record.get("reason"))
    state, flags = node_state_of([*words(record.get("state")), *words(record.get("state_flags"))])
    if isinstance(record.get("state"), str) and "state_flags" not in record and reason:
        # v0.0.36 tells no flags: a drained node reads "idle", but keeps its reason until it is resumed.
        flags |= {"DRAIN"}
        problems.add("this API version tells no node flags: a node with a reason is taken as drained", name)
    total, kinds, _ = _gpus(record, "gres", problems)
    used, _, indexes = _gpus(record, "gres_used", problems)
    return Node(
        node=name,
        state=state,
        flags=flags,
        partitions=tuple(words(record.get("partitions"))),
        reason=reason,
        # Slurm says "root" of nodes that never had a reason.
        reason_by=text(record.get("reason_set_by_user")) if reason else "",
        reason_at=at(record.get("reason_changed_at")) if reason else None,
        cpus=whole(record.get("cpus")),
        cpus_allocated=whole(record.get("alloc_cpus")),
        memory_bytes=_mebibytes(record.get("real_memory")),
        memory_allocated_bytes=_mebibytes(record.get("alloc_memory")),
        gpus=total,
        gpus_allocated=used,
        gpu_types=tuple((kind, count) for kind, count in kinds if kind),
        gpu_indexes_used=indexes,
        features=text(record.get("features")),
        booted_at=at(record.get("boot_time")),
        version=text(record.get("version")) or text(record.get("slurmd_version")),
    )


def _gpus(
    record: Record, key: str, problems: Problems
) -> tuple[int | None, tuple[tuple[str, int], ...], tuple[int, ...]]:
    if key not in record:
        return None, (), ()
    got = problems.read(lambda said: gres.gpus(gres.gres(said)), text(record[key]), "GPUs of a node")
    return got or (None, (), ())


def _mebibytes(said: Any) -> float | None:  # noqa: ANN401
    value = number(said)
    return None if value is None else value * _MIB


def _partition(record: Record, problems: Problems) -> Partition:
    flat = not isinstance(record.get("nodes"), dict)
    names = record.get("nodes") if flat else inner(record, "nodes", "configured")
    state = record.get("state") if flat else inner(record, "partition", "state")
    modes = words(record.get("preemption_mode"))
    return Partition(
        partition=text(record.get("name")),
        state=text(state).upper(),
        nodes=problems.read(hostlist.expand, text(names), "a partition's node list") or (),
        is_default="default" in [word.lower() for word in words(record.get("flags"))],
        max_time_seconds=_limit(record.get("max_time_limit") if flat else inner(record, "maximums", "time")),
        default_time_seconds=minutes(record.get("default_time_limit") if flat else inner(record, "defaults", "time"))
        or None,
        max_nodes=whole(record.get("maximum_nodes_per_job") if flat else inner(record, "maximums", "nodes")),
        priority_tier=whole(record.get("priority_tier") if flat else inner(record, "priority", "tier")),
        preempt_mode=",".join(modes).upper(),
    )


def _limit(said: Any) -> float | None:  # noqa: ANN401
    """Old versions say -1 for a partition without a limit."""
    return UNLIMITED if isinstance(said, int) and said == -1 else minutes(said)
