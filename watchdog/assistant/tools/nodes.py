"""Which nodes take work, and which do not, why and since when?"""

from __future__ import annotations

from typing import Literal

import pandas as pd
from pydantic import Field

from watchdog.analysis.node_condition import OUT
from watchdog.assistant.desk import Desk
from watchdog.assistant.quoting import named
from watchdog.assistant.records import Column, Evidence
from watchdog.assistant.toolbox import Tool
from watchdog.assistant.tools.answer import Asked, answer, when

COLUMNS = (
    Column("node", "node"),
    Column("condition", "for work"),
    Column("reason", "Slurm's reason"),
    Column("reason_by", "set by"),
    Column("out_since", "out of service since"),
    Column("out_seconds", "for", "seconds"),
    Column("times_out_30d", "times out of service in 30 days"),
    Column("gpus", "GPUs"),
    Column("gpus_allocated", "GPUs that jobs hold"),
    Column("gpus_free", "GPUs that no job holds"),
    Column("partitions", "partitions"),
)


class NodesAsked(Asked):
    """Which nodes; what is left out means all."""

    show: Literal["all", "out of service", "in service"] = Field(
        "all", description="Those that take no work (drained, down, not responding, …), or those that do."
    )
    partition: str = Field("", description="Only of this partition.")


def nodes(desk: Desk, asked: NodesAsked) -> Evidence:
    """A row a node, those out of service first; ToolError where no Slurm is read, StoreError."""
    desk = desk.moved(asked.at)
    table = desk.nodes().nodes
    out = table["condition"].isin(OUT)
    if asked.partition:
        table = table[table["partitions"].str.split(",").map(lambda names: asked.partition in names)]
        out = out.loc[table.index]
    if asked.show != "all":
        table = table[out if asked.show == "out of service" else ~out]
    of = f" of partition {named(asked.partition)}" if asked.partition else ""
    return answer(
        "nodes",
        desk,
        asked,
        title=f"{len(table)} nodes{of}, {int(out.sum())} out of service in all, {when(desk)}",
        query="services.slurm_nodes",
        columns=COLUMNS,
        rows=_rows(table, desk),
        newest=desk.view().taken_at,
        marks=desk.view().problems,
        page="slurm",
    )


def _rows(table: pd.DataFrame, desk: Desk) -> pd.DataFrame:
    counts = {name: table[name].astype(object) for name in ("gpus", "gpus_allocated", "times_out_30d")}
    free = (table["gpus"] - table["gpus_allocated"]).astype(object)
    since = (pd.Timestamp(desk.at) - table["out_since"]).dt.total_seconds()
    return table.assign(**counts, gpus_free=free, out_seconds=since)


TOOL = Tool(
    "nodes",
    "All nodes as Slurm sees them: which are drained, down or not responding, why, by whom, since when, how often in 30 days; "
    "GPUs of each and how many of them no job holds.",
    NodesAsked,
    nodes,
)
