"""Numbers as people read them: base units inside, percent, GiB, W and °C on screen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from watchdog.model.metrics import Unit

MISSING = "n/a"
# Keeps a number and its unit on one line.
SPACE = "\u00a0"


@dataclass(frozen=True)
class Shown:
    """How a base unit is shown: `value * factor` with `digits` decimals and `suffix`."""

    factor: float
    suffix: str
    digits: int = 0


SHOWN: MappingProxyType[Unit, Shown] = MappingProxyType(
    {
        Unit.RATIO: Shown(100.0, "%"),
        Unit.BYTES: Shown(2.0**-30, "GiB", 1),
        Unit.BYTES_PER_SECOND: Shown(1e-9, "GB/s", 2),
        Unit.WATTS: Shown(1.0, "W"),
        Unit.JOULES: Shown(1 / 3.6e6, "kWh", 1),
        Unit.CELSIUS: Shown(1.0, "°C"),
        Unit.HERTZ: Shown(1e-6, "MHz"),
        Unit.COUNT: Shown(1.0, ""),
        Unit.FLAG: Shown(1.0, ""),
        Unit.CODE: Shown(1.0, ""),
    }
)


def number_text(value: float | None, digits: int = 0) -> str:
    """A plain number with `digits` decimals; "n/a" without a reading."""
    if value is None or math.isnan(value):
        return MISSING
    return f"{value:,.{digits}f}"


def unit_text(value: float | None, unit: Unit) -> str:
    """A value in its base unit as it is shown: `0.97` as "97 %"; "n/a" without a reading."""
    if value is None or math.isnan(value):
        return MISSING
    if unit is Unit.FLAG:
        return "yes" if value else "no"
    shown = SHOWN[unit]
    text = number_text(value * shown.factor, shown.digits)
    return f"{text}{SPACE}{shown.suffix}" if shown.suffix else text


def percent(ratio: float | None) -> str:
    """A ratio as percent; "n/a" without a reading, never `nan%` and never 0 %."""
    return unit_text(ratio, Unit.RATIO)


def power_text(watts: float | None) -> str:
    """The power of many GPUs: kW, from a thousand on MW."""
    if watts is None or math.isnan(watts):
        return MISSING
    return f"{watts / 1e6:,.2f}{SPACE}MW" if watts >= 1e6 else f"{watts / 1e3:,.1f}{SPACE}kW"


def usd(amount: float | None) -> str:
    """Dollars; cents below ten."""
    if amount is None or math.isnan(amount):
        return MISSING
    return f"${amount:,.0f}" if amount >= 10 else f"${amount:,.2f}"


def bytes_text(count: float | None) -> str:
    """Bytes with the binary unit that leaves one to four digits."""
    if count is None or math.isnan(count):
        return MISSING
    value, names = float(count), ("B", "KiB", "MiB", "GiB")
    for name in names:
        if value < 1024 or name == names[-1]:
            return f"{value:,.{0 if name == 'B' else 1}f}{SPACE}{name}"
        value /= 1024
    raise AssertionError("the last name always returns")


def duration_text(length: timedelta | None) -> str:
    """A length of time by its two largest parts: "3 h 12 min", "45 s", "2 d 4 h"; "n/a" for None."""
    if length is None:
        return MISSING
    seconds = abs(round(length.total_seconds()))
    parts = (("d", seconds // 86400), ("h", seconds // 3600 % 24), ("min", seconds // 60 % 60), ("s", seconds % 60))
    first = next((i for i, (_, count) in enumerate(parts) if count), 3)
    shown = [f"{count}{SPACE}{name}" for name, count in parts[first : first + 2] if count]
    return " ".join(shown) or f"0{SPACE}s"


def instant_text(instant: datetime | None, *, near: datetime | None = None) -> str:
    """An instant in UTC, without the date where `near` is on the same day; "never" for None."""
    if instant is None:
        return "never"
    utc = instant.astimezone(UTC)
    same_day = near is not None and near.astimezone(UTC).date() == utc.date()
    return f"{utc:%H:%M:%S} UTC" if same_day else f"{utc:%Y-%m-%d %H:%M:%S} UTC"
