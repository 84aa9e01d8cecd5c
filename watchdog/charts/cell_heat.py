"""A value by two things: a row a GPU, a column an hour."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from watchdog.charts.axes import WHEN, time_axis
from watchdog.charts.cell_axes import MOST_TIMES, Layers, binned, is_time, window_of
from watchdog.charts.cell_fields import Fields
from watchdog.charts.cell_points import as_utc, labels, shown_values
from watchdog.charts.palette import Palette
from watchdog.model.telemetry import Window

_MOST_ROWS = 40


def heat_map(answer: pd.DataFrame, chosen: Fields, palette: Palette, window: Window | None) -> Layers:
    """Rectangles; a missing one stays empty."""
    value = chosen.colour[0]
    timed = is_time(answer, chosen.x)
    x, words = binned(as_utc(answer[chosen.x])) if timed else (labels(answer, (chosen.x,)), ())
    frame = pd.DataFrame(
        {"x": x, "row": labels(answer, (chosen.y,)), "y": shown_values(answer[value], chosen.scale.factor)}
    )
    frame = frame.groupby(["x", "row"], sort=False)["y"].mean().reset_index()
    if timed:
        words = tuple(f"{word}, as their mean." for word in words)
    frame, more = _few_rows(frame, timed=timed)
    heat = chosen.unit == "celsius"
    title = f"{value}, {chosen.scale.suffix}" if chosen.scale.suffix else value
    colour = alt.Color(
        "y:Q", title=title, scale=alt.Scale(range=[*(palette.heat if heat else palette.load)], zero=not heat),
        legend=alt.Legend(gradientLength=160, gradientThickness=8, direction="horizontal"),
    )  # fmt: skip
    axes = _heat_axes(frame, chosen, window, timed=timed)
    tips = [alt.Tooltip("row:N", title=chosen.y), alt.Tooltip("when:N" if timed else "x:N", title=chosen.x)]
    tips.append(alt.Tooltip("y:Q", title=title, format=",.4~g"))
    base = alt.Chart(axes.pop("frame"))
    base = base.transform_calculate(when=WHEN) if timed else base
    row = alt.Y("row:N", title=chosen.y, axis=alt.Axis(labelLimit=140))
    return [base.mark_rect(clip=True).encode(y=row, color=colour, tooltip=tips, **axes)], (*words, *more)


def _heat_axes(frame: pd.DataFrame, chosen: Fields, window: Window | None, *, timed: bool) -> dict[str, Any]:
    if not timed:
        return {"frame": frame, "x": alt.X("x:N", title=chosen.x, axis=alt.Axis(labelLimit=140))}
    step = frame["x"].drop_duplicates().sort_values().diff().min()
    ends = frame["x"] + (step if pd.notna(step) else pd.Timedelta(hours=1))
    frame = frame.rename(columns={"x": "bucket_at"}).assign(ends_at=ends)
    return {"frame": frame, "x": time_axis(window or window_of(ends)), "x2": "ends_at:T"}


def _few_rows(frame: pd.DataFrame, *, timed: bool) -> tuple[pd.DataFrame, tuple[str, ...]]:
    means = frame.groupby("row")["y"].mean().sort_values(ascending=False)
    words = (f"The {_MOST_ROWS} highest of {len(means):,} rows by their mean.",) if len(means) > _MOST_ROWS else ()
    frame = frame[frame["row"].isin(means.index[:_MOST_ROWS])]
    columns = frame.groupby("x", sort=False)["y"].mean().sort_values(ascending=False)
    if not timed and len(columns) > MOST_TIMES:
        frame = frame[frame["x"].isin(columns.index[:MOST_TIMES])]
        words = (*words, f"The {MOST_TIMES} highest of {len(columns):,} columns by their mean.")
    return frame, words
