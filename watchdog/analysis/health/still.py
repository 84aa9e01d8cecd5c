"""Readings that do not move at all."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from watchdog.analysis.health.trace import Matrix, Trace

Bools = NDArray[np.bool_]
# Gauges of the trace that live hardware moves; minutes hold their means.
LEVELS = (
    "power_watts",
    "gpu_temperature_celsius",
    "sm_clock_hertz",
    "gpu_util_ratio",
    "memory_used_bytes",
    "sm_active_ratio",
)
# The mean of equal numbers may differ from them in the last digit of a float32; a counter's last value may not.
_EQUAL = 1e-6
_COUNTERS = frozenset({"energy_joules"})


def stood_still(trace: Trace, metrics: Iterable[str], minutes: int) -> Bools:
    """GPUs for which none of these moved in the last so many minutes; what is not read moves nothing."""
    still = np.ones(trace.count, dtype=bool)
    for metric in metrics:
        if metric in trace.values:
            # Dear to compute, and hardly any GPU is left after the first.
            left = np.flatnonzero(still)
            still[left] = ~_spans(trace.last(metric, minutes + 1)[left], 0.0 if metric in _COUNTERS else _EQUAL)
    return still


def _spans(values: Matrix, equal: float) -> Bools:
    known = ~np.isnan(values)
    highest = np.where(known, values, -np.inf).max(axis=1, initial=-np.inf)
    lowest = np.where(known, values, np.inf).min(axis=1, initial=np.inf)
    size = np.where(known, np.abs(values), 0.0).max(axis=1, initial=0.0)
    return np.asarray(highest - lowest > equal * size)


def moved(trace: Trace, metric: str) -> Bools:
    """In which minutes a reading differed from the one before, shape (GPUs, minutes - 1)."""
    values = trace.values.get(metric)
    if values is None or values.shape[1] < 2:
        return np.zeros((trace.count, max(0, len(trace.minutes) - 1)), dtype=bool)
    steps = np.abs(np.diff(values, axis=1))
    return np.asarray(steps > _EQUAL * np.abs(values[:, 1:]))
