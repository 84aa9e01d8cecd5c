"""The last minutes of the fleet as matrices: one row a GPU, one column a minute, NaN where nobody read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from watchdog.model.arrays import Ints

Matrix = NDArray[np.float32] | NDArray[np.float64]
MINUTE_US = 60_000_000


@dataclass(frozen=True)
class Trace:
    """What some metrics did; rows are those of `Facts.cells`, in the same order.

    Attributes:
        minutes: start of each minute, microseconds since the epoch, ascending without gaps; the last one may be
            under way.
        values: by catalogue key: the minute's mean of a gauge, its maximum of a flag or code, and a counter's last
            value. A metric that nobody publishes is absent.
    """

    count: int
    minutes: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    values: Mapping[str, Matrix] = field(default_factory=dict)

    def last(self, metric: str, minutes: int) -> Matrix:
        """The last so many minutes, shape (GPUs, minutes); all NaN for what is not there."""
        known = self.values.get(metric)
        blank = np.full((self.count, minutes), np.nan, dtype=np.float32 if known is None else known.dtype)
        if known is None or not known.shape[1]:
            return blank
        part = known[:, -minutes:]
        blank[:, minutes - part.shape[1] :] = part
        return blank

    def steps(self, metric: str, minutes: int) -> NDArray[np.float64]:
        """How much a counter grew in each of the last so many minutes, shape (GPUs, minutes).

        A counter that went back began anew, so all it shows by then is growth. NaN before the second reading; what
        grew while nobody read is counted in the minute of the next reading.
        """
        filled = _carried_forward(self.last(metric, minutes + 1).astype(np.float64))
        steps = np.diff(filled, axis=1)
        return np.where(steps < 0, filled[:, 1:], steps)

    def grown(self, metric: str, minutes: int) -> NDArray[np.float64]:
        """How much a counter grew in the last so many minutes, one number a GPU; NaN without two readings."""
        steps = self.steps(metric, minutes)
        known = ~np.isnan(steps)
        return np.where(known.any(axis=1), np.nansum(steps, axis=1), np.nan)


def covered(matrix: Matrix) -> NDArray[np.float64]:
    """The share of minutes with a reading, one number a row: a judgement must not rest on one of thirty."""
    return np.asarray((~np.isnan(matrix)).mean(axis=1)) if matrix.shape[1] else np.zeros(len(matrix))


def _carried_forward(values: NDArray[np.float64]) -> NDArray[np.float64]:
    places = np.where(np.isnan(values), 0, np.arange(values.shape[1]))
    np.maximum.accumulate(places, axis=1, out=places)
    return np.asarray(np.take_along_axis(values, places, axis=1))
