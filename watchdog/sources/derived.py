"""Quantities that some exporters leave out and that follow from others."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from watchdog.model.arrays import codes, column_micros
from watchdog.model.frames import Frame, concat

TOTAL = "memory_total_bytes"
_USED, _FREE, _RESERVED = "memory_used_bytes", "memory_free_bytes", "memory_reserved_bytes"

# What must be read for a metric, besides itself.
INGREDIENTS: dict[str, tuple[str, ...]] = {TOTAL: (_USED, _FREE, _RESERVED)}


def with_ingredients(metrics: Iterable[str]) -> tuple[str, ...]:
    """The metrics, and what the derived ones among them are made of."""
    return tuple(dict.fromkeys(key for name in metrics for key in (name, *INGREDIENTS.get(name, ()))))


def derivable(metrics: Iterable[str], exported: Iterable[str]) -> set[str]:
    """Which of `metrics` can be made of `exported` ones."""
    return set(metrics) & {TOTAL} if {_USED, _FREE} <= set(exported) else set()


def with_memory_total(frame: pd.DataFrame, contract: Frame) -> pd.DataFrame:
    """`frame` (SAMPLES or SERIES) with memory_total_bytes = used + free + reserved where it lacks it.

    Reserved memory counts as 0 where the exporter does not tell it; without used or free there is no total.
    """
    time = "sampled_at" if "sampled_at" in contract.columns else "bucket_at"
    metric = frame["metric"]
    if not {_USED, _FREE} <= set(metric.cat.categories):
        return frame
    key = pd.MultiIndex.from_arrays([codes(frame, ("node", "gpu_uuid", "part")), column_micros(frame[time])])
    of = {name: np.flatnonzero(metric == name) for name in (_USED, _FREE, _RESERVED, TOTAL)}
    value = frame["value"].to_numpy()
    used = key[of[_USED]]
    free = pd.Series(value[of[_FREE]], index=key[of[_FREE]]).reindex(used)
    reserved = pd.Series(value[of[_RESERVED]], index=key[of[_RESERVED]]).reindex(used, fill_value=0.0)
    lacking = free.notna().to_numpy() & ~used.isin(key[of[TOTAL]])
    if not lacking.any():
        return frame
    total = (value[of[_USED]] + free.to_numpy() + reserved.to_numpy())[lacking]
    made = frame.iloc[of[_USED][lacking]].reset_index(drop=True)
    made["value"] = total
    made["metric"] = pd.Categorical([TOTAL] * len(made), categories=[TOTAL])
    return by_metric(concat(contract, [frame, made]))


def by_metric(frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` ordered by metric; within a metric as before."""
    metric = frame["metric"].cat
    rank = np.argsort(np.argsort(metric.categories)).astype(np.int16)[metric.codes]
    if (rank[1:] >= rank[:-1]).all():
        return frame
    return frame.iloc[np.argsort(rank, kind="stable")].reset_index(drop=True)
