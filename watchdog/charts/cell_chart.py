"""The picture of a cell's answer: sensible without a word, and what was asked for with one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from watchdog.base.errors import NotebookError
from watchdog.charts.axes import WHEN, styled
from watchdog.charts.cell_axes import Layers, colour_of, is_time, tips_of, window_of, x_axis, y_axis
from watchdog.charts.cell_bars import bars, histogram
from watchdog.charts.cell_fields import Fields, fields
from watchdog.charts.cell_heat import heat_map
from watchdog.charts.cell_overlay import NOT_OVER_TIME, Earlier, can_overlay, dashed, overlaid
from watchdog.charts.cell_points import MOST_POINTS, as_utc, labels, points, shown_values
from watchdog.charts.marks import MOST_MARKS, marks_layer
from watchdog.charts.palette import Palette
from watchdog.model.notebook import Chart, ChartKind
from watchdog.model.telemetry import Window

_HEIGHT = 280


@dataclass(frozen=True)
class Drawn:
    """A chart, what it shows, and in words what was left out of it; `chart` is None for a table."""

    chart: Any
    fields: Fields
    words: tuple[str, ...] = ()


def cell_chart(
    answer: pd.DataFrame,
    chart: Chart,
    palette: Palette,
    *,
    window: Window | None = None,
    marks: pd.DataFrame | None = None,
    earlier: Earlier | None = None,
) -> Drawn:
    """Draw an answer; never more than 5,000 points.

    Args:
        answer: `Outcome.frame()`.
        chart: what to draw; `Chart(of=…)` alone lets the columns decide.
        palette: the theme's colours.
        window: what a time axis covers; None = what the answer covers.
        marks: events, see `charts.marks`; drawn where x is time.
        earlier: an answer about another window, laid over this one where x is time.

    Raises:
        NotebookError: a column that is not there, or a chart that such columns cannot give.
    """
    chosen = fields(answer, chart)
    if chosen.kind is ChartKind.TABLE or answer.empty:
        return Drawn(None, chosen)
    said: tuple[str, ...] = ()
    if earlier is not None and can_overlay(answer, chosen):
        answer, chosen, said = overlaid(answer, chart, chosen, earlier)
    elif earlier is not None:
        earlier, said = None, (NOT_OVER_TIME,)
    layers, words = _LAYERS[chosen.kind](answer, chosen, palette, window)
    layers, words = [dashed(each, earlier) for each in layers] if earlier else layers, (*said, *words)
    if marks is not None and len(marks) and is_time(answer, chosen.x):
        more, left = marks_layer(marks, window or window_of(as_utc(answer[chosen.x])), palette)
        layers, words = [*layers, *more], (*words, *filter(None, (left,)))
    picture = alt.layer(*layers).properties(height=_HEIGHT, width="container")
    if len(layers) > 1:
        picture = picture.resolve_scale(color="independent", shape="independent")
    return Drawn(styled(picture, palette), chosen, words)


def time_covered(answer: pd.DataFrame, chart: Chart) -> Window | None:
    """The time that `cell_chart` would draw; None where its x is no time, or it cannot be drawn."""
    try:
        chosen = fields(answer, chart)
    except NotebookError:
        return None
    if chosen.kind is ChartKind.TABLE or answer.empty or not is_time(answer, chosen.x):
        return None
    return window_of(as_utc(answer[chosen.x]))


def _lines(answer: pd.DataFrame, chosen: Fields, palette: Palette, window: Window | None) -> Layers:
    most = MOST_POINTS - MOST_MARKS
    found = points(answer, chosen, most=most)
    frame = found.frame.rename(columns={"x": "bucket_at"})
    timed = frame["bucket_at"].dtype.kind == "M"
    base = alt.Chart(frame)
    base = base.transform_calculate(when=WHEN) if timed else base
    mark = {
        ChartKind.LINE: lambda: base.mark_line(clip=True, strokeWidth=1.8, invalid="break-paths-show-domains"),
        ChartKind.AREA: lambda: base.mark_area(clip=True, opacity=0.75),
    }[chosen.kind]()
    layer = mark.encode(
        x=x_axis(frame["bucket_at"], chosen.x, window),
        y=y_axis(chosen, frame["y"]),
        color=colour_of(frame, palette),
        tooltip=tips_of(chosen, timed=timed),
    )
    return [layer], found.words


def _scatter(answer: pd.DataFrame, chosen: Fields, palette: Palette, window: Window | None) -> Layers:
    every = -(-len(answer) // (MOST_POINTS - MOST_MARKS))
    some = answer.iloc[::every]
    x = as_utc(some[chosen.x]) if is_time(answer, chosen.x) else shown_values(some[chosen.x], 1.0)
    frame = pd.DataFrame(
        {"x": x, "y": shown_values(some[chosen.y], chosen.scale.factor), "series": labels(some, chosen.colour)}
    )
    frame, more = _few_series_only(frame)
    frame = frame.rename(columns={"x": "bucket_at"})
    timed = frame["bucket_at"].dtype.kind == "M"
    base = alt.Chart(frame)
    base = base.transform_calculate(when=WHEN) if timed else base
    layer = base.mark_circle(size=28, opacity=0.7, clip=True).encode(
        x=x_axis(frame["bucket_at"], chosen.x, window),
        y=y_axis(chosen, frame["y"]),
        color=colour_of(frame, palette),
        tooltip=tips_of(chosen, timed=timed),
    )
    words = (f"Every {every:,}th of {len(answer):,} rows is drawn.",) if every > 1 else ()
    return [layer], (*words, *more)


def _few_series_only(frame: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    sizes = frame["series"].value_counts()
    if len(sizes) <= 6:
        return frame, ()
    kept = frame["series"].isin(sizes.index[:5])
    words = f"The 5 most frequent of {len(sizes):,} colours; the others are one."
    return frame.assign(series=frame["series"].where(kept, f"others: {len(sizes) - 5}")), (words,)


_LAYERS = {
    ChartKind.LINE: _lines,
    ChartKind.AREA: _lines,
    ChartKind.BAR: bars,
    ChartKind.HISTOGRAM: histogram,
    ChartKind.SCATTER: _scatter,
    ChartKind.HEAT_MAP: heat_map,
}
