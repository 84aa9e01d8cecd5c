"""Between frames and numpy: instants as integers, categories as codes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(instant: datetime) -> int:
    """Microseconds since the Unix epoch."""
    return (instant - _EPOCH) // _MICROSECOND


def instant(us: int) -> datetime:
    """The aware instant of so many microseconds since the Unix epoch."""
    return _EPOCH + timedelta(microseconds=us)


def duration_micros(length: timedelta) -> int:
    """Microseconds in `length`."""
    return length // _MICROSECOND


def column_micros(column: pd.Series) -> Ints:
    """An instant column of a contract frame as microseconds since the Unix epoch."""
    return np.asarray(column.astype("int64"), dtype=np.int64)


def instants(us: Ints) -> pd.DatetimeIndex:
    """Microseconds since the Unix epoch as an instant column."""
    return pd.DatetimeIndex(us.view("M8[us]")).tz_localize("UTC")


def taken(column: pd.Series, rows: Ints) -> Any:  # noqa: ANN401 (pandas' extension arrays have no useful type)
    """The array of `column` at `rows`, categories and nulls kept."""
    return column.array.take(rows)


def codes(frame: pd.DataFrame, columns: tuple[str, ...]) -> Ints:
    """One integer a row that tells combinations of the categorical `columns` apart."""
    key = np.zeros(len(frame), dtype=np.int64)
    for name in columns:
        column = frame[name].array
        if len(column.categories) > 1:
            key *= len(column.categories) + 1
            key += column.codes
    return key
