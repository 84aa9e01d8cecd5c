"""How did a quantity go over a window: of the cluster, a node, a GPU, or a few GPUs side by side?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pandas as pd

from watchdog.analysis.lines import MOST_LINES, as_band, tolerance_for, with_gaps
from watchdog.base.clock import floor_to
from watchdog.model.metrics import CATALOGUE
from watchdog.model.telemetry import EVERYWHERE, By, Statistic, Telemetry, Where, Window
from watchdog.services.steps import step_for

_HEAT_POINTS = 96
_MOST_HEAT_ROWS = 64


@dataclass(frozen=True)
class History:
    """Lines over time.

    Attributes:
        frame: line (name), bucket_at, value, and low and high where there is a band; null rows are gaps.
        table: the same without the null rows, as it is exported: gpu_uuid and node stand beside.
        is_band: one line with its outermost values instead of `line_count` lines.
        line_word: what a line stands for: "GPU", "node" or "cluster".
    """

    metric: str
    window: Window
    step: timedelta
    frame: pd.DataFrame
    table: pd.DataFrame
    is_band: bool
    line_word: str
    line_count: int
    incomplete: tuple[str, ...] = ()
    not_exported: bool = False


def gpu_history(
    telemetry: Telemetry,
    metric: str,
    window: Window,
    interval: timedelta,
    where: Where = EVERYWHERE,
    names: tuple[tuple[str, str], ...] = (),
) -> History:
    """Lines of single GPUs where a node or GPUs are picked, else of nodes.

    Args:
        telemetry: who answers.
        metric: key in the catalogue.
        window: what to show.
        interval: between two samples of the source.
        where: which GPUs.
        names: (gpu_uuid, name to show), in the order of the lines.
    """
    step = step_for(window.length, interval)
    whole = Window(floor_to(window.since, step), window.until)
    by = By.GPU if where.gpus or where.nodes else By.NODE
    statistic = Statistic.INCREASE if CATALOGUE[metric].kind == "counter" else Statistic.AVG
    answer = telemetry.range((metric,), whole, step, statistic=statistic, by=by, where=where)
    lines = _named(answer.frame, by, dict(names))
    count = lines["line"].nunique()
    drawn, is_band = _drawn(telemetry, lines, metric, whole, step, where)
    return History(
        metric=metric,
        window=window,
        step=step,
        frame=with_gaps(drawn, step, tolerance_for(step)),
        table=answer.frame,
        is_band=is_band,
        line_word="GPU" if by is By.GPU else "node",
        line_count=count,
        incomplete=answer.incomplete,
        not_exported=metric in answer.not_exported,
    )


def _named(series: pd.DataFrame, by: By, names: dict[str, str]) -> pd.DataFrame:
    who = series["node" if by is By.NODE else "gpu_uuid"].astype("string")
    line = who.map(names).fillna(who) if names else who
    part = series["part"].astype("string")
    line = line.where(part == "", line + " " + part)
    return pd.DataFrame({"line": line, "bucket_at": series["bucket_at"], "value": series["value"]})


def _drawn(
    telemetry: Telemetry, lines: pd.DataFrame, metric: str, window: Window, step: timedelta, where: Where
) -> tuple[pd.DataFrame, bool]:
    count = lines["line"].nunique()
    if count > MOST_LINES:
        return as_band(lines, "average"), True
    long_step = step >= timedelta(minutes=5)
    if count == 1 and where.gpus and long_step and CATALOGUE[metric].kind == "gauge":
        return _with_extremes(telemetry, lines, metric, window, step, where), True
    return lines, False


def _with_extremes(
    telemetry: Telemetry, lines: pd.DataFrame, metric: str, window: Window, step: timedelta, where: Where
) -> pd.DataFrame:
    """One GPU's line with the lowest and highest reading of each bucket: an average hides spikes."""
    band = lines
    for name, statistic in (("low", Statistic.MIN), ("high", Statistic.MAX)):
        frame = telemetry.range((metric,), window, step, statistic=statistic, where=where).frame
        edge = frame[["bucket_at", "value"]].rename(columns={"value": name}).drop_duplicates("bucket_at")
        band = band.merge(edge, how="left", on="bucket_at")
    return band


@dataclass(frozen=True)
class HeatMap:
    """A quantity as rows over time: `frame` has row (name), bucket_at, value; `row_word` names the rows."""

    metric: str
    window: Window
    step: timedelta
    frame: pd.DataFrame
    row_word: str
    incomplete: tuple[str, ...] = ()


def heat_map(
    telemetry: Telemetry,
    metric: str,
    window: Window,
    interval: timedelta,
    where: Where = EVERYWHERE,
    names: tuple[tuple[str, str], ...] = (),
) -> HeatMap:
    """One row a GPU where a node is picked, else one a node; the hottest `_MOST_HEAT_ROWS` rows."""
    step = step_for(window.length, interval, _HEAT_POINTS)
    by = By.GPU if where.gpus or where.nodes else By.NODE
    whole = Window(floor_to(window.since, step), window.until)
    answer = telemetry.range((metric,), whole, step, statistic=Statistic.MAX, by=by, where=where)
    rows = _named(answer.frame, by, dict(names)).rename(columns={"line": "row"})
    top = rows.groupby("row")["value"].max().nlargest(_MOST_HEAT_ROWS).index
    kept = rows[rows["row"].isin(top)].reset_index(drop=True)
    return HeatMap(metric, window, step, kept, "GPU" if by is By.GPU else "node", answer.incomplete)
