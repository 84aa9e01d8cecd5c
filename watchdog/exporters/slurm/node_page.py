"""Nodes, partitions, and what they hold: single nodes, sums by partition, and sums over the cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from watchdog.exporters.slurm.amounts import Amount, added, cpus_of, gpus_by_type, gpus_of, memory_of
from watchdog.model.exposition import family_text, labels_text
from watchdog.model.slurm.records import Node, Snapshot
from watchdog.model.slurm.series import gres_type

MEBIBYTE = 2**20
# vpenso's names of node states, each node in one of them, in the order in which sinfo decides.
_BY_FLAG = (
    ("DRAIN", "drain"), ("FAIL", "fail"), ("MAINTENANCE", "maint"), ("RESERVED", "resv"), ("COMPLETING", "comp"),
    ("PLANNED", "planned"),
)  # fmt: skip
_BY_BASE = {"ALLOCATED": "alloc", "MIXED": "mix", "IDLE": "idle", "DOWN": "down", "ERROR": "err"}
NODE_STATES = ("alloc", "comp", "down", "drain", "err", "fail", "idle", "maint", "mix", "other", "planned", "resv")
_USES = ("alloc", "idle", "other", "total")


def node_word(node: Node) -> str:
    """The one state under which a node is counted."""
    base = _BY_BASE.get(node.state, "other")
    if base in {"down", "err", "other"}:
        return base
    return next((word for flag, word in _BY_FLAG if flag in node.flags), base)


def status_of(node: Node) -> str:
    """As the label `status` of vpenso's series has it: "mixed", "idle+drain"."""
    return "+".join([node.state, *sorted(node.flags)]).lower()


def node_page(snapshot: Snapshot) -> str:
    """Sums over the cluster, by partition, and single nodes under vpenso's names."""
    held = gpus_by_type(snapshot.nodes, snapshot.jobs)
    return _cluster(snapshot.nodes, held) + _partitions(snapshot, held) + _nodes(snapshot.nodes, held)


@dataclass(frozen=True)
class _Resource:
    """One resource under its customary names."""

    name: str
    what: str
    of: Callable[[Node], Amount]


_CPUS = _Resource("slurm_cpus_{}", "CPUs", cpus_of)
_GPUS = _Resource("slurm_gpus_{}", "GPUs", gpus_of)
_MEMORY = _Resource("slurm_memory_{}_bytes", "Bytes of memory", memory_of)
_WORDS = {
    "alloc": "that jobs hold", "idle": "that jobs could have", "other": "that are free on nodes that take no jobs",
    "total": "in all",
}  # fmt: skip


def _cluster(nodes: tuple[Node, ...], held: Mapping[str, Mapping[str, Amount]]) -> str:
    counts = Counter(map(node_word, nodes))
    parts = [
        family_text(f"slurm_nodes_{word}", "gauge", f"Nodes that are {word}, each counted once.", [("", counts[word])])
        for word in NODE_STATES
    ]
    parts.append(family_text("slurm_nodes_total", "gauge", "Nodes.", [("", len(nodes))]))
    for resource in (_CPUS, _GPUS, _MEMORY):
        whole = added(resource.of(node) for node in nodes)
        parts += [
            family_text(resource.name.format(use), "gauge", _text(resource, use), [("", getattr(whole, use))])
            for use in _USES
        ]
    gpus = added(gpus_of(node) for node in nodes)
    if gpus.total:
        share = [("", gpus.alloc / gpus.total)]
        parts.append(family_text("slurm_gpus_utilization", "gauge", "Share of GPUs that jobs hold, 0 to 1.", share))
    by_type = _by_type(nodes, held)
    parts += _uses(
        "slurm_gpu_type_{}", "GPUs by type", [({"gpu_type": kind}, by_type[kind]) for kind in sorted(by_type)]
    )
    return "".join(parts)


def _partitions(snapshot: Snapshot, held: Mapping[str, Mapping[str, Amount]]) -> str:
    members = _members(snapshot)
    cpus = [({"partition": name}, added(map(cpus_of, nodes))) for name, nodes in members.items()]
    memory = [({"partition": name}, added(map(memory_of, nodes))) for name, nodes in members.items()]
    gpus = [
        ({"partition": name, "gpu_type": kind}, amount)
        for name, nodes in members.items()
        for kind, amount in sorted(_by_type(nodes, held).items())
    ]
    states = [
        (labels_text({"partition": name, "state": word}), float(count))
        for name, nodes in members.items()
        for word, count in sorted(Counter(map(node_word, nodes)).items())
    ]
    return "".join(
        (
            *_uses("slurm_partition_cpus_{}", "CPUs of a partition", cpus, alloc="allocated"),
            *_uses("slurm_partition_gpus_{}", "GPUs of a partition", gpus, alloc="allocated"),
            *_uses("slurm_partition_memory_{}_bytes", "Bytes of memory of a partition", memory, alloc="allocated"),
            family_text("slurm_partition_nodes", "gauge", "Nodes of a partition by state.", states),
        )
    )


def _nodes(nodes: Iterable[Node], held: Mapping[str, Mapping[str, Amount]]) -> str:
    labelled = [(node, {"node": node.node, "status": status_of(node)}) for node in nodes]
    cpus = [(labels, cpus_of(node)) for node, labels in labelled if node.cpus is not None]
    memory = [(labels_text(labels), node) for node, labels in labelled]
    total = [(text, n.memory_bytes / MEBIBYTE) for text, n in memory if n.memory_bytes is not None]
    alloc = [(text, n.memory_allocated_bytes / MEBIBYTE) for text, n in memory if n.memory_allocated_bytes is not None]
    used = [
        (labels_text({"node": node, "gres_type": gres_type(kind)}), amount.alloc)
        for node, kinds in held.items()
        for kind, amount in kinds.items()
    ]
    return "".join(
        (
            *_uses("slurm_node_cpu_{}", "CPUs of a node", cpus),
            family_text("slurm_node_mem_total", "gauge", "Memory of a node, MiB.", total),
            family_text("slurm_node_mem_alloc", "gauge", "Memory of a node that jobs hold, MiB.", alloc),
            family_text("slurm_node_gres_used", "gauge", "GPUs of a node that jobs hold, by type.", used),
        )
    )


def _members(snapshot: Snapshot) -> dict[str, list[Node]]:
    """Nodes of each partition, as the nodes tell it; partitions without nodes too."""
    members: dict[str, list[Node]] = {partition.partition: [] for partition in snapshot.partitions}
    for node in snapshot.nodes:
        for name in dict.fromkeys(node.partitions):
            members.setdefault(name, []).append(node)
    return members


def _by_type(nodes: Iterable[Node], held: Mapping[str, Mapping[str, Amount]]) -> dict[str, Amount]:
    sums: dict[str, Amount] = {}
    for node in nodes:
        for kind, amount in held.get(node.node, {}).items():
            sums[kind] = sums.get(kind, Amount()) + amount
    return sums


def _uses(name: str, what: str, amounts: list[tuple[dict[str, str], Amount]], alloc: str = "alloc") -> list[str]:
    """Four families: allocated, idle, other, total."""
    texts = [(labels_text(labels), amount) for labels, amount in amounts]
    return [
        family_text(
            name.format(alloc if use == "alloc" else use),
            "gauge",
            f"{what} {_WORDS[use]}.",
            [(text, getattr(amount, use)) for text, amount in texts],
        )
        for use in _USES
    ]


def _text(resource: _Resource, use: str) -> str:
    return f"{resource.what} {_WORDS[use]}."
