"""A quantity of many GPUs or nodes over time, as rows of colour."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import altair as alt
import pandas as pd

from watchdog.charts.axes import WHEN, styled, time_axis, unit_title, value_format
from watchdog.charts.palette import Palette
from watchdog.model.metrics import CATALOGUE, Unit
from watchdog.model.telemetry import Window
from watchdog.model.units import SHOWN

# Legend, axis and title stand inside the height a chart is given.
_AROUND = 88


def heat_map(
    rows: pd.DataFrame, metric: str, window: Window, step: timedelta, palette: Palette, limit: float | None = None
) -> Any:  # noqa: ANN401 (Altair returns Any)
    """One row a GPU or node: `rows` has row, bucket_at, value. A missing bucket stays empty.

    Args:
        rows: services.gpu_history.HeatMap.frame.
        metric: temperatures take the heat hue, everything else the load hue.
        window: drawn whole.
        step: length of a bucket.
        palette: the theme's colours.
        limit: value of the strongest colour, in base units: the GPU's own limit; None takes the data's.
    """
    unit = CATALOGUE[metric].unit
    factor = SHOWN[unit].factor
    frame = pd.DataFrame(
        {"row": rows["row"], "bucket_at": rows["bucket_at"], "shown": (rows["value"] * factor).round(2)}
    )
    # A little over, or the background shines through between neighbours.
    frame["ends_at"] = frame["bucket_at"] + pd.Timedelta(step) * 1.05
    is_heat = unit is Unit.CELSIUS
    domain = [30 if is_heat else 0, limit * factor] if limit else alt.Undefined
    scale = alt.Scale(domain=domain, range=list(palette.heat if is_heat else palette.load), clamp=True)
    colour = alt.Color(
        "shown:Q",
        title=unit_title(metric),
        scale=scale,
        legend=alt.Legend(gradientLength=160, gradientThickness=8, direction="horizontal", tickCount=4, offset=6),
    )
    count = max(1, frame["row"].nunique())
    tips = [
        alt.Tooltip("row:N", title="line"),
        alt.Tooltip("when:N", title="bucket from"),
        alt.Tooltip("shown:Q", title=unit_title(metric), format=value_format(metric)),
    ]
    chart = (
        alt.Chart(frame)
        .transform_calculate(when=WHEN)
        .mark_rect(clip=True)
        .encode(
            x=time_axis(window),
            x2="ends_at:T",
            y=alt.Y("row:N", title=None, sort="ascending", axis=alt.Axis(labelLimit=120, labelOverlap=True)),
            color=colour,
            tooltip=tips,
        )
        .properties(height=_AROUND + max(20, min(20, 420 / count) * count), width="container")
    )
    return styled(chart, palette)
