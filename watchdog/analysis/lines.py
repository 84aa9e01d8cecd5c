"""Getting buckets ready to be drawn: gaps stay gaps, many lines become a band."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

MOST_LINES = 6


def with_gaps(lines: pd.DataFrame, step: timedelta, tolerance: float = 1.5) -> pd.DataFrame:
    """`lines` (line, bucket_at, value, …) with a null row wherever a line misses buckets.

    A chart breaks its path at the null row instead of drawing across the hole. Neighbours up to
    `tolerance` steps apart still belong together: sampling jitters against the buckets.
    """
    if not len(lines):
        return lines
    ordered = lines.sort_values(["line", "bucket_at"], kind="stable")
    after = ordered.groupby("line", observed=True)["bucket_at"].shift(-1) - ordered["bucket_at"]
    holes = ordered[(after > pd.Timedelta(step) * tolerance).to_numpy(dtype=bool)]
    if not len(holes):
        return ordered.reset_index(drop=True)
    empty = pd.DataFrame({"line": holes["line"], "bucket_at": holes["bucket_at"] + pd.Timedelta(step)})
    joined = pd.concat([ordered, empty.reindex(columns=ordered.columns)], ignore_index=True)
    return joined.sort_values(["line", "bucket_at"], kind="stable").reset_index(drop=True)


def as_band(lines: pd.DataFrame, name: str) -> pd.DataFrame:
    """Many lines as one: `value` the mean over lines, `low` and `high` the outermost ones."""
    if not len(lines):
        return lines.assign(low=lines["value"], high=lines["value"])
    stats = lines.groupby("bucket_at", as_index=False)["value"].agg(["mean", "min", "max"])
    band = stats.rename(columns={"mean": "value", "min": "low", "max": "high"})
    return band.assign(line=name)[["line", "bucket_at", "value", "low", "high"]]


def tolerance_for(step: timedelta) -> float:
    """Short buckets may be empty for jitter alone; long ones may not."""
    return 2.5 if step < timedelta(minutes=1) else 1.5
