"""Who holds GPUs without using them, and what does it cost?"""

from __future__ import annotations

from typing import Literal

import pandas as pd
from pydantic import Field

from watchdog.assistant.desk import Desk
from watchdog.assistant.records import Column, Evidence
from watchdog.assistant.toolbox import Tool
from watchdog.assistant.tools.answer import Asked, answer, span
from watchdog.base.errors import ToolError
from watchdog.services.job_waste import HeldWaste, held_waste, total
from watchdog.services.waste import IdleHours, idle_hours

Group = Literal["user", "account", "partition", "job"]
_GROUPS: dict[str, tuple[Column, ...]] = {
    "job": (Column("job_id", "job"), Column("job_name", "name"), Column("user", "user"), Column("account", "account")),
    "user": (Column("user", "user"),),
    "account": (Column("account", "account"),),
    "partition": (Column("partition", "partition"),),
}
_WASTE = (
    Column("gpus", "GPUs held, one by one"),
    Column("held_hours", "GPU-hours held", "hours"),
    Column("used_hours", "GPU-hours used", "hours"),
    Column("idle_hours", "GPU-hours idle", "hours"),
    Column("never_used_hours", "of these on GPUs never used", "hours"),
    Column("unknown_hours", "GPU-hours without a reading", "hours"),
    Column("mean_busy_ratio", "mean utilization", "ratio"),
    Column("idle_usd", "cost of what was idle", "USD"),
)
_COST = (
    Column("gpus", "GPUs held, one by one"),
    Column("held_hours", "GPU-hours held", "hours"),
    Column("cost_usd", "cost", "USD"),
    Column("idle_usd", "of this idle", "USD"),
    Column("idle_hours", "GPU-hours idle", "hours"),
)
_FLEET = (
    Column("node", "node"),
    Column("measured_hours", "GPU-hours with a reading", "hours"),
    Column("idle_hours", "GPU-hours idle", "hours"),
    Column("mean_busy_ratio", "mean utilization", "ratio"),
)


class WasteAsked(Asked):
    """By whom, over how many hours."""

    by: Group = Field("user", description="What one row stands for.")
    hours: float = Field(24.0, gt=0, le=24 * 90, description="Length of the window; a week is 168.")
    user: str = Field("", description="Only of this user; by job, user or account.")


class NodesAsked(Asked):
    """Over how many hours."""

    hours: float = Field(24.0, gt=0, le=24 * 90, description="Length of the window; a week is 168.")


def waste(desk: Desk, asked: WasteAsked) -> Evidence:
    """GPU-hours that jobs held without using them, the most idle first; ToolError, SourceError or StoreError."""
    return _table("waste", desk, asked, _WASTE, "idle_hours")


def cost(desk: Desk, asked: WasteAsked) -> Evidence:
    """What the held GPU-hours cost, the most expensive first; ToolError, SourceError or StoreError."""
    return _table("cost", desk, asked, _COST, "cost_usd")


def _table(tool: str, desk: Desk, asked: WasteAsked, columns: tuple[Column, ...], order: str) -> Evidence:
    desk = desk.moved(asked.at)
    if not desk.has_slurm:
        raise ToolError("no Slurm is read here, so nobody knows who holds GPUs", hint="Ask for idle_nodes instead.")
    found = read(desk, asked)
    table = found.tables[asked.by]
    if asked.user and "user" in table:
        table = table[table["user"] == asked.user]
    sums = total(table)
    idle = f", {sums.idle_hours:,.1f} of them idle" if table["idle_hours"].notna().any() else ", use unknown"
    priced = [] if desk.reads.rates else ["Cost is unknown: no price of a GPU-hour is set (WATCHDOG_GPU_HOUR_USD)."]
    money = f", cost {_usd(table['cost_usd'])}, idle {_usd(table['idle_usd'])}" if desk.reads.rates else ""
    return answer(
        tool,
        desk,
        asked,
        title=f"{sums.held_hours:,.1f} GPU-hours held{idle}{money}, by {asked.by}, {span(found.window)}",
        query="services.job_waste",
        columns=(*_GROUPS[asked.by], *columns),
        rows=table.sort_values([order, "held_hours"], ascending=False, kind="stable", na_position="last"),
        window=found.window,
        marks=(*found.incomplete, *priced, *_unknown(table)),
        page="slurm",
        most=30,
    )


def read(desk: Desk, asked: WasteAsked) -> HeldWaste:
    """Hours of the window by the group that is asked for."""
    window = desk.window(asked.hours)
    held, rates = desk.held(window), desk.reads.rates
    return held_waste(desk.telemetry, held, desk.gpus(), window, rates, desk.at, (asked.by,))


def _usd(column: pd.Series) -> str:
    amount = column.sum(min_count=1)
    return "unknown" if pd.isna(amount) else f"${float(amount):,.2f}"


def _unknown(table: pd.DataFrame) -> list[str]:
    blank = int(table["idle_hours"].isna().sum())
    return [f"Of {blank} rows too little was measured to say what was used."] if blank else []


def idle_nodes(desk: Desk, asked: NodesAsked) -> Evidence:
    """GPU-hours by node, held or not, the most idle first; SourceError or StoreError."""
    desk = desk.moved(asked.at)
    price = desk.reads.rates.get("", 0.0)
    found = idle_hours(desk.telemetry, desk.gpus(), desk.window(asked.hours), price)
    return answer(
        "idle_nodes",
        desk,
        asked,
        title=f"{_sums(found)}, {span(found.window)}",
        query="services.waste",
        columns=_FLEET,
        rows=found.hours.by_node,
        window=found.window,
        newest=found.newest_bucket_at,
        marks=found.incomplete,
        page="overview",
    )


def _sums(found: IdleHours) -> str:
    hours = found.hours
    money = "" if found.idle_usd is None else f", idle ones cost ${found.idle_usd:,.2f}"
    return (
        f"{hours.measured_hours:,.1f} GPU-hours measured, {hours.idle_hours:,.1f} idle, "
        f"{hours.unknown_hours:,.1f} unknown{money}"
    )


TOOL = Tool(
    "waste",
    "GPU-hours that jobs held without using them, by user, account, partition or job, the most idle first, with cost where "
    "a price is set: who wastes most.",
    WasteAsked,
    waste,
)
COST_TOOL = Tool(
    "cost",
    "What GPU-hours cost by user, account, partition or job, the most expensive first, and how much of it was idle.",
    WasteAsked,
    cost,
)
NODES_TOOL = Tool(
    "idle_nodes",
    "GPU-hours measured and idle by node, held by a job or not: how busy the cluster was.",
    NodesAsked,
    idle_nodes,
)
