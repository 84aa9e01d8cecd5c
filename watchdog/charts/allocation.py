"""How much of each partition is given out, free, out of service, or not known."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from watchdog.charts.axes import styled
from watchdog.charts.palette import Palette

ALLOCATED, FREE, OUT, UNKNOWN = "allocated", "free", "out of service", "unknown"
PARTS = (ALLOCATED, FREE, OUT, UNKNOWN)
_AROUND = 34
_ROW = 26
_LONGEST_NAME = 20
# The bar ends at 100; the numbers stand behind it.
_WIDTH = 148


def allocation_bars(shares: pd.DataFrame, palette: Palette) -> Any:  # noqa: ANN401 (Altair returns Any)
    """One bar a partition, from nothing to all of one resource.

    Args:
        shares: partition, part (of PARTS), amount, whole: of one resource, in shown units.
        palette: the theme's colours.
    """
    frame = _drawn(shares)
    names = list(frame["partition"].drop_duplicates())
    chart = alt.layer(_bars(frame, names, palette), _numbers(frame, names, palette))
    return styled(chart.properties(height=_AROUND + _ROW * max(1, len(names)), width="container"), palette)


def allocation_text(shares: pd.DataFrame, resource: str) -> str:
    """The chart in a sentence, for those who do not see it."""
    given = _given(shares).head(12)
    words = [f"{name} {text}" for name, text in zip(given["partition"], given["text"], strict=True)]
    return f"Allocated {resource}: {'; '.join(words)}."


def _given(shares: pd.DataFrame) -> pd.DataFrame:
    """partition, and in `text` how much of it is given out, as far as that is known."""
    untold = shares[shares["part"] == UNKNOWN].set_index("partition")["amount"]
    given = shares[shares["part"] == ALLOCATED]
    rows = given[["partition", "amount", "whole"]].itertuples(index=False, name=None)
    texts = [_amount(amount, whole, float(untold.get(name, 0.0))) for name, amount, whole in rows]
    return pd.DataFrame({"partition": given["partition"].to_numpy(), "text": pd.array(texts, dtype="string")})


def _amount(amount: float, whole: float, untold: float) -> str:
    if not untold:
        return f"{amount:,.0f} of {whole:,.0f}"
    return f"≥ {amount:,.0f} of {whole:,.0f}" if amount else f"? of {whole:,.0f}"


def _drawn(shares: pd.DataFrame) -> pd.DataFrame:
    share = shares["amount"] / shares["whole"].where(shares["whole"] > 0) * 100
    end = share.groupby(shares["partition"], sort=False).cumsum()
    return pd.DataFrame(
        {
            "partition": shares["partition"].astype("string").str.slice(0, _LONGEST_NAME),
            "part": shares["part"].astype("string"),
            "x": (end - share).round(3),
            "x2": end.round(3),
            "amount": shares["amount"].round(1),
            "whole": shares["whole"].round(1),
            "share": share.round(1),
        }
    )


def _y(names: list[str]) -> alt.Y:
    axis = alt.Axis(title=None, labelLimit=110, labelPadding=6, ticks=False, domain=False)
    return alt.Y("partition:N", scale=alt.Scale(domain=names, paddingInner=0.3), axis=axis)


def _x(field: str) -> alt.X:
    return alt.X(f"{field}:Q", scale=alt.Scale(domain=[0, _WIDTH], nice=False), axis=None)


_TIPS = (("partition:N", "partition"), ("part:N", "part"), ("amount:Q", "amount"), ("whole:Q", "of"), ("share:Q", "%"))


def _bars(frame: pd.DataFrame, names: list[str], palette: Palette) -> Any:  # noqa: ANN401 (Altair returns Any)
    present = [part for part in PARTS if part != UNKNOWN or (frame.loc[frame["part"] == UNKNOWN, "amount"] > 0).any()]
    colours = [palette.load[2], palette.load[0], palette.no_data, palette.unknown][: len(present)]
    legend = alt.Legend(title=None, symbolType="square", offset=2)
    return (
        alt.Chart(frame)
        .mark_bar(stroke=palette.muted, strokeWidth=0.5)
        .encode(
            x=_x("x"),
            x2="x2:Q",
            y=_y(names),
            color=alt.Color("part:N", scale=alt.Scale(domain=present, range=colours), legend=legend),
            tooltip=[alt.Tooltip(field, title=title) for field, title in _TIPS],
        )
    )


def _numbers(frame: pd.DataFrame, names: list[str], palette: Palette) -> Any:  # noqa: ANN401 (Altair returns Any)
    labels = _given(frame).assign(x=103.0)
    mark = alt.Chart(labels).mark_text(align="left", baseline="middle", fontSize=11, color=palette.text)
    return mark.encode(x=_x("x"), y=_y(names), text="text:N")
