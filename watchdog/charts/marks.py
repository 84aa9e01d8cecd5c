"""Marks of events on a time axis: alerts, starts of jobs, drains, notes; shape, colour and word say which."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from watchdog.charts.axes import time_axis
from watchdog.charts.palette import Palette
from watchdog.model.telemetry import Window

MOST_MARKS = 150
# Of a kind: whoever reads them reads no more.
MOST_KNOWN = 2_000
# Where there are too many, those that are written or decided by people come first.
_FIRST = ("note", "drain", "alert", "job start")
_SHAPES = {"alert": "triangle-down", "job start": "triangle-right", "drain": "square", "note": "diamond"}
_WHEN = "utcFormat(datum.bucket_at, '%Y-%m-%d %H:%M:%S UTC')"


def marks_layer(marks: pd.DataFrame, window: Window, palette: Palette) -> tuple[list[Any], str]:
    """Layers for any chart whose x is `time_axis(window)`, and what was left out, in words.

    Args:
        marks: at (UTC), kind (alert, job start, drain, note), text; MOST_MARKS of those in the window are drawn.
        window: the chart's.
        palette: the theme's colours.
    """
    inside = marks[(marks["at"] >= window.since) & (marks["at"] < window.until)]
    shown = _chosen(inside)
    frame = pd.DataFrame(
        {
            "bucket_at": shown["at"],
            "kind": shown["kind"].astype("str"),
            "text": shown["text"].astype("str").str.slice(0, 200),
        }
    )
    words = _left_out(inside, len(shown)) if len(shown) < len(inside) else ""
    return ([_rules(frame, window, palette), _heads(frame, window, palette)] if len(frame) else []), words


def _chosen(inside: pd.DataFrame) -> pd.DataFrame:
    rank = inside["kind"].astype("str").map({kind: place for place, kind in enumerate(_FIRST)})
    ordered = inside.assign(rank=rank).sort_values(["rank", "at"], ascending=[True, False], kind="stable")
    return ordered.head(MOST_MARKS).sort_values("at", kind="stable")


def _left_out(inside: pd.DataFrame, shown: int) -> str:
    least = "at least " if (inside["kind"].value_counts() >= MOST_KNOWN).any() else ""
    order = "notes, drains, alerts, then starts of jobs, the newest"
    return f"{shown:,} of {least}{len(inside):,} events are marked: {order}."


def _colours(palette: Palette) -> dict[str, str]:
    return {
        "alert": palette.critical,
        "job start": palette.information,
        "drain": palette.warning,
        "note": palette.accent,
    }


def _rules(frame: pd.DataFrame, window: Window, palette: Palette) -> Any:  # noqa: ANN401 (Altair returns Any)
    rule = alt.Chart(frame).mark_rule(strokeWidth=1, strokeDash=[2, 3], opacity=0.7, clip=True)
    return rule.encode(x=time_axis(window), color=_colour(palette))


def _heads(frame: pd.DataFrame, window: Window, palette: Palette) -> Any:  # noqa: ANN401 (Altair returns Any)
    shape = alt.Shape("kind:N", scale=alt.Scale(domain=[*_SHAPES], range=[*_SHAPES.values()]), legend=None)
    tips = [
        alt.Tooltip("kind:N", title="event"),
        alt.Tooltip("when:N", title="at"),
        alt.Tooltip("text:N", title="what"),
    ]
    head = alt.Chart(frame).transform_calculate(when=_WHEN).mark_point(filled=True, size=70, opacity=1)
    return head.encode(x=time_axis(window), y=alt.value(4), color=_colour(palette), shape=shape, tooltip=tips)


def _colour(palette: Palette) -> alt.Color:
    colours = _colours(palette)
    return alt.Color("kind:N", scale=alt.Scale(domain=[*colours], range=[*colours.values()]), legend=None)
