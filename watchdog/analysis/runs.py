"""Since when something holds."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd


def holds_since(buckets: pd.DataFrame, step: timedelta) -> tuple[datetime | None, bool]:
    """When the unbroken run of true buckets up to the last one began.

    Args:
        buckets: `bucket_at`, and `holds` (bool), one row a bucket, of any order.
        step: length of a bucket.

    Returns:
        Start of the run (the end of the last false bucket), and whether the run fills all there is, so
        that it may be older. (None, False) when the last bucket does not hold or there is none.
    """
    rows = buckets.sort_values("bucket_at")
    if not len(rows) or not bool(rows["holds"].iloc[-1]):
        return None, False
    broken = rows.loc[~rows["holds"].astype(bool), "bucket_at"]
    if len(broken):
        return (broken.iloc[-1] + pd.Timedelta(step)).to_pydatetime(), False
    return rows["bucket_at"].iloc[0].to_pydatetime(), True
