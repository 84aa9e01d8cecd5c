"""When a rule would have fired: a row a GPU, a bar an episode."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from watchdog.charts.axes import styled, time_axis
from watchdog.charts.palette import Palette
from watchdog.model.telemetry import Window

MOST_ROWS = 16
_AROUND = 52


def episode_chart(episodes: pd.DataFrame, window: Window, palette: Palette) -> Any:  # noqa: ANN401 (Altair returns Any)
    """Episodes of at most MOST_ROWS GPUs.

    Args:
        episodes: row, fired_at, until (null = still firing), peak (in words).
        window: drawn whole.
        palette: the theme's colours.
    """
    until = pd.Timestamp(window.until)
    ends = episodes["until"].where(episodes["until"] < until, until)
    frame = pd.DataFrame(
        {
            "row": episodes["row"].astype("string").str.slice(0, 60),
            "bucket_at": episodes["fired_at"],
            "ends_at": ends,
            "from": episodes["fired_at"].dt.strftime("%Y-%m-%d %H:%M UTC").astype("string"),
            "to": episodes["until"].dt.strftime("%Y-%m-%d %H:%M UTC").astype("string").fillna("not yet"),
            "peak": episodes["peak"].astype("string"),
        }
    )
    rows = sorted(frame["row"].unique())
    axis = alt.Axis(title=None, labelLimit=180, ticks=False, domain=False)
    base = alt.Chart(frame).encode(
        x=time_axis(window),
        y=alt.Y("row:N", scale=alt.Scale(domain=rows, paddingInner=0.3), axis=axis),
        tooltip=[alt.Tooltip(f"{name}:N", title=title) for name, title in _TIPS],
    )
    bar = base.mark_bar(clip=True, color=palette.warning, opacity=0.75).encode(x2="ends_at:T")
    # A short episode in a week is thinner than a pixel.
    mark = base.mark_point(clip=True, filled=True, shape="triangle-up", size=45, opacity=1.0, color=palette.warning)
    chart = alt.layer(bar, mark).properties(height=_AROUND + len(rows) * 20, width="container")
    return styled(chart, palette)


_TIPS = (("row", "GPU"), ("from", "from"), ("to", "to"), ("peak", "worst value"))
