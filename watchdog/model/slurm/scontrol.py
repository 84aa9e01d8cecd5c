"""Nodes and partitions as `scontrol show` prints them, on one line each or on many."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo

from watchdog.model.slurm import duration, hostlist
from watchdog.model.slurm.gres import gpus, gres, memory_bytes, tres_gpus
from watchdog.model.slurm.instants import instant
from watchdog.model.slurm.problems import Problems
from watchdog.model.slurm.records import Node, Partition
from watchdog.model.slurm.squeue import said, whole
from watchdog.model.slurm.states import node_state

# All nodes at once, always: asked for one, slurmctld tells an allocation that may be long over.
NODE_ARGUMENTS = ("scontrol", "--all", "--details", "show", "node")
PARTITION_ARGUMENTS = ("scontrol", "--all", "show", "partition")

_PAIR = re.compile(r"(?:^|\s)([A-Za-z][\w:/]*)=(\S*)")
_FREE_TEXT = re.compile(r"\s(?:Reason|Comment|Extra)=")
_REASON = re.compile(r"\sReason=(.*) \[([^\[\]\n]*)@([^\[\]\n@]*)\]", re.DOTALL)


def nodes(text: str, problems: Problems, zone: tzinfo = UTC) -> tuple[Node, ...]:
    """The nodes in what `NODE_ARGUMENTS` printed; of one that appears twice the last counts."""
    found: dict[str, Node] = {}
    for name, record in _records(text, "NodeName"):
        if name in found:
            problems.add("a node appears twice", name)
        found[name] = _node(name, record, zone, problems)
    return tuple(found.values())


def partitions(text: str, problems: Problems) -> tuple[Partition, ...]:
    """The partitions in what `PARTITION_ARGUMENTS` printed."""
    return tuple(_partition(name, record, problems) for name, record in _records(text, "PartitionName"))


def _records(text: str, key: str) -> Iterator[tuple[str, str]]:
    for record in re.split(rf"(?m)^{key}=", text)[1:]:
        name = record.split(maxsplit=1)[0] if record.strip() else ""
        if name:
            yield name, record


def _pairs(record: str) -> dict[str, str]:
    """`Key=value` before any text that people write; the first of a key counts."""
    end = _FREE_TEXT.search(record)
    pairs: dict[str, str] = {}
    for key, value in _PAIR.findall(record[: end.start()] if end else record):
        pairs.setdefault(key, value)
    return pairs


def _node(name: str, record: str, zone: tzinfo, problems: Problems) -> Node:
    pairs, read = _pairs(record), problems.read
    if "State" not in pairs:
        problems.add("a node's record was cut off", name)
    state, flags = node_state(pairs.get("State", ""))
    total, kinds, _ = read(lambda text: gpus(gres(text)), pairs.get("Gres", ""), "GPUs of a node") or (None, (), ())
    used, indexes = _used(pairs, problems)
    reason, by, at = _reason(record, zone, problems)
    return Node(
        node=name,
        state=state,
        flags=flags,
        partitions=tuple(part for part in pairs.get("Partitions", "").split(",") if part),
        reason=reason,
        reason_by=by,
        reason_at=at,
        cpus=whole(pairs.get("CPUTot", "")),
        cpus_allocated=whole(pairs.get("CPUAlloc", "")),
        memory_bytes=read(memory_bytes, pairs.get("RealMemory", ""), "memory of a node"),
        memory_allocated_bytes=read(memory_bytes, pairs.get("AllocMem", ""), "memory of a node"),
        gpus=total if "Gres" in pairs else None,
        gpus_allocated=used,
        gpu_types=tuple((kind, count) for kind, count in kinds if kind),
        gpu_indexes_used=indexes,
        features=said(pairs.get("AvailableFeatures", "")),
        booted_at=read(lambda text: instant(text, zone), pairs.get("BootTime", ""), "a node's boot"),
        version=said(pairs.get("Version", "")),
    )


def _used(pairs: dict[str, str], problems: Problems) -> tuple[int | None, tuple[int, ...]]:
    """GPUs in use, and which: GresUsed says both; without --details only AllocTRES says how many."""
    if "GresUsed" in pairs:
        got = problems.read(lambda text: gpus(gres(text)), pairs["GresUsed"], "GPUs in use of a node")
        return (got[0], got[2]) if got else (None, ())
    if "AllocTRES" not in pairs:
        return None, ()
    got_tres = problems.read(tres_gpus, pairs["AllocTRES"], "GPUs in use of a node")
    return (got_tres[0] if got_tres else None), ()


def _reason(record: str, zone: tzinfo, problems: Problems) -> tuple[str, str, datetime | None]:
    match = _REASON.search(record)
    if match:
        at = problems.read(lambda text: instant(text, zone), match[3], "the time of a node's reason")
        return match[1], match[2], at
    plain = re.search(r"\sReason=([^\n]*)", record)
    return (said(plain[1].strip()) if plain else ""), "", None


def _partition(name: str, record: str, problems: Problems) -> Partition:
    pairs, read = _pairs(record), problems.read
    limit = read(duration.seconds, pairs.get("MaxTime", ""), "a partition's time limit")
    return Partition(
        partition=name,
        state=pairs.get("State", ""),
        nodes=read(hostlist.expand, pairs.get("Nodes", ""), "a partition's node list") or (),
        is_default=pairs.get("Default", "") == "YES",
        max_time_seconds=limit,
        default_time_seconds=read(duration.seconds, pairs.get("DefaultTime", ""), "a partition's default time"),
        max_nodes=whole(pairs.get("MaxNodes", "")),
        priority_tier=whole(pairs.get("PriorityTier", "")),
        preempt_mode=said(pairs.get("PreemptMode", "")),
    )
