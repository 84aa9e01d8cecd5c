"""Charts over time: lines, or one line in a band; gaps are gaps; a brush picks a window."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from watchdog.charts.axes import WHEN, styled, time_axis, unit_title, value_axis, value_format
from watchdog.charts.palette import Palette
from watchdog.model.metrics import CATALOGUE
from watchdog.model.telemetry import Window
from watchdog.model.units import SHOWN, duration_text, unit_text

BRUSH = "brush"


def history_chart(
    lines: pd.DataFrame,
    metric: str,
    window: Window,
    palette: Palette,
    *,
    threshold: tuple[float, str] | None = None,
    height: int = 210,
) -> Any:  # noqa: ANN401 (Altair returns Any)
    """Lines of `services.gpu_history.History.frame`; with columns low and high, one line in a band.

    Args:
        lines: line, bucket_at, value (base units; null = gap), and perhaps low, high.
        metric: key in the catalogue: gives unit and scale.
        window: drawn whole, also where there is no data.
        palette: the theme's colours.
        threshold: a value in base units and the word beside its line.
        height: in pixels.
    """
    frame = _shown(lines, metric)
    layers = [_band(frame, metric, window, palette)] if "low" in frame else []
    layers += [_lines(frame, metric, window, palette), _hover(frame, metric, window, palette)]
    if threshold is not None:
        layers += _threshold(threshold, metric, palette)
    chart = alt.layer(*layers).properties(height=height, width="container")
    return styled(chart, palette)


def history_text(lines: pd.DataFrame, metric: str, window: Window) -> str:
    """The chart in a sentence, for those who do not see it."""
    unit = CATALOGUE[metric].unit
    low, high = lines["value"].min(), lines["value"].max()
    span = f"between {unit_text(low, unit)} and {unit_text(high, unit)}" if len(lines) else "no readings"
    return f"{unit_title(metric)} over {duration_text(window.length)} to {window.until:%Y-%m-%d %H:%M} UTC: {span}."


def _shown(lines: pd.DataFrame, metric: str) -> pd.DataFrame:
    factor = SHOWN[CATALOGUE[metric].unit].factor
    columns = {"line": lines["line"], "bucket_at": lines["bucket_at"], "shown": (lines["value"] * factor).round(4)}
    if "low" in lines:
        columns |= {edge: (lines[edge] * factor).round(4) for edge in ("low", "high")}
    return pd.DataFrame(columns)


def _colour(frame: pd.DataFrame, palette: Palette) -> alt.Color:
    names = list(frame["line"].drop_duplicates())
    legend = (
        alt.Legend(title=None, symbolType="stroke", symbolStrokeWidth=3, symbolOpacity=1, offset=4)
        if len(names) > 1
        else None
    )
    scale = alt.Scale(domain=names, range=list(palette.series[: max(1, len(names))]))
    return alt.Color("line:N", scale=scale, legend=legend)


def _lines(frame: pd.DataFrame, metric: str, window: Window, palette: Palette) -> Any:  # noqa: ANN401 (Altair returns Any)
    brush = alt.selection_interval(name=BRUSH, encodings=["x"])
    return (
        alt.Chart(frame)
        .mark_line(clip=True, strokeWidth=1.8, interpolate="linear", invalid="break-paths-show-domains")
        .encode(x=time_axis(window), y=value_axis(metric), color=_colour(frame, palette))
        .add_params(brush)
    )


def _band(frame: pd.DataFrame, metric: str, window: Window, palette: Palette) -> Any:  # noqa: ANN401 (Altair returns Any)
    return (
        alt.Chart(frame)
        .mark_area(clip=True, opacity=0.22, color=palette.series[0], invalid="break-paths-show-domains")
        .encode(x=time_axis(window), y=value_axis(metric, "low:Q"), y2="high:Q")
    )


def _hover(frame: pd.DataFrame, metric: str, window: Window, palette: Palette) -> Any:  # noqa: ANN401 (Altair returns Any)
    """Points too faint to see and large enough to hit: they carry the exact values."""
    fmt = value_format(metric)
    values = [("shown:Q", unit_title(metric))]
    if "low" in frame:
        values += [("low:Q", "lowest"), ("high:Q", "highest")]
    tips = [alt.Tooltip("line:N", title="line"), alt.Tooltip("when:N", title="bucket from")]
    tips += [alt.Tooltip(field, title=title, format=fmt) for field, title in values]
    return (
        alt.Chart(frame)
        .transform_calculate(when=WHEN)
        .mark_point(clip=True, filled=True, size=60, opacity=0.001)
        .encode(x=time_axis(window), y=value_axis(metric), color=_colour(frame, palette), tooltip=tips)
    )


def _threshold(threshold: tuple[float, str], metric: str, palette: Palette) -> list[Any]:
    value, word = threshold
    frame = pd.DataFrame({"shown": [value * SHOWN[CATALOGUE[metric].unit].factor], "word": [word]})
    base = alt.Chart(frame).encode(y=value_axis(metric))
    text = base.mark_text(align="left", baseline="bottom", dx=4, dy=-2, fontSize=11, color=palette.muted)
    return [
        base.mark_rule(strokeDash=[4, 3], strokeWidth=1, color=palette.muted),
        text.encode(text="word:N", x=alt.value(0)),
    ]
