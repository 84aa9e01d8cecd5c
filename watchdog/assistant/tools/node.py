"""How is one node, and what happened to it?"""

from __future__ import annotations

from typing import Any

import pandas as pd
from pydantic import Field

from watchdog.assistant.desk import Desk
from watchdog.assistant.quoting import named
from watchdog.assistant.records import Column, Evidence
from watchdog.assistant.toolbox import Tool
from watchdog.assistant.tools.answer import Asked, answer, span, when
from watchdog.assistant.tools.gpus import nodes_hint
from watchdog.base.errors import StoreError, ToolError
from watchdog.model.health import GpuState
from watchdog.model.telemetry import Window
from watchdog.store.node_states import NodeStateStore

COLUMNS = (
    Column("node", "node"),
    Column("condition", "for work"),
    Column("slurm_state", "Slurm's state"),
    Column("reason", "Slurm's reason"),
    Column("reason_by", "set by"),
    Column("out_since", "out of service since"),
    Column("times_out_30d", "times out of service in 30 days"),
    Column("partitions", "partitions"),
    Column("gpus", "GPUs"),
    Column("gpus_allocated", "GPUs that jobs hold"),
    Column("cpus", "CPUs"),
    Column("cpus_allocated", "CPUs that jobs hold"),
    Column("memory_bytes", "main memory", "bytes"),
    Column("memory_allocated_bytes", "main memory that jobs hold", "bytes"),
    Column("gpus_seen", "GPUs that report"),
    *(Column(f"gpus_{state.value.replace(' ', '_')}", f"GPUs {state.value}") for state in GpuState),
    Column("mean_busy_ratio", "mean utilization", "ratio"),
    Column("power_watts", "power of its GPUs", "watts"),
    Column("hottest_celsius", "hottest GPU", "celsius"),
    Column("booted_at", "booted"),
)
HISTORY = (
    Column("changed_at", "from"),
    Column("state", "state"),
    Column("flags", "flags"),
    Column("reason", "reason"),
    Column("reason_by", "set by"),
)


class NodeAsked(Asked):
    """Which node."""

    node: str = Field(min_length=1, max_length=253, description="Slurm's short node name.")


class NodeHistoryAsked(NodeAsked):
    """Which node, how far back."""

    days: float = Field(7.0, gt=0, le=90, description="How many days back.")


def node(desk: Desk, asked: NodeAsked) -> Evidence:
    """One row; ToolError for a node that nobody knows, SourceError."""
    desk = desk.moved(asked.at)
    seen, newest, notes = _gpus(desk, asked.node)
    told, more = _slurm(desk, asked.node)
    if not seen and not told:
        raise ToolError(f"no node {named(asked.node)} is known", hint=nodes_hint(desk.fleet().cells))
    return answer(
        "node",
        desk,
        asked,
        title=f"Node {named(asked.node)} {when(desk)}",
        query="services.slurm_nodes, services.fleet",
        columns=COLUMNS,
        rows=[seen | told],
        newest=newest,
        marks=(*notes, *more),
        page="gpus",
        parameters={"node": asked.node},
    )


def _gpus(desk: Desk, name: str) -> tuple[dict[str, Any], Any, tuple[str, ...]]:
    fleet = desk.fleet()
    cells = fleet.cells[fleet.cells["node"] == name]
    if not len(cells):
        return {}, None, (f"No GPU of node {named(name)} is known.",)
    counts = cells["state"].value_counts()
    newest = cells["sampled_at"].max()
    row: dict[str, Any] = {
        f"gpus_{state.value.replace(' ', '_')}": int(counts.get(state.value, 0)) for state in GpuState
    }
    row |= {
        "node": name,
        "gpus": len(cells),
        "gpus_seen": int(cells["sampled_at"].notna().sum()),
        "mean_busy_ratio": float(cells["busy_ratio"].mean()),
        "power_watts": float(cells["power_watts"].sum(min_count=1)),
        "hottest_celsius": float(cells["gpu_temperature_celsius"].max()),
    }
    return row, None if pd.isna(newest) else newest.to_pydatetime(), fleet.incomplete


def _slurm(desk: Desk, name: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    try:
        nodes = desk.nodes().nodes
    except (ToolError, StoreError) as error:
        return {}, (f"What Slurm says of it is unknown: {error}.",)
    rows = nodes[nodes["node"] == name].to_dict("records")
    if not rows:
        return {}, (f"Slurm knows no node {named(name)}.",)
    row = {str(key): value for key, value in rows[0].items()}
    flags = f" ({row['flags']})" if row["flags"] else ""
    kept = {
        column.name: row[column.name] for column in COLUMNS if column.name in row and not _missing(row[column.name])
    }
    return kept | {"slurm_state": f"{row['state']}{flags}"}, ()


def _missing(value: Any) -> bool:  # noqa: ANN401 (a cell)
    return bool(pd.isna(value))


def node_history(desk: Desk, asked: NodeHistoryAsked) -> Evidence:
    """A row a change of the node's state, newest first; StoreError where there is no history."""
    desk = desk.moved(asked.at)
    window = Window(desk.window(24 * asked.days).since, desk.at)
    states = NodeStateStore(desk.reads.history.store()).states(window)
    rows = states[states["node"] == asked.node].sort_values("changed_at", ascending=False, kind="stable")
    if not len(rows) and asked.node not in set(desk.gpus()["node"].astype(str)):
        raise ToolError(f"no node {named(asked.node)} is known", hint=nodes_hint(desk.gpus()))
    return answer(
        "node_history",
        desk,
        asked,
        title=f"States of node {named(asked.node)} in Slurm, {span(window)}",
        query="store.node_states",
        columns=HISTORY,
        rows=rows,
        window=window,
        marks=[] if len(rows) else ["Unknown: no state of it was seen in this window."],
        page="slurm",
    )


TOOL = Tool(
    "node",
    "One node at an instant: whether it takes work, Slurm's state and reason, since when it is out, its GPUs by state, load, "
    "power, temperature, CPUs and memory.",
    NodeAsked,
    node,
)
HISTORY_TOOL = Tool(
    "node_history",
    "How the state of one node changed in Slurm, newest first: when it was drained, down or back, with the reason.",
    NodeHistoryAsked,
    node_history,
)
