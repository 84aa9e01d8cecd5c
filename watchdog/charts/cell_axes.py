"""What pictures of answers share: axes, colours, tooltips, spans of time."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from watchdog.charts.axes import time_axis
from watchdog.charts.cell_fields import Fields
from watchdog.charts.palette import Palette
from watchdog.model.telemetry import Window
from watchdog.model.units import duration_text

MOST_TIMES = 110
_ROUND = [pd.Timedelta(s, "s") for s in (60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 604800)]
Layers = tuple[list[Any], tuple[str, ...]]


def is_time(answer: pd.DataFrame, name: str) -> bool:
    """Whether that column holds instants."""
    return bool(name) and answer[name].dtype.kind == "M"


def window_of(at: pd.Series) -> Window:
    """What instants cover."""
    first, last = at.min(), at.max()
    if pd.isna(first):
        first = last = pd.Timestamp(0, tz="UTC")
    return Window(first.to_pydatetime(warn=False), last.to_pydatetime(warn=False) + pd.Timedelta(seconds=1))


def x_axis(column: pd.Series, title: str, window: Window | None) -> alt.X:
    """`bucket_at`, in UTC where it is time."""
    if column.dtype.kind == "M":
        return time_axis(window or window_of(column))
    return alt.X("bucket_at:Q", title=title, scale=alt.Scale(zero=False))


def y_axis(chosen: Fields, values: pd.Series) -> alt.Y:
    """`y` with its unit; from 0 for loads, to 100 for percents."""
    title = f"{chosen.y}, {chosen.scale.suffix}" if chosen.scale.suffix else chosen.y
    top = values.max()
    domain = [0, 100] if chosen.unit == "ratio" and top <= 100 and values.min() >= 0 else alt.Undefined
    return alt.Y("y:Q", title=title, scale=alt.Scale(zero=chosen.scale.zero, domain=domain), axis=alt.Axis(tickCount=5))


def colour_of(frame: pd.DataFrame, palette: Palette) -> alt.Color:
    """A colour a series, in their order."""
    names = [*frame["series"].drop_duplicates()]
    legend = alt.Legend(title=None, labelLimit=260, columns=3) if len(names) > 1 else None
    return alt.Color("series:N", scale=alt.Scale(domain=names, range=[*palette.series]), sort=names, legend=legend)


def tips_of(chosen: Fields, *, timed: bool) -> list[Any]:
    """Exact values under the pointer."""
    tips: list[Any] = [alt.Tooltip("series:N", title=" · ".join(chosen.colour))] if chosen.colour else []
    tips.append(alt.Tooltip("when:N", title="time") if timed else alt.Tooltip("bucket_at", title=chosen.x))
    return [*tips, alt.Tooltip("y:Q", title=f"{chosen.y} {chosen.scale.suffix}".strip(), format=",.4~g")]


def binned(at: pd.Series) -> tuple[pd.Series, tuple[str, ...]]:
    """Instants as the start of one of few spans, and how many went into one in words."""
    if at.nunique() <= MOST_TIMES:
        return at, ()
    span = (at.max() - at.min()) / MOST_TIMES
    step = next((s for s in _ROUND if s >= span), span)
    return at.dt.floor(step), (f"{at.nunique():,} instants drawn in spans of {duration_text(step.to_pytimedelta())}",)
