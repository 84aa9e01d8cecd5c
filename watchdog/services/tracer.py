"""The last hour of the whole fleet in memory, minute by minute, kept up with every reading."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from watchdog.analysis.health.facts import TRACE_METRICS, TRACE_MINUTES
from watchdog.analysis.health.trace import MINUTE_US, Matrix, Trace
from watchdog.model.arrays import Ints, column_micros
from watchdog.model.metrics import CATALOGUE, Kind, Unit

Names = pd.Series | pd.Index | list[str]
_NEVER = np.iinfo(np.int64).min
_WORST = (Unit.FLAG, Unit.CODE)


class Tracer:
    """Holds TRACE_METRICS of every GPU for TRACE_MINUTES; about 80 MB for 10,000 GPUs. One thread uses it."""

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}
        self._first = 0  # the minute of the first column, counted from the epoch
        self._values: dict[str, Matrix] = {}
        self._keys: tuple[str, ...] = TRACE_METRICS
        self._taken_at: Ints = np.empty(0, dtype=np.int64)
        self._readings = np.empty(0)

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, wide: pd.DataFrame, traced: Sequence[str] = ()) -> NDArray[np.bool_]:
        """Take in the newest readings (`pivot.one_row_a_gpu`); returns which rows are new since the last time.

        `traced` are keys of more metrics to hold from now on.
        """
        self._keys = tuple(dict.fromkeys((*TRACE_METRICS, *traced)))
        rows, at = self._rows_of(wide["gpu_uuid"]), column_micros(wide["sampled_at"])
        fresh = at > self._taken_at[rows]
        if fresh.any():
            self._show(int(at[fresh].max() // MINUTE_US))
            rows, at, new = rows[fresh], at[fresh], wide[fresh]
            self._count(rows, at)
            self._place(rows, at // MINUTE_US - self._first, new)
            self._taken_at[rows] = at
        return fresh

    def fill(self, series: pd.DataFrame) -> None:
        """Take in one-minute buckets (SERIES by GPU) of the past; what is known already stays."""
        if not len(series):
            return
        minutes = column_micros(series["bucket_at"]) // MINUTE_US
        self._show(int(minutes.max()))
        uuids = series["gpu_uuid"].cat
        rows = self._rows_of(uuids.categories)[uuids.codes.to_numpy()]
        columns, values = minutes - self._first, series["value"].to_numpy()
        for key in TRACE_METRICS:
            chosen = (series["metric"] == key).to_numpy() & (columns >= 0)
            if chosen.any():
                matrix = self._matrix(key)
                known = matrix[rows[chosen], columns[chosen]]
                matrix[rows[chosen], columns[chosen]] = np.where(np.isnan(known), values[chosen], known)

    def trace(self, gpu_uuids: Names, at_us: int) -> Trace:
        """The minutes up to `at_us`, rows in the order of `gpu_uuids`."""
        self._show(at_us // MINUTE_US)
        rows = self._rows_of(gpu_uuids)
        width = min(TRACE_MINUTES, max(0, at_us // MINUTE_US - self._first + 1))
        minutes = (self._first + np.arange(width)) * MINUTE_US
        return Trace(len(rows), minutes, {key: matrix[rows, :width] for key, matrix in self._values.items()})

    def _rows_of(self, gpu_uuids: Names) -> Ints:
        known = self._rows
        names = np.asarray(gpu_uuids, dtype=object)  # Arrow hands out one text after the other slowly
        rows = np.fromiter((known.setdefault(uuid, len(known)) for uuid in names), np.int64, len(names))
        grown = len(known) - len(self._taken_at)
        if grown > 0:
            self._taken_at = np.append(self._taken_at, np.full(grown, _NEVER))
            self._readings = np.append(self._readings, np.zeros(grown))
            for key, matrix in self._values.items():
                self._values[key] = np.concatenate([matrix, _blank(key, grown)], dtype=_dtype(key))
        return rows

    def _show(self, minute: int) -> None:
        """Move the window on so that it ends with `minute`; it never moves back."""
        shift = minute - (self._first + TRACE_MINUTES - 1)
        if shift <= 0:
            return
        self._first += shift
        for matrix in self._values.values():
            kept = matrix[:, shift:].copy()
            matrix[:] = np.nan
            matrix[:, : kept.shape[1]] = kept

    def _count(self, rows: Ints, at: Ints) -> None:
        same = at // MINUTE_US == self._taken_at[rows] // MINUTE_US
        self._readings[rows] = np.where(same, self._readings[rows] + 1, 1)

    def _place(self, rows: Ints, columns: Ints, new: pd.DataFrame) -> None:
        shown = columns >= 0
        rows, columns = rows[shown], columns[shown]
        for key in self._keys:
            if key not in new:
                continue
            values = new[key].to_numpy(dtype=_dtype(key))[shown]
            if key not in self._values and np.isnan(values).all():
                continue
            matrix = self._matrix(key)
            matrix[rows, columns] = _merged(key, matrix[rows, columns], values, self._readings[rows])

    def _matrix(self, key: str) -> Matrix:
        if key not in self._values:
            self._values[key] = _blank(key, len(self._taken_at))
        return self._values[key]


def _dtype(key: str) -> type[np.floating[Any]]:
    # What a large counter grew by in a minute would be lost in half the width.
    return np.float64 if CATALOGUE[key].kind is Kind.COUNTER else np.float32


def _blank(key: str, rows: int) -> Matrix:
    return np.full((rows, TRACE_MINUTES), np.nan, dtype=_dtype(key))


def _merged(key: str, known: Matrix, new: Matrix, readings: NDArray[np.float64]) -> Matrix:
    """One number for the minute: a counter's last value, the worst of a flag, the mean of a gauge."""
    metric = CATALOGUE[key]
    if metric.kind is Kind.COUNTER:
        return np.where(np.isnan(new), known, new)
    if metric.unit in _WORST:
        return np.fmax(known, new)
    mean = known + (new - known) / readings
    return np.asarray(np.where(np.isnan(known), new, np.where(np.isnan(new), known, mean)))
