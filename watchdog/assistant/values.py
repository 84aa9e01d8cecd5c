"""Cells of a tool's table as people read them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from types import MappingProxyType

from watchdog.assistant.records import Value
from watchdog.model.metric import Unit
from watchdog.model.units import MISSING, bytes_text, duration_text, instant_text, number_text, unit_text, usd

SECONDS, HOURS, USD = "seconds", "hours", "USD"


def shown(value: Value, unit: str = "") -> str:
    """A cell with its unit: 0.87 "ratio" as "87 %", 5400 "seconds" as "1 h 30 min"; "n/a" where it is not known."""
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, str):
        return value
    return _WRITERS.get(unit, _plain)(float(value))


def _plain(value: float) -> str:
    return number_text(value, 0 if value == int(value) else 2)


def _of_unit(unit: Unit) -> Callable[[float], str]:
    return lambda value: unit_text(value, unit)


def _ratio(value: float) -> str:
    """Shares under 1 % with a decimal: what was hardly used was used."""
    return f"{value * 100:.1f}\u00a0%" if 0 < abs(value) < 0.01 else unit_text(value, Unit.RATIO)


def _power(watts: float) -> str:
    return f"{watts / 1e3:,.1f}\u00a0kW" if abs(watts) >= 10_000 else unit_text(watts, Unit.WATTS)


_WRITERS: MappingProxyType[str, Callable[[float], str]] = MappingProxyType(
    {
        **{str(unit): _of_unit(unit) for unit in Unit if unit not in {Unit.COUNT, Unit.CODE}},
        "code": lambda value: f"{value:.0f}",
        "ratio": _ratio,
        "watts": _power,
        "bytes": bytes_text,
        SECONDS: lambda value: duration_text(timedelta(seconds=value)),
        HOURS: lambda value: f"{value:,.1f}\u00a0h",
        USD: usd,
    }
)
