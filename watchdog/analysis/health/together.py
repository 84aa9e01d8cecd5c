"""Rows that fall at the same moment: a collective that waits stops all GPUs of a job at once.

Pure functions on matrices (rows x instants), whatever the rows are: GPUs, or nodes with one power sensor each.
"""

from __future__ import annotations

import numpy as np

from watchdog.analysis.health.check import Bools
from watchdog.analysis.health.held import quantile
from watchdog.analysis.health.trace import Matrix
from watchdog.model.arrays import Floats

# JUWELS Booster, 64 nodes: a stalled training job draws 0.43 of its usual power, and 0.9 or more when it works.
POWER_RATIO = 0.55
# Instants at which hardly any row has a reading show nothing.
_SEEN = 0.7
_USUAL = 0.75


def moving(values: Floats | Matrix) -> Bools:
    """Rows whose readings are not one and the same value all the time: a frozen sensor says nothing."""
    return np.asarray(np.fmax.reduce(values, axis=1) > np.fmin.reduce(values, axis=1))


def usual(values: Floats | Matrix) -> Floats:
    """What each row shows when it works: its upper quartile, as long as it stood still for less than 3/4 of the time."""
    return quantile(values, _USUAL)


def low_together(values: Floats | Matrix, ratio: float = POWER_RATIO) -> Bools:
    """Instants at which every row that moves is at `ratio` of its usual level or below, after it had been above.

    Args:
        values: readings, shape (rows, instants), NaN where there is none.
        ratio: of each row's own usual level.
    """
    live = np.asarray(values[moving(values)], dtype=np.float64)
    return fallen(live, ratio * usual(live))


def fallen(live: Floats | Matrix, limits: Floats) -> Bools:
    """Instants at which every row with a reading is at its limit or below, after an instant at which one was above."""
    if not len(live):
        return np.zeros(live.shape[1], dtype=bool)
    seen = (~np.isnan(live)).mean(axis=0) >= _SEEN
    above = seen & (live > limits[:, None]).any(axis=0)
    return np.asarray(seen & ~above & np.maximum.accumulate(above))
