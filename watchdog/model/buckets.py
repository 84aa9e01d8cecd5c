"""Samples into buckets, and lines of GPUs into lines of nodes: pure, shared by every source."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from watchdog.model.arrays import Floats, Ints, codes, column_micros, duration_micros, instants, micros, taken
from watchdog.model.counters import growth
from watchdog.model.frames import SERIES, concat
from watchdog.model.metrics import metric
from watchdog.model.telemetry import By, Statistic, Window

_SERIES = ("metric", "node", "gpu_uuid", "part")


def bucketed(samples: pd.DataFrame, window: Window, step: timedelta, statistic: Statistic) -> pd.DataFrame:
    """One value a series and bucket, of the samples in `window`.

    Args:
        samples: SAMPLES in any order; for INCREASE with the LOOKBACK before the window.
        window: only samples in it count.
        step: length of a bucket; buckets start at multiples of it since the epoch.
        statistic: how samples of one bucket become one value.

    Returns:
        SERIES by GPU, ordered by series and time.
    """
    series, at, rows = _ordered(samples)
    value = samples["value"].to_numpy()[rows]
    keep = (at >= micros(window.since)) & (at < micros(window.until))
    if statistic is Statistic.INCREASE:
        value = growth(series, at, value)
        keep &= ~np.isnan(value)
    if not keep.all():
        series, at, rows, value = series[keep], at[keep], rows[keep], value[keep]
    if not len(rows):
        return SERIES.empty()
    bucket = at // duration_micros(step)
    starts = np.flatnonzero(np.r_[True, (series[1:] != series[:-1]) | (bucket[1:] != bucket[:-1])])
    ends = np.r_[starts[1:], len(rows)]
    return _series(
        samples, rows[ends - 1], bucket[starts] * duration_micros(step), _reduced(value, starts, ends, statistic)
    )


def _ordered(samples: pd.DataFrame) -> tuple[Ints, Ints, Ints]:
    """Series code, instant and row number, ordered by series and time; without sorting where already so."""
    series, at = codes(samples, _SERIES), column_micros(samples["sampled_at"])
    rows = np.arange(len(samples))
    changed = series[1:] != series[:-1]
    blocks = series[np.r_[True, changed]] if len(series) else series
    if len(np.unique(blocks)) == len(blocks) and (changed | (at[1:] >= at[:-1])).all():
        return series, at, rows
    order = np.lexsort((at, series))
    return series[order], at[order], rows[order]


def _reduced(value: Floats, starts: Ints, ends: Ints, statistic: Statistic) -> Floats:
    if statistic is Statistic.LAST or len(starts) == len(value):
        return value[ends - 1]
    if statistic is Statistic.MIN:
        return np.minimum.reduceat(value, starts)
    if statistic is Statistic.MAX:
        return np.maximum.reduceat(value, starts)
    total = np.add.reduceat(value, starts)
    return total if statistic is Statistic.INCREASE else total / (ends - starts)


def _series(samples: pd.DataFrame, rows: Ints, bucket_micros: Ints, value: Floats) -> pd.DataFrame:
    same = len(rows) == len(samples) and bool((rows[1:] > rows[:-1]).all())
    names = ("metric", "node", "gpu_uuid", "gpu_index", "part")
    column = {name: samples[name].array if same else taken(samples[name], rows) for name in names}
    columns = column | {"bucket_at": instants(bucket_micros), "value": value}
    return pd.DataFrame({name: columns[name] for name in SERIES.columns}, copy=False)


def combined(series: pd.DataFrame, by: By) -> pd.DataFrame:
    """Lines of GPUs as lines of nodes or of the cluster, as `Metric.over_gpus` says.

    Where a GPU has a value for itself and values for its parts in one bucket, only its own counts:
    a sum would count it twice.
    """
    if by is By.GPU or series.empty:
        return series
    whole = _without_shadowed_parts(series)
    keys = ["bucket_at", "node"] if by is By.NODE else ["bucket_at"]
    metrics = {str(key): rows for key, rows in whole.groupby("metric", observed=True) if len(rows)}
    return concat(SERIES, [_one_metric(key, metrics[key], keys) for key in sorted(metrics)])


def _one_metric(key: str, rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    how = metric(key).over_gpus
    value = rows.groupby(keys, observed=True, sort=True)["value"].agg(how).reset_index()
    if "node" in keys:
        value = value.sort_values(["node", "bucket_at"], ignore_index=True)
    blank = pd.Categorical([""] * len(value), categories=[""])
    value["metric"] = pd.Categorical([key] * len(value), categories=[key])
    value["gpu_uuid"] = value["part"] = blank
    value["gpu_index"] = pd.array([pd.NA] * len(value), dtype="Int16")
    if "node" not in keys:
        value["node"] = blank
    return value[list(SERIES.columns)]


def _without_shadowed_parts(series: pd.DataFrame) -> pd.DataFrame:
    is_part = (series["part"] != "").to_numpy()
    if not is_part.any() or is_part.all():
        return series
    key = pd.MultiIndex.from_arrays([codes(series, ("metric", "node", "gpu_uuid")), column_micros(series["bucket_at"])])
    return series[~(is_part & key.isin(key[~is_part]))]
