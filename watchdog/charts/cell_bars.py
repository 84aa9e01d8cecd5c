"""Bars: of words, of spans of time, and of how often a value comes."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from watchdog.charts.axes import WHEN, time_axis
from watchdog.charts.cell_axes import Layers, binned, colour_of, is_time, tips_of, window_of, y_axis
from watchdog.charts.cell_fields import Fields
from watchdog.charts.cell_points import as_utc, labels, shown_values
from watchdog.charts.palette import Palette
from watchdog.model.telemetry import Window

_BINS = 50
_MOST_BARS = 40


def bars(answer: pd.DataFrame, chosen: Fields, palette: Palette, window: Window | None) -> Layers:
    """The longest bars, or one a span of time."""
    if is_time(answer, chosen.x):
        return _time_bars(answer, chosen, palette, window)
    frame = pd.DataFrame(
        {"x": labels(answer, (chosen.x,)), "y": shown_values(answer[chosen.y], chosen.scale.factor), "series": labels(answer, chosen.colour)}
    )  # fmt: skip
    how = "sum" if chosen.scale.collects else "mean"
    several = (f"A bar of several rows is their {how}.",) * bool(frame.duplicated(["x", "series"]).any())
    frame = frame.groupby(["x", "series"], sort=False)["y"].agg(how).reset_index()
    order = [*frame.groupby("x", sort=False)["y"].sum().sort_values(ascending=False).index]
    kept = frame[frame["x"].isin(order[:_MOST_BARS])]
    words = (f"The {_MOST_BARS} longest of {len(order):,} bars.",) if len(order) > _MOST_BARS else ()
    kept, more = _few_colours(kept)
    tips = [alt.Tooltip("x:N", title=chosen.x), alt.Tooltip("y:Q", title=chosen.y, format=",.4~g")]
    tips += [alt.Tooltip("series:N", title=" · ".join(chosen.colour))] if chosen.colour else []
    axis = alt.X("x:N", title=chosen.x, sort=order[:_MOST_BARS], axis=alt.Axis(labelLimit=140))
    layer = (
        alt.Chart(kept)
        .mark_bar()
        .encode(x=axis, y=y_axis(chosen, kept["y"]), color=colour_of(kept, palette), tooltip=tips)
    )
    return [layer], (*several, *words, *more)


def _time_bars(answer: pd.DataFrame, chosen: Fields, palette: Palette, window: Window | None) -> Layers:
    frame = pd.DataFrame(
        {"x": as_utc(answer[chosen.x]), "y": shown_values(answer[chosen.y], chosen.scale.factor), "series": labels(answer, chosen.colour)}
    )  # fmt: skip
    starts, words = binned(frame["x"])
    how = "sum" if chosen.scale.collects else "mean"
    frame = frame.assign(x=starts).groupby(["x", "series"])["y"].agg(how).reset_index()
    frame, more = _few_colours(frame)
    step = frame["x"].drop_duplicates().sort_values().diff().min()
    frame = frame.rename(columns={"x": "bucket_at"}).assign(
        ends_at=lambda f: f["bucket_at"] + (step if pd.notna(step) else pd.Timedelta(hours=1)) * 0.92
    )
    layer = (
        alt.Chart(frame)
        .transform_calculate(when=WHEN)
        .mark_bar(clip=True)
        .encode(
            x=time_axis(window or window_of(frame["ends_at"])),
            x2="ends_at:T",
            y=y_axis(chosen, frame["y"]),
            color=colour_of(frame, palette),
            tooltip=tips_of(chosen, timed=True),
        )
    )
    return [layer], (*(f"{word}, as their {how}." for word in words), *more)


def histogram(answer: pd.DataFrame, chosen: Fields, palette: Palette, window: Window | None) -> Layers:
    """How often a value comes."""
    values = shown_values(answer[chosen.x], chosen.scale.factor).dropna().to_numpy()
    counts, edges = np.histogram(values, bins=_BINS)
    frame = pd.DataFrame({"low": edges[:-1], "high": edges[1:], "count": counts})
    title = f"{chosen.x}, {chosen.scale.suffix}" if chosen.scale.suffix else chosen.x
    tips = [
        alt.Tooltip("low:Q", title="from", format=",.4~g"),
        alt.Tooltip("high:Q", title="to", format=",.4~g"),
        "count:Q",
    ]
    layer = (
        alt.Chart(frame)
        .mark_bar(color=palette.series[0])
        .encode(
            x=alt.X("low:Q", title=title, scale=alt.Scale(zero=False), bin="binned"),
            x2="high:Q",
            y=alt.Y("count:Q", title="rows"),
            tooltip=tips,
        )
    )
    missing = len(answer) - len(values)
    return [layer], (f"{missing:,} rows without a value are not counted.",) * bool(missing)


def _few_colours(frame: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    sizes = frame.groupby("series")["y"].sum().sort_values(ascending=False)
    if len(sizes) <= 6:
        return frame, ()
    name = f"others: {len(sizes) - 5}"
    merged = frame.assign(series=frame["series"].where(frame["series"].isin(sizes.index[:5]), name))
    return merged.groupby(["x", "series"], sort=False)["y"].sum().reset_index(), (
        f"The 5 largest of {len(sizes):,} colours; the others are one.",
    )
