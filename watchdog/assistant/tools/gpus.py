"""Which GPUs are in which state, and what do they do?"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import pandas as pd
from pydantic import Field

from watchdog.analysis.holders import with_holders
from watchdog.assistant.desk import Desk
from watchdog.assistant.quoting import named
from watchdog.assistant.records import Column, Evidence
from watchdog.assistant.toolbox import Tool
from watchdog.assistant.tools.answer import Asked, answer, when
from watchdog.base.errors import StoreError, ToolError
from watchdog.services.fleet import Fleet

COLUMNS = (
    Column("node", "node"),
    Column("gpu_index", "GPU"),
    Column("state", "state"),
    Column("busy_ratio", "utilization", "ratio"),
    Column("memory_used_bytes", "memory used", "bytes"),
    Column("memory_ratio", "memory", "ratio"),
    Column("gpu_temperature_celsius", "temperature", "celsius"),
    Column("power_watts", "power", "watts"),
    Column("job", "job"),
    Column("user", "user"),
    Column("reason", "why this state"),
    Column("gpu_model", "model"),
    Column("gpu_uuid", "GPU's UUID"),
)
_ORDERS = {
    "place": ("node", True),
    "utilization": ("busy_ratio", False),
    "memory": ("memory_used_bytes", False),
    "temperature": ("gpu_temperature_celsius", False),
    "power": ("power_watts", False),
}


class GpusAsked(Asked):
    """Which GPUs; what is left out means all."""

    node: str = Field("", description="Only of this node.")
    gpu: str = Field("", description="Only this GPU, by its UUID.")
    state: Literal["", "busy", "idle", "held idle", "throttled", "hung", "faulty", "lost", "unknown"] = Field(
        "", description="Only in this state; 'held idle' is idle while a job or a process holds it."
    )
    order: Literal["place", "utilization", "memory", "temperature", "power"] = Field(
        "place", description="By place, or the largest of this first."
    )


def gpus(desk: Desk, asked: GpusAsked) -> Evidence:
    """A row a GPU; ToolError for a node or a GPU that is not known, SourceError or StoreError."""
    desk = desk.moved(asked.at)
    fleet = desk.fleet()
    cells = _known(fleet, asked)
    if asked.state:
        cells = cells[cells["state"] == asked.state]
    column, ascending = _ORDERS[asked.order]
    if asked.order != "place":
        cells = cells.sort_values(column, ascending=ascending, kind="stable", na_position="last")
    table, notes = held(desk, cells)
    of = f" of node {named(asked.node)}" if asked.node else ""
    what = f"{len(table)} {'GPU' if len(table) == 1 else 'GPUs'}"
    state = f" that {'is' if len(table) == 1 else 'are'} {asked.state}" if asked.state else ""
    return answer(
        "gpus",
        desk,
        asked,
        title=f"{what}{state}{of} {when(desk)}",
        query="services.fleet",
        columns=COLUMNS,
        rows=table.assign(gpu_index=table["gpu_index"].astype(object)),
        newest=_newest(table),
        marks=(*fleet.incomplete, *notes),
        page="gpus",
        parameters={"node": asked.node} if asked.node else {"gpu": asked.gpu} if asked.gpu else {},
    )


def _known(fleet: Fleet, asked: GpusAsked) -> pd.DataFrame:
    cells = fleet.cells
    if asked.node:
        cells = cells[cells["node"] == asked.node]
        if not len(cells):
            raise ToolError(f"no GPU of a node {named(asked.node)} is known", hint=nodes_hint(fleet.cells))
    if asked.gpu:
        cells = cells[cells["gpu_uuid"] == asked.gpu]
        if not len(cells):
            raise ToolError(f"no GPU {named(asked.gpu)} is known", hint="Ask for its node's GPUs first.")
    return cells


def nodes_hint(cells: pd.DataFrame) -> str:
    """Which nodes there are, as a hint."""
    names = [str(name) for name in cells["node"].unique()]
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return f"Nodes with GPUs: {', '.join(names[:20])}{more}." if names else "No GPU is known."


def held(desk: Desk, cells: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """`cells` with the job and user that hold each; null, with a note, where that is not known."""
    try:
        view = desk.view()
    except (ToolError, StoreError) as error:
        unknown = pd.array([pd.NA] * len(cells), dtype="string")
        return cells.assign(job=unknown, user=unknown), (f"Which jobs hold GPUs is unknown: {error}.",)
    return with_holders(cells, view.jobs, view.job_gpus), view.problems


def _newest(cells: pd.DataFrame) -> datetime | None:
    newest = cells["sampled_at"].max() if len(cells) else pd.NaT
    return newest.to_pydatetime() if isinstance(newest, pd.Timestamp) else None


TOOL = Tool(
    "gpus",
    "GPUs one by one at an instant: state and why, utilization, memory, temperature, power, the job and user that hold "
    "it. Filter by node, GPU or state; order by utilization, memory, temperature or power.",
    GpusAsked,
    gpus,
)
