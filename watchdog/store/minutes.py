"""From readings to minutes: pure numpy over sorted arrays, so that an hour of a thousand GPUs takes a fraction of a second."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from watchdog.model.arrays import Floats, Ints, duration_micros, micros
from watchdog.model.counters import growth
from watchdog.model.telemetry import Window
from watchdog.store.tiers import MINUTES

Flags = npt.NDArray[np.bool_]

_MINUTE = duration_micros(MINUTES.span)


@dataclass(frozen=True, eq=False)
class Readings:
    """Readings ordered by series, then time: ids, microseconds since the epoch, values; each of shape (n,)."""

    series: Ints
    at: Ints
    value: Floats

    @classmethod
    def of(cls, series: Ints, at: Ints, value: Floats) -> Readings:
        """Put in order; without work where they are already."""
        order = _order(series, at)
        return cls(series, at, value) if order is None else cls(series[order], at[order], value[order])


def _order(series: Ints, at: Ints) -> Ints | None:
    if not _falls(series, at):
        return None
    # Sources give whole series in order of time, so that sorting by series alone is mostly enough.
    order = np.argsort(series, kind="stable")
    return np.lexsort((at, series)) if _falls(series[order], at[order]) else order


def _falls(series: Ints, at: Ints) -> bool:
    step = np.diff(series)
    return bool((step < 0).any() or (np.diff(at)[step == 0] < 0).any())


def minutes_of(readings: Readings, is_counter: Flags, window: Window) -> pd.DataFrame:
    """Rows of `rollup_1m` for the whole minutes of `window`, ordered by series and time.

    Args:
        readings: those before the window only tell what counters counted from.
        is_counter: by series id, whether it is a counter.
        window: whole minutes.
    """
    series, at, value = readings.series, readings.at, readings.value
    counts = is_counter[series]
    added = np.full(len(value), np.nan)
    added[counts] = growth(series[counts], at[counts], value[counts])
    keep = (at >= micros(window.since)) & (at < micros(window.until))
    series, at, value, added = series[keep], at[keep], value[keep], added[keep]
    minute = at // _MINUTE
    begins = np.ones(len(series), bool)
    begins[1:] = (np.diff(series) != 0) | (np.diff(minute) != 0)
    first = np.flatnonzero(begins)
    ends = np.r_[first[1:], len(series)][: len(first)]
    return pd.DataFrame(
        {
            "bucket": minute[first].astype(np.int32),
            "series_id": series[first].astype(np.int32),
            "min": _reduced(np.minimum, value, first),
            "max": _reduced(np.maximum, value, first),
            "sum": _without_noise(_reduced(np.add, value, first)),
            "count": (ends - first).astype(np.uint32),
            "last": value[ends - 1],
            "increase": _sum_known(added, first),
        },
        copy=False,
    )


def _reduced(how: np.ufunc, value: Floats, first: Ints) -> Floats:
    return how.reduceat(value, first) if len(first) else value


def _without_noise(total: Floats) -> Floats:
    """0.1 + 0.2 as 0.3: digits beyond the sensors' cost space and mean nothing."""
    return np.where(np.abs(total) < 1e3, np.round(total, 12), total)


def _sum_known(added: Floats, first: Ints) -> Floats:
    """Sums of each run, leaving out NaN; null where nothing is known."""
    known = ~np.isnan(added)
    if not known.any():
        return np.full(len(first), np.nan)
    total = np.add.reduceat(np.where(known, added, 0.0), first)
    return np.where(np.logical_or.reduceat(known, first), total, np.nan)
