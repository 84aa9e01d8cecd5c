"""Who holds GPUs without using them: GPU-hours of a window by job, user, account or partition."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import numpy as np
import pandas as pd

from watchdog.analysis.efficiency import MOST_MISSING, UNUSED, Use
from watchdog.analysis.job_efficiency import rate_of

GROUPS = ("job", "user", "account", "partition")
_NAMES = ["job_id", "submitted_at", "job_name", "user", "account", "partition", "gpu_type"]
_HOURS = (
    *("held_hours", "measured_hours", "used_hours", "idle_hours", "never_used_hours", "no_process_hours"),
    *("went_idle_hours", "uncounted_hours"),
)


def clipped(holds: pd.DataFrame, since: datetime, until: datetime) -> pd.DataFrame:
    """`holds` within [since, until); what lies outside goes."""
    start, end = pd.Timestamp(since), pd.Timestamp(until)
    begin, over = holds["held_from"], holds["held_until"]
    table = holds.assign(held_from=begin.where(begin > start, start), held_until=over.where(over < end, end))
    return table[table["held_from"] < table["held_until"]].reset_index(drop=True)


def waste_by(use: pd.DataFrame, jobs: pd.DataFrame, by: str, rates: Mapping[str, float]) -> pd.DataFrame:
    """GPU-hours of each job, user, account or partition, most idle hours first.

    Args:
        use: `gpu_use` of the window's holds.
        jobs: JOBS or JOB_HISTORY with the names.
        by: one of GROUPS.
        rates: dollars a GPU-hour by type, "" for other types.

    Returns:
        The group's column (for jobs: job_id, submitted_at, job_name, user, account, partition); gpus (times held);
        held_hours; measured_hours; used_hours; idle_hours (measured, nothing ran), of these never_used_hours (on GPUs
        never used), of which no_process_hours (no process at all), and went_idle_hours (after a GPU's last work);
        missing_ratio; mean_busy_ratio. The hours used and idle are null where MOST_MISSING of the hours are missing,
        no_process_hours also where nobody counted the processes of as many of the never used; cost_usd, idle_usd are
        null without a price.
    """
    if by not in GROUPS:
        raise ValueError(f"{by!r} is none of {GROUPS}")
    names = jobs.rename(columns={"name": "job_name"})[_NAMES].drop_duplicates(["job_id", "submitted_at"])
    table = use.merge(names, on=["job_id", "submitted_at"], how="left").reset_index(drop=True)
    table = table.assign(**_hours(table, rates))
    keys = _NAMES[:-1] if by == "job" else [by]
    grouped = table.groupby(keys, dropna=False, sort=False)
    sums = (
        grouped[[*_HOURS]]
        .sum()
        .join(grouped[["cost_usd", "idle_usd"]].sum(min_count=1))
        .join(grouped["held_gpus"].sum().rename("gpus"))
    )
    return _rated(sums.reset_index())


def _hours(use: pd.DataFrame, rates: Mapping[str, float]) -> dict[str, pd.Series]:
    kinds = use["gpu_type"].fillna("").astype("object")
    rate = kinds.map({kind: rate_of(str(kind), rates) for kind in kinds.unique()}).astype("float64")
    never = use["use"].isin(UNUSED).to_numpy(dtype=bool)
    empty = (use["use"] == Use.NO_PROCESS).to_numpy(dtype=bool)
    went = (use["use"] == Use.WENT_IDLE).to_numpy(dtype=bool)
    held, idle = use["held_seconds"] / 3600, use["idle_seconds"] / 3600
    return {
        "held_hours": held,
        "measured_hours": use["measured_seconds"] / 3600,
        "used_hours": use["busy_seconds"] / 3600,
        "idle_hours": idle,
        "never_used_hours": idle.where(never, 0.0),
        "no_process_hours": idle.where(empty, 0.0),
        "went_idle_hours": (use["idle_tail_seconds"] / 3600).where(went, 0.0).clip(upper=idle),
        "uncounted_hours": idle.where(never & ~use["processes_known"].to_numpy(dtype=bool), 0.0),
        "cost_usd": held * rate,
        "idle_usd": idle * rate,
    }


def _rated(sums: pd.DataFrame) -> pd.DataFrame:
    held, measured = sums["held_hours"], sums["measured_hours"]
    missing = 1 - measured / held.where(held > 0)
    known = missing <= MOST_MISSING
    table = sums.assign(
        missing_ratio=missing, mean_busy_ratio=(sums["used_hours"] / measured.where(measured > 0)).where(known)
    )
    for name in ("used_hours", "idle_hours", "never_used_hours", "no_process_hours", "went_idle_hours", "idle_usd"):
        table[name] = table[name].where(known, np.nan)
    counted = sums["uncounted_hours"] <= MOST_MISSING * sums["never_used_hours"]
    table["no_process_hours"] = table["no_process_hours"].where(counted, np.nan)
    table = table.drop(columns="uncounted_hours")
    return table.sort_values("idle_hours", ascending=False, kind="stable", na_position="last").reset_index(drop=True)
