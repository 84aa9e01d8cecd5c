"""Readings of the past as matrices: one row a GPU, one column a bucket, NaN where nobody read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from watchdog.alerts.evaluate import compared
from watchdog.alerts.quantities import QUANTITIES
from watchdog.model.arrays import column_micros, duration_micros, micros
from watchdog.model.rules import Rule
from watchdog.model.telemetry import Window

Floats = NDArray[np.float64]
# As in `evaluate.readings`: what has stopped, and what was seen of too little.
_STOPPED = timedelta(minutes=5)
_COVERED = 0.5


def columns_of(window: Window, step: timedelta) -> NDArray[np.int64]:
    """Start of each bucket, microseconds; `window` begins at a multiple of `step`."""
    return np.arange(micros(window.since), micros(window.until), duration_micros(step))


def matrix(series: pd.DataFrame, metric: str, gpus: pd.Index, window: Window, step: timedelta) -> Floats:
    """One metric of `series` (SERIES) for these UUIDs; what is not asked for is left out.

    Parts of a GPU become one value as `Metric.over_gpus` says, unless the whole has its own.
    """
    count = len(columns_of(window, step))
    rows = series[(series["metric"] == metric).to_numpy()]
    row = gpus.get_indexer(rows["gpu_uuid"].cat.categories.astype(str))[rows["gpu_uuid"].cat.codes.to_numpy()]
    column = (column_micros(rows["bucket_at"]) - micros(window.since)) // duration_micros(step)
    wanted = (row >= 0) & (column >= 0) & (column < count)
    cell = (row * count + column)[wanted]
    value = rows["value"].to_numpy(dtype=np.float64)[wanted]
    whole = (rows["part"] == "").to_numpy()[wanted]
    flat = np.full(len(gpus) * count, np.nan)
    _put_parts(flat, QUANTITIES[metric].over_gpus, cell[~whole], value[~whole])
    flat[cell[whole]] = value[whole]
    return flat.reshape(len(gpus), count)


def _put_parts(flat: Floats, how: str, cell: NDArray[np.int64], value: Floats) -> None:
    if not len(cell):
        return
    parts = pd.Series(value).groupby(cell).agg({"mean": "mean", "sum": "sum", "max": "max"}[how])
    flat[parts.index.to_numpy()] = parts.to_numpy()


def quantity(key: str, read: Mapping[str, Floats]) -> Floats:
    """A quantity made of its ingredients, as `Facts.cells` has it."""
    if key == "busy_ratio":
        return np.where(np.isnan(read["gpu_util_ratio"]), read["graphics_engine_active_ratio"], read["gpu_util_ratio"])
    if key == "memory_ratio":
        return np.minimum(_share(read["memory_used_bytes"], read["memory_total_bytes"]), 1.0)
    if key == "power_ratio":
        return _share(read["power_watts"], read["power_limit_watts"])
    return read[key]


def _share(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)


def grown(rule: Rule, growth: Floats, step: timedelta, *, more: int = 0) -> Floats:
    """Growth of a counter within `over_seconds` and so many buckets more, up to each bucket's end.

    NaN where the counter has stopped, or where so little of the window was seen that small growth proves nothing.
    """
    length = max(1, round(rule.over_seconds / step.total_seconds())) + more
    known = ~np.isnan(growth)
    total = _rolling(np.where(known, growth, 0.0), length)
    share = _rolling(known.astype(np.float64), length) / length
    stopped = _rolling(known.astype(np.float64), max(1, _STOPPED // step)) == 0
    proven = compared(rule.comparison, total, rule.threshold) & rule.comparison.is_upper
    return np.where(stopped | ((share < _COVERED) & ~proven), np.nan, total)


def _rolling(values: Floats, length: int) -> Floats:
    """Sum of the last so many columns, fewer at the beginning; adds up anew each time, so that nothing is left over."""
    sums = np.zeros_like(values)
    for back in range(min(length, values.shape[1])):
        sums[:, back:] += values[:, : values.shape[1] - back]
    return sums
