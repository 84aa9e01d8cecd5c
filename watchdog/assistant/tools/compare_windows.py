"""How does a quantity compare between two windows?"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import pandas as pd
from pydantic import Field, field_validator

from watchdog.assistant.desk import Desk
from watchdog.assistant.records import Column, Evidence
from watchdog.assistant.toolbox import Tool
from watchdog.assistant.tools.answer import Asked, answer, span
from watchdog.assistant.tools.gpu_metrics import KEYS, Counted, MetricAsked, known_metric, one_value, read
from watchdog.model.metrics import CATALOGUE
from watchdog.model.telemetry import Window


class CompareAsked(Asked):
    """Which quantity, and how long before the first window ended."""

    metric: str = Field("gpu_util_ratio", description=f"A key of the catalogue: {KEYS}.")
    by: Literal["gpu", "node", "cluster"] = Field("node", description="What one row stands for.")
    statistic: Counted = Field("mean", description="How each window becomes one value.")
    hours: float = Field(1.0, gt=0, le=24 * 30, description="Length of both windows.")
    hours_before: float = Field(
        24.0, gt=0, le=24 * 90, description="How much earlier the first window ended: 24 = the same hours of yesterday."
    )
    node: str = Field("", description="Only of this node.")

    _metric = field_validator("metric")(known_metric)


def compare_windows(desk: Desk, asked: CompareAsked) -> Evidence:
    """A row a GPU, a node or the cluster with both values and their difference; ToolError, SourceError or StoreError."""
    desk = desk.moved(asked.at)
    metric, late = CATALOGUE[asked.metric], desk.window(asked.hours)
    early = desk.moved(desk.at - timedelta(hours=asked.hours_before)).window(asked.hours)
    one = MetricAsked.model_validate(asked.model_dump(include={"metric", "by", "statistic", "hours", "node"}))
    marks, tables = list[str](), list[pd.DataFrame]()
    for name, window in (("before", early), ("after", late)):
        found, _ = read(desk, one, window)
        marks += [*found.incomplete, *([] if len(found.frame) else [f"Unknown: no reading from {span(window)}."])]
        tables.append(one_value(found.frame, asked.statistic).rename(columns={"value": name}))
    table = _joined(*tables)
    unit = "" if metric.unit in {"count", "code"} else str(metric.unit)
    return answer(
        "compare_windows",
        desk,
        asked,
        title=f"{metric.label} by {asked.by}, {asked.statistic}: {span(early)} against {span(late)}",
        query=f"range({asked.metric}, statistic={asked.statistic}, by={asked.by}) of both windows",
        columns=(
            *_who(asked.by),
            Column("before", f"before: {early.since:%Y-%m-%d %H:%M} UTC on", unit),
            Column("after", f"after: {late.since:%Y-%m-%d %H:%M} UTC on", unit),
            Column("change", "change", unit),
        ),
        rows=table,
        window=Window(early.since, late.until),
        marks=marks,
        page="gpus",
        parameters={"node": asked.node} if asked.node else {},
    )


def _joined(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Both values a line; null in a window without a reading. The largest change comes first."""
    keys = ["node", "gpu_uuid", "part"]
    texts = [table.astype(dict.fromkeys(keys, "string")) for table in (before, after)]
    table = texts[0][[*keys, "before"]].merge(texts[1][[*keys, "gpu_index", "after"]], how="outer", on=keys)
    change = table["after"].astype("float64") - table["before"].astype("float64")
    table = table.assign(change=change, size=change.abs())
    return table.sort_values("size", ascending=False, kind="stable", na_position="last")


def _who(by: str) -> tuple[Column, ...]:
    node, gpu = Column("node", "node"), (Column("gpu_index", "GPU"), Column("gpu_uuid", "GPU's UUID"))
    return {"gpu": (node, *gpu), "node": (node,), "cluster": ()}[by]


TOOL = Tool(
    "compare_windows",
    "One quantity in two windows of the same length, by GPU, node or cluster, with the difference, the largest first: what "
    "changed since yesterday, or since an hour ago.",
    CompareAsked,
    compare_windows,
)
