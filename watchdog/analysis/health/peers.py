"""A GPU against others of its kind: medians and spreads of groups, robust against the odd ones."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from watchdog.model.arrays import Floats, Ints

# Makes the median of absolute deviations a standard deviation where values are normal.
_MAD_TO_SIGMA = 1.4826


class Peers(NamedTuple):
    """Of each value's group: its median, its spread (as a standard deviation) and how many values it holds."""

    median: Floats
    spread: Floats
    size: Ints


def compared(values: Floats, groups: Ints) -> Peers:
    """Each value's group; NaN values count nowhere."""
    frame = pd.DataFrame({"group": groups, "value": values})
    of_group = frame.groupby("group")["value"]
    median = of_group.transform("median")
    frame["value"] = (frame["value"] - median).abs()
    spread = frame.groupby("group")["value"].transform("median") * _MAD_TO_SIGMA
    return Peers(median.to_numpy(), spread.to_numpy(), of_group.transform("count").to_numpy())


def kinds(names: pd.Series) -> Ints:
    """One number a kind of name, in the order of appearance."""
    return np.asarray(pd.factorize(names.to_numpy(dtype=object))[0], dtype=np.int64)


def highest_of_kind(values: Floats, kind: NDArray[np.int64]) -> Floats:
    """The highest value of each row's kind; NaN where none has one."""
    highest = np.full(int(kind.max(initial=-1)) + 1, -np.inf)
    known = ~np.isnan(values) & (kind >= 0)
    np.maximum.at(highest, kind[known], values[known])
    found = np.where(kind >= 0, highest[kind], -np.inf)
    return np.where(np.isinf(found), np.nan, found)
