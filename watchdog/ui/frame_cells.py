"""Single cells of frames, where null is None, NaN, NaT or NA, as values and as words."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from watchdog.model.units import MISSING, duration_text


def seconds_text(seconds: float | None) -> str:
    """A length in seconds as people read it."""
    return MISSING if seconds is None or pd.isna(seconds) else duration_text(timedelta(seconds=float(seconds)))


def limit_text(seconds: float | None) -> str:
    """A time limit; inf is none."""
    return "no limit" if seconds == float("inf") else seconds_text(seconds)


def count_text(count: Any) -> str:  # noqa: ANN401 (a cell of a frame)
    """A count with its thousands."""
    return f"{int(count):,}" if has(count) else MISSING


def number(value: Any) -> float | None:  # noqa: ANN401 (a cell of a frame)
    """A number, or None."""
    return float(value) if has(value) else None


def has(value: Any) -> bool:  # noqa: ANN401 (a cell of a frame)
    """Whether there is a value."""
    return value is not None and not pd.isna(value)


def instant(value: Any) -> datetime | None:  # noqa: ANN401 (a cell of a frame)
    """An instant, or None."""
    return pd.Timestamp(value).to_pydatetime() if has(value) else None
