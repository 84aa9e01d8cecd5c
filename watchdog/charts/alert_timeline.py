"""Incidents over time: a row a rule or node, a bar an incident; and how many began when."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from watchdog.charts.axes import styled, time_axis
from watchdog.charts.palette import Palette
from watchdog.model.findings import Severity
from watchdog.model.telemetry import Window
from watchdog.model.units import duration_text

PICK = "pick"
MOST_ROWS = 24
# The legend, and the axis with its title.
_AROUND = 74
_OCTAGON = "M-0.4,-0.95H0.4L0.95,-0.4V0.4L0.4,0.95H-0.4L-0.95,0.4V-0.4Z"
_TRIANGLE = "M0,-0.9L0.95,0.8H-0.95Z"
_SHAPES = MappingProxyType({Severity.CRITICAL: _OCTAGON, Severity.WARNING: _TRIANGLE, Severity.INFO: "circle"})
_WORST_FIRST = tuple(sorted(Severity, key=lambda each: -each.rank))


def incident_timeline(bars: pd.DataFrame, window: Window, palette: Palette) -> Any:  # noqa: ANN401 (Altair returns Any)
    """Bars over rows, worst on top of others; the selection `pick` gives the incident_id.

    Args:
        bars: row, incident_id, title, severity, opened_at, closed_at (null = still open), ack_by; of at most MOST_ROWS rows.
        window: drawn whole.
        palette: the theme's colours.
    """
    frame = _drawn(bars, window)
    order = [*frame["row"].drop_duplicates()]
    colour = _colour(palette)
    base = alt.Chart(frame)
    bar = (
        base.mark_bar(clip=True, cornerRadius=2, cursor="pointer", opacity=0.75, minBandSize=3)
        .encode(x=time_axis(window), x2="ends_at:T", y=_row(order), color=colour, tooltip=_tips())
        .add_params(alt.selection_point(name=PICK, fields=["incident_id"]))
    )
    mark = base.mark_point(clip=True, filled=True, size=70, opacity=1.0).encode(
        x=time_axis(window), y=_row(order), color=colour, shape=_shape(), tooltip=_tips()
    )
    chart = alt.layer(bar, mark).properties(height=_AROUND + max(1, len(order)) * 20, width="container")
    return styled(chart, palette)


def incident_counts(counts: pd.DataFrame, step: timedelta, window: Window, palette: Palette) -> Any:  # noqa: ANN401 (Altair returns Any)
    """How many incidents began in each span.

    Args:
        counts: bucket_at, severity, count.
        step: how long a span is.
        window: drawn whole.
        palette: the theme's colours.
    """
    worst_last = counts["severity"].map({each.value: each.rank for each in Severity}).to_numpy()
    frame = counts.iloc[np.lexsort((-worst_last, counts["bucket_at"]))].reset_index(drop=True)
    # Stacked here: Vega stacks no bars whose width is a span of time.
    top = frame.groupby("bucket_at")["count"].cumsum()
    frame = frame.assign(
        ends_at=frame["bucket_at"] + pd.Timedelta(step) * 0.92,
        top=top,
        bottom=top - frame["count"],
        span=frame["bucket_at"].dt.strftime("%Y-%m-%d %H:%M UTC").astype("string"),
    )
    tips = [alt.Tooltip("span:N", title="from"), alt.Tooltip("severity:N"), alt.Tooltip("count:Q", title="incidents")]
    axis = alt.Axis(title="incidents", tickMinStep=1, tickCount=4, format="d")
    chart = (
        alt.Chart(frame)
        .mark_rect(clip=True)
        .encode(
            x=time_axis(window),
            x2="ends_at:T",
            y=alt.Y("bottom:Q", axis=axis),
            y2="top:Q",
            color=_colour(palette, legend=False),
            tooltip=tips,
        )
        .properties(height=150, width="container")
    )
    return styled(chart, palette)


def timeline_text(bars: pd.DataFrame, window: Window) -> str:
    """The chart in a sentence, for those who do not see it."""
    span = f"{duration_text(window.length)} to {window.until:%Y-%m-%d %H:%M} UTC"
    return f"Timeline of {bars['incident_id'].nunique()} incidents on {bars['row'].nunique()} rows over {span}."


def counts_of(incidents: pd.DataFrame, window: Window) -> tuple[pd.DataFrame, timedelta]:
    """How many of these (INCIDENTS) began in each hour or day of the window: bucket_at, severity, count; and the step."""
    step = timedelta(hours=1) if window.length <= timedelta(days=3) else timedelta(days=1)
    began = incidents[(incidents["opened_at"] >= window.since) & (incidents["opened_at"] < window.until)]
    buckets = began.assign(bucket_at=began["opened_at"].dt.floor("h" if step == timedelta(hours=1) else "D"))
    counts = buckets.groupby(["bucket_at", "severity"], observed=True).size().rename("count").reset_index()
    return counts, step


def _drawn(bars: pd.DataFrame, window: Window) -> pd.DataFrame:
    since, until = pd.Timestamp(window.since), pd.Timestamp(window.until)
    closed = bars["closed_at"]
    rank = bars["severity"].map({each.value: each.rank for each in Severity}).to_numpy()
    frame = pd.DataFrame(
        {
            "row": bars["row"].astype("string").str.slice(0, 60),
            "incident_id": bars["incident_id"],
            "title": bars["title"].astype("string").str.slice(0, 120),
            "severity": bars["severity"].astype("string"),
            "bucket_at": bars["opened_at"].where(bars["opened_at"] > since, since),
            "ends_at": closed.where(closed < until, until),
            "opened": bars["opened_at"].dt.strftime("%Y-%m-%d %H:%M:%S UTC").astype("string"),
            "closed": closed.dt.strftime("%Y-%m-%d %H:%M:%S UTC").astype("string").fillna("not yet"),
            "who": bars["ack_by"].astype("string").str.slice(0, 60).replace("", "nobody"),
        }
    )
    # The worst is drawn last, on top of what it overlaps.
    return frame.iloc[np.argsort(rank, kind="stable")]


def _row(order: list[str]) -> alt.Y:
    axis = alt.Axis(title=None, labelLimit=180, ticks=False, domain=False)
    return alt.Y("row:N", scale=alt.Scale(domain=sorted(order), paddingInner=0.3), axis=axis)


def _colour(palette: Palette, *, legend: bool = True) -> alt.Color:
    colours = {
        Severity.CRITICAL: palette.critical,
        Severity.WARNING: palette.warning,
        Severity.INFO: palette.information,
    }
    scale = alt.Scale(domain=[*_WORST_FIRST], range=[colours[each] for each in _WORST_FIRST])
    return alt.Color("severity:N", scale=scale, legend=alt.Legend(title=None) if legend else None)


def _shape() -> alt.Shape:
    scale = alt.Scale(domain=[*_WORST_FIRST], range=[_SHAPES[each] for each in _WORST_FIRST])
    return alt.Shape("severity:N", scale=scale, legend=alt.Legend(title=None))


def _tips() -> list[alt.Tooltip]:
    named = (("title", "what"), ("severity", "severity"), ("opened", "from"), ("closed", "to"), ("who", "taken by"))
    return [alt.Tooltip(f"{field}:N", title=title) for field, title in named]
