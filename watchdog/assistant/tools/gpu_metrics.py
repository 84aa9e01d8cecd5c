"""How was a quantity over a window: by GPU, by node, or of the cluster?"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import pandas as pd
from pydantic import Field, field_validator

from watchdog.assistant.desk import Desk
from watchdog.assistant.quoting import named
from watchdog.assistant.records import Column, Evidence
from watchdog.assistant.toolbox import Tool
from watchdog.assistant.tools.answer import Asked, answer, span
from watchdog.assistant.tools.gpus import nodes_hint
from watchdog.base.clock import floor_to
from watchdog.base.errors import ToolError
from watchdog.model.metrics import CATALOGUE, Kind, Metric
from watchdog.model.telemetry import Answer, By, Statistic, Where, Window
from watchdog.services.steps import step_for

# So many values one question may read: some 0.1 s.
_MOST_VALUES, _MOST_POINTS = 60_000, 240
_MINUTE = timedelta(minutes=1)
KEYS = ", ".join(CATALOGUE)
Counted = Literal["mean", "min", "max", "latest", "increase"]


def known_metric(key: str) -> str:
    """The key, where the catalogue has it; ValueError with those that come near."""
    if key not in CATALOGUE:
        word = key.split("_", maxsplit=1)[0]
        near = [name for name in CATALOGUE if word and word in name] or list(CATALOGUE)
        raise ValueError(f"no such metric; choose of: {', '.join(near[:30])}")
    return key


class MetricAsked(Asked):
    """Which quantity, of whom, over which hours."""

    metric: str = Field(description=f"A key of the catalogue: {KEYS}.")
    by: Literal["gpu", "node", "cluster"] = Field("node", description="What one row stands for.")
    statistic: Counted = Field("mean", description="How the window becomes one value; 'increase' counts a counter up.")
    hours: float = Field(
        1.0, gt=0, le=24 * 90, description="Length of the window that ends at the instant in question."
    )
    node: str = Field("", description="Only of this node.")
    gpu: str = Field("", description="Only of this GPU, by its UUID.")
    over_time: bool = Field(False, description="Give the course in buckets of time instead of one value.")
    order: Literal["largest", "smallest"] = Field("largest", description="Which rows come first.")

    _metric = field_validator("metric")(known_metric)


def gpu_metrics(desk: Desk, asked: MetricAsked) -> Evidence:
    """A row a GPU, a node or the cluster, or a row a bucket; ToolError, SourceError or StoreError."""
    desk = desk.moved(asked.at)
    metric, window = CATALOGUE[asked.metric], desk.window(asked.hours)
    found, step = read(desk, asked, window)
    table = _course(found.frame) if asked.over_time else one_value(found.frame, asked.statistic)
    table = table.sort_values(
        "bucket_at" if asked.over_time else "value", ascending=asked.over_time or asked.order == "smallest"
    )
    course = " in buckets" if asked.over_time else ""
    where = f" of node {named(asked.node)}" if asked.node else f" of GPU {named(asked.gpu)}" if asked.gpu else ""
    return answer(
        "gpu_metrics",
        desk,
        asked,
        title=f"{metric.label}{where} by {asked.by}, {asked.statistic}{course}, {span(window)}",
        query=f"range({asked.metric}, step={step.total_seconds():g}s, statistic={statistic_of(asked.statistic, metric)}, by={asked.by})",
        columns=_columns(asked, metric),
        rows=table,
        window=window,
        newest=_newest(found.frame, step, desk),
        marks=(*found.incomplete, *_missing(found, asked, metric)),
        page="gpus",
        parameters={"node": asked.node} if asked.node else {"gpu": asked.gpu} if asked.gpu else {},
        most=200 if asked.over_time else 50,
    )


def read(desk: Desk, asked: MetricAsked, window: Window) -> tuple[Answer, timedelta]:
    """SERIES of the window in buckets as fine as the number of GPUs allows, and how long a bucket is."""
    _check(desk, asked)
    count = 1 if asked.by == "cluster" else max(1, len(desk.gpus()))
    points = min(_MOST_POINTS if asked.over_time or count < 100 else 60, max(6, _MOST_VALUES // count))
    if asked.over_time:
        points = min(points, 60)
    step = step_for(window.length, max(_MINUTE, desk.reads.interval), points)
    whole = Window(floor_to(window.since, step), window.until)
    where = Where(nodes=(asked.node,) if asked.node else (), gpus=(asked.gpu,) if asked.gpu else ())
    statistic = statistic_of(asked.statistic, CATALOGUE[asked.metric])
    return desk.telemetry.range((asked.metric,), whole, step, statistic=statistic, by=By(asked.by), where=where), step


def statistic_of(word: str, metric: Metric) -> Statistic:
    """How each bucket is made; ToolError where it does not fit the quantity."""
    if word == "increase" and metric.kind is not Kind.COUNTER:
        raise ToolError(f"{metric.key} is no counter", hint="Ask for its mean, min, max or latest value.")
    if metric.kind is Kind.COUNTER and word == "mean":
        raise ToolError(f"{metric.key} only counts up, its mean says nothing", hint="Ask for its increase.")
    return {"mean": Statistic.AVG, "latest": Statistic.LAST}.get(word) or Statistic(word)


def one_value(frame: pd.DataFrame, statistic: str) -> pd.DataFrame:
    """SERIES with one value a line: node, gpu_index, gpu_uuid, part, value, buckets."""
    keys = ["node", "gpu_uuid", "part"]
    if not len(frame):
        return pd.DataFrame(columns=[*keys, "gpu_index", "value", "buckets"])
    how = {"mean": "mean", "min": "min", "max": "max", "latest": "last", "increase": "sum"}[statistic]
    grouped = frame.sort_values("bucket_at").groupby(keys, observed=True, sort=False)
    table = grouped.agg(value=("value", how), gpu_index=("gpu_index", "last"), buckets=("value", "count"))
    return table.reset_index()


def _course(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[["bucket_at", "node", "gpu_index", "gpu_uuid", "part", "value"]]


def _columns(asked: MetricAsked, metric: Metric) -> tuple[Column, ...]:
    who = {
        "gpu": [Column("node", "node"), Column("gpu_index", "GPU"), Column("part", "part"), Column("gpu_uuid", "GPU's UUID")],
        "node": [Column("node", "node")],
        "cluster": [],
    }[asked.by]  # fmt: skip
    unit = "" if metric.unit in {"count", "code"} else str(metric.unit)
    value = Column("value", f"{metric.label}, {asked.statistic}", unit)
    return (*([Column("bucket_at", "from")] if asked.over_time else []), *who, value)


def _check(desk: Desk, asked: MetricAsked) -> None:
    known = desk.gpus()
    if asked.node and asked.node not in set(known["node"].astype(str)):
        raise ToolError(f"no GPU of a node {named(asked.node)} is known", hint=nodes_hint(known))
    if asked.gpu and asked.gpu not in set(known["gpu_uuid"].astype(str)):
        raise ToolError(f"no GPU {named(asked.gpu)} is known", hint="Ask for its node's GPUs first.")


def _missing(found: Answer, asked: MetricAsked, metric: Metric) -> list[str]:
    if asked.metric in found.not_exported:
        return [f"Unknown: no exporter publishes {metric.label} ({asked.metric})."]
    return [] if len(found.frame) else ["Unknown: there is no reading in this window."]


def _newest(frame: pd.DataFrame, step: timedelta, desk: Desk) -> datetime | None:
    if not len(frame):
        return None
    last: datetime = frame["bucket_at"].max().to_pydatetime()
    return min(last + step, desk.at)


TOOL = Tool(
    "gpu_metrics",
    "One quantity of GPUs over a window (utilization, memory, temperature, power, clocks, errors, PCIe, NVLink): one value "
    "a GPU, node or the cluster, or its course over time. Utilization is gpu_util_ratio, power is power_watts.",
    MetricAsked,
    gpu_metrics,
)
