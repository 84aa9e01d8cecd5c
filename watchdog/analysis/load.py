"""How a GPU behaved in the last minutes, from buckets of a few minutes."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd

# What a GPU is judged by: short for "is it busy", long for "is it held without need".
SHORT = timedelta(minutes=10)
LONG = timedelta(minutes=30)

BUSY = "busy_ratio"
POWER = "power_watts"
# Utilization under MIG is published per instance, as graphics engine activity.
BUSY_METRICS = ("gpu_util_ratio", "graphics_engine_active_ratio")

_KEYS = ["node", "gpu_uuid", "bucket_at"]

FEATURES = (
    "busy_short_mean",
    "busy_short_low",
    "power_short_low",
    "power_short_high",
    "short_covered_ratio",
    "busy_long_high",
    "long_covered_ratio",
)


def busy_series(series: pd.DataFrame) -> pd.DataFrame:
    """One busy ratio a GPU and bucket: columns gpu_uuid, node, bucket_at, busy_ratio.

    GPU utilization where there is one, else graphics engine activity; MIG instances are averaged.
    """
    found = []
    for metric in BUSY_METRICS:
        rows = series.loc[series["metric"] == metric]
        if len(rows):
            found.append(_without_parts(rows).rename(columns={"value": BUSY}))
    if not found:
        return series.iloc[:0][[*_KEYS, "value"]].rename(columns={"value": BUSY})
    if len(found) == 1:
        return found[0].reset_index(drop=True)
    both = pd.concat(found, ignore_index=True)
    return both.drop_duplicates(["gpu_uuid", "bucket_at"], keep="first").reset_index(drop=True)


def _without_parts(rows: pd.DataFrame) -> pd.DataFrame:
    if not (rows["part"] != "").any():
        return rows[[*_KEYS, "value"]]
    return rows.groupby(_KEYS, observed=True)["value"].mean().reset_index()


def recent_load(series: pd.DataFrame, at: datetime, step: timedelta) -> pd.DataFrame:
    """FEATURES of each GPU (index gpu_uuid) from SERIES of busy ratios and power before `at`.

    A `*_covered_ratio` is the share of the span's buckets that have a reading: a judgement over ten
    minutes must not rest on one of them.
    """
    busy = busy_series(series)
    power = series[series["metric"] == POWER]
    short_from, long_from = pd.Timestamp(at - SHORT), pd.Timestamp(at - LONG)
    short = busy[busy["bucket_at"] >= short_from].groupby("gpu_uuid", observed=True)[BUSY]
    long = busy[busy["bucket_at"] >= long_from].groupby("gpu_uuid", observed=True)[BUSY]
    watts = power[power["bucket_at"] >= short_from].groupby("gpu_uuid", observed=True)["value"]
    features = pd.DataFrame(
        {
            "busy_short_mean": short.mean(),
            "busy_short_low": short.min(),
            "power_short_low": watts.min(),
            "power_short_high": watts.max(),
            "short_covered_ratio": short.count() / max(SHORT / step, 1),
            "busy_long_high": long.max(),
            "long_covered_ratio": long.count() / max(LONG / step, 1),
        }
    )
    features.index = features.index.astype("string")
    return features


def busiest(samples: pd.DataFrame) -> dict[str, tuple[float, int]]:
    """Of each node the ratio of its busiest GPU and how many GPUs were read, from SAMPLES of BUSY_METRICS."""
    rows = samples.loc[samples["metric"].isin(BUSY_METRICS)]
    found = rows.groupby("node", observed=True).agg(ratio=("value", "max"), read=("gpu_uuid", "nunique"))
    return {str(node): (float(ratio), int(read)) for node, ratio, read in found.itertuples(name=None)}
