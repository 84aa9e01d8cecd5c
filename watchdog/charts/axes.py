"""Axes that every chart shares: time in UTC, units on y, loads from zero."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import altair as alt

from watchdog.charts.palette import Palette
from watchdog.model.metrics import CATALOGUE, Kind, Unit
from watchdog.model.telemetry import Window
from watchdog.model.units import SHOWN

# Altair would draw instants in the browser's zone; a UTC scale draws them as they are.
# Everything is a load or a count but temperature, where only differences say something.
_ZERO_BASED = set(Unit) - {Unit.CELSIUS}
_TICK = "utcFormat(datum.value, utchours(datum.value) + utcminutes(datum.value) == 0 ? '%b %d' : '%H:%M')"
WHEN = "utcFormat(datum.bucket_at, '%Y-%m-%d %H:%M:%S UTC')"


def time_axis(window: Window, *, title: bool = True) -> alt.X:
    """`bucket_at` over the whole window, said to be UTC once."""
    domain = [_instant(window.since), _instant(window.until)]
    axis = alt.Axis(
        title="time, UTC" if title else None, grid=False, tickCount=6, labelOverlap="greedy", labelExpr=_TICK
    )
    return alt.X("bucket_at:T", scale=alt.Scale(type="utc", domain=domain, nice=False), axis=axis)


def _instant(at: datetime) -> alt.DateTime:
    """Not as a number: the browser's Vega-Lite joins a numeric domain with a second one of its own."""
    utc = at.astimezone(UTC)
    return alt.DateTime(
        year=utc.year, month=utc.month, date=utc.day, hours=utc.hour, minutes=utc.minute, seconds=utc.second, utc=True
    )


def unit_title(metric: str) -> str:
    """The metric's name with the unit it is shown in."""
    shown = SHOWN[CATALOGUE[metric].unit]
    return f"{CATALOGUE[metric].label}, {shown.suffix}" if shown.suffix else CATALOGUE[metric].label


def value_axis(metric: str, field: str = "shown:Q") -> alt.Y:
    """Values in shown units; from 0 for loads, up to 100 for percents."""
    unit = CATALOGUE[metric].unit
    scale: dict[str, Any] = {"zero": unit in _ZERO_BASED}
    if unit is Unit.RATIO:
        scale = {"domain": [0, 100]}
    axis = alt.Axis(title=SHOWN[unit].suffix or "count", tickCount=4, format="~s" if unit is Unit.COUNT else "~f")
    return alt.Y(field, scale=alt.Scale(**scale), axis=axis)


def value_format(metric: str) -> str:
    """d3 format of exact values in tooltips: one digit more than in tiles."""
    counted = CATALOGUE[metric].kind is not Kind.GAUGE
    return "," if counted else f",.{SHOWN[CATALOGUE[metric].unit].digits + 1}f"


def styled(chart: Any, palette: Palette, **more: Any) -> Any:  # noqa: ANN401 (Altair returns Any)
    """The theme's text and line colours, no frame; `more` goes into the chart's config.

    All in one call: each of Altair's `configure_…` copies the whole chart.
    """
    lines = dict.fromkeys(("gridColor", "domainColor", "tickColor"), palette.line)
    small = {"labelFontSize": 11, "titleFontSize": 11, "titleFontWeight": "normal", "titleColor": palette.muted}
    return chart.configure(
        background="transparent",
        view={"stroke": None},
        axis={"labelColor": palette.muted, **lines, **small},
        legend={**small, "labelColor": palette.text, "labelFontSize": 12, "orient": "top"},
        **more,
    )
