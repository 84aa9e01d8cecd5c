"""What was spent on each day, by pod, user or use."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from watchdog.charts.axes import styled
from watchdog.charts.palette import Palette

_MOST = 6
OTHERS = "others"


def spend_bars(sums: pd.DataFrame, palette: Palette) -> Any:  # noqa: ANN401 (Altair returns Any)
    """One bar a day, its parts in the order of what they cost.

    Args:
        sums: day (midnight UTC), part (text), usd.
        palette: the theme's colours.
    """
    frame = few(sums)
    parts = [*frame.groupby("part", sort=False)["usd"].sum().sort_values(ascending=False).index]
    colours = [palette.no_data if part in (OTHERS, "unknown") else colour for part, colour in zip(parts, [*palette.series, palette.no_data], strict=False)]  # fmt: skip
    frame = frame.assign(label=frame["day"].dt.strftime("%b %d"))
    legend = alt.Legend(title=None, symbolType="square", columns=4, labelLimit=160)
    chart = (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            x=alt.X(
                "label:O", sort=[*frame.sort_values("day")["label"].unique()], title="day, UTC", axis=alt.Axis(labelAngle=0, labelOverlap="greedy")
            ),
            y=alt.Y("usd:Q", title="USD", axis=alt.Axis(tickCount=4, format="$,.2~f"), stack="zero"),
            color=alt.Color("part:N", scale=alt.Scale(domain=parts, range=colours), legend=legend),
            order=alt.Order("usd:Q", sort="descending"),
            tooltip=[
                alt.Tooltip("label:O", title="day"),
                alt.Tooltip("part:N", title="part"),
                alt.Tooltip("usd:Q", title="USD", format="$,.2f"),
            ],
        )
    )  # fmt: skip
    return styled(chart.properties(height=220, width="container"), palette)


def few(sums: pd.DataFrame) -> pd.DataFrame:
    """The same with the cheapest parts beyond six put together as others."""
    order = sums.groupby("part")["usd"].sum().sort_values(ascending=False).index
    if len(order) <= _MOST:
        return sums
    kept = sums["part"].where(sums["part"].isin(order[: _MOST - 1]), OTHERS)
    return sums.assign(part=kept).groupby(["day", "part"], sort=False)["usd"].sum().reset_index()
