"""Nodes and partitions: scontrol's records, and sinfo's tables held against them.

Nothing reads sinfo's tables into records: scontrol tells the same and more, whatever a reason contains.
"""

import re
from collections.abc import Callable
from pathlib import Path

from tests.unit.sources.slurm_recordings.tables import cut, piped, text
from watchdog.model.slurm import duration, hostlist, scontrol
from watchdog.model.slurm.gres import gpus, gres, memory_bytes
from watchdog.model.slurm.instants import instant
from watchdog.model.slurm.problems import Problems
from watchdog.model.slurm.records import Node
from watchdog.model.slurm.states import NODE_BASES, node_state


def nodes(path: Path):
    found = nodes_of(path)
    assert len(found) == len(re.findall(r"(?m)^NodeName=", text(path)))
    assert all(node.cpus and node.memory_bytes and node.state in NODE_BASES for node in found.values())


def nodes_of(path: Path) -> dict[str, Node]:
    problems = Problems()
    found = {node.node: node for node in scontrol.nodes(text(path), problems)}
    assert problems.words() == ()
    return found


def partitions(path: Path):
    problems = Problems()
    found = scontrol.partitions(text(path), problems)
    assert problems.words() == ()
    assert len(found) == len(re.findall(r"(?m)^PartitionName=", text(path)))
    assert all(part.nodes and part.state and part.max_time_seconds for part in found)


def sinfo(path: Path):
    known = nodes_of(path.parent / "scontrol-node-o.txt")
    for partition, _, limit, count, state, names in (line.split() for line in text(path).splitlines()[1:]):
        assert partition.rstrip("*") in {"gpu", "debug"}
        assert duration.seconds(limit)
        assert len(hostlist.expand(names)) == int(count)
        for name in hostlist.expand(names):
            told(known[name], state)


def sinfo_lower_o(path: Path):
    known = nodes_of(path.parent / "scontrol-node-o.txt")
    for line in text(path).splitlines()[1:]:
        *cells, rest = line.split("|", 14)
        node = known[cells[6]]
        reason, user, at = rest.rsplit("|", 2)
        told(node, cells[4])
        told(node, cells[5])
        assert int(cells[7]) == node.cpus
        assert memory_bytes(cells[9]) == node.memory_bytes
        assert gpus(gres(cells[12]))[:2] == (node.gpus, node.gpu_types)
        assert (cells[13], instant(at)) == (node.features, node.reason_at)
        assert (reason, user) == ((node.reason, node.reason_by) if node.reason else ("none", "Unknown"))


# What these tables show of the flags that a node can have.
SEEN_FLAGS = {"DRAIN", "FAIL", "NOT_RESPONDING", "PLANNED", "INVALID_REG", "RESERVED", "COMPLETING", "MAINTENANCE"}
SINFO_UPPER_O = (12, 10, 18, 10, 40, 20, 40, 16, 10, 10, 10, 8, 40, 10, 22, 12, 8, 10)


def sinfo_upper_o(path: Path):
    known = nodes_of(path.parent / "scontrol-node-o.txt")
    rows = [row for row in list(cut(path, SINFO_UPPER_O))[1:] if row[0]]
    assert {row[0] for row in rows} == set(known)
    for row in rows:
        node = known[row[0]]
        told(node, row[4])
        moving = "completing" in path.parent.name
        assert gpus(gres(row[5]))[0] == node.gpus
        assert moving or gpus(gres(row[6]))[::2] == (node.gpus_allocated, node.gpu_indexes_used)
        assert "N/A" in row[6] or len(node.gpu_indexes_used) == node.gpus_allocated
        assert moving or memory_bytes(row[9]) == node.memory_allocated_bytes
        assert row[17] == node.version


def told(node: Node, state: str):
    """sinfo's word says of a node what its record says: it may hide flags, but never makes one up."""
    base, flags = node_state(state)
    assert base in NODE_BASES
    moving = {"COMPLETING", "PLANNED"}
    assert flags - moving <= node.flags | {"DRAIN"} - ({"DRAIN"} if "DRAIN" not in node.flags else set())
    assert ("DRAIN" in flags) == ("DRAIN" in node.flags) or base == "DOWN"


def sinfo_reasons(path: Path):
    """Why nodes drained, in the state that was recorded then."""
    known = nodes_of(path.parent / "12-nodes-drain" / "scontrol-node-o.txt")
    rows = [line.rsplit("|", 3) for line in text(path).splitlines()[1:]]
    assert rows
    for reason, user, at, names in rows:
        node = known[names]
        assert (reason, user, instant(at)) == (node.reason, node.reason_by, node.reason_at)


def words(state: int | None = None) -> Callable[[Path], None]:
    """Other people's tables of sinfo: each node's state, in this column, and each list of resources is understood."""

    def read(path: Path):
        lines = [line for line in text(path).splitlines() if line.strip()]
        for line in lines:
            cells = re.split(r"\||,(?=[a-z*]+$)", line) if re.search(r"\||^\w+,\w+", line) else line.split()
            for part in re.split(r"[ |,]+(?![^(]*\))", line):
                if part.startswith("gpu:"):
                    count, _, indexes = gpus(gres(part))
                    assert len(indexes) == (count if "IDX:" in part and "N/A" not in part else 0)
            if state is not None:
                base, flags = node_state(cells[state])
                assert base in NODE_BASES - {"UNKNOWN"}
                assert flags <= SEEN_FLAGS
        assert state is not None or not lines or "gpu:" in text(path)

    return read


def site_sinfo(path: Path):
    head, *rows = piped(path)
    places = {name: at for at, name in enumerate(head)}
    for row in rows:
        if len(row) < len(head):
            continue
        assert node_state(row[places["STATE"]])[0] in NODE_BASES
        assert gpus(gres(row[places["GRES"]]))[0] >= 0
        assert duration.seconds(row[places["TIMELIMIT"]])
        assert instant(row[places["TIMESTAMP"]]) or row[places["TIMESTAMP"]] == "Unknown"
