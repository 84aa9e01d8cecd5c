"""How much a counter grew: one definition for every source, so that answers are equal.

Prometheus' `increase()` extrapolates and VictoriaMetrics' does not, so neither is used.
"""

from __future__ import annotations

import numpy as np

from watchdog.model.arrays import Floats, Ints, duration_micros
from watchdog.model.telemetry import LOOKBACK

_LOOKBACK_MICROS = duration_micros(LOOKBACK)


def growth(series: Ints, at_micros: Ints, value: Floats) -> Floats:
    """What each sample adds to its counter since the sample before it.

    A drop is a reset: the counter began again at 0, so the new value was added. The growth belongs to
    the instant of the later sample, so sums over buckets add up to the sum over the whole.

    Args:
        series: which series each row belongs to; rows are ordered by series, then time.
        at_micros: when it was taken, microseconds.
        value: the counter.

    Returns:
        The growth; NaN for a sample with no other in the LOOKBACK before it: nothing is known then.
    """
    added = np.full(len(value), np.nan)
    if len(value) < 2:
        return added
    difference = value[1:] - value[:-1]
    follows = (series[1:] == series[:-1]) & (at_micros[1:] - at_micros[:-1] <= _LOOKBACK_MICROS)
    added[1:] = np.where(follows, np.where(difference >= 0, difference, value[1:]), np.nan)
    return added
