"""One job's efficiency: its GPUs together, its time, its memory, its steps, and what that cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from watchdog.analysis.efficiency import MOST_MISSING, UNUSED, Use

_HOUR = 3600.0
# How far from the median of its peers a GPU of the same job is called different, and how busy they must be for it.
_APART, _PEERS, _BUSY = 0.3, 3, 0.1


@dataclass(frozen=True)
class Efficiency:
    """A job by numbers; None is "not known", never 0.

    Attributes:
        gpus: rows of `gpu_use`, with `peers_ratio` (mean over the median of the job's GPUs) and `apart` (bool).
        held_hours, used_hours: GPU-hours held; the integral of utilization. None where it is not known.
        never_used_hours, tail_hours: of GPUs that were never used; after a GPU's last work.
        no_process_hours: of the never used ones, on GPUs without any process; None also where nobody counted them.
        missing_ratio: share of the held time without a reading; above MOST_MISSING the rest is None.
        time_used_ratio: of the time limit.
        memory_asked_bytes: on each node; of a job on several nodes an even share.
        memory_used_bytes, memory_used_ratio: of the largest task of any step, as accounting has it; of what was asked
            on its node.
        one_task: whether that task is known to be all that ran: a batch script without steps, or a job of one CPU.
        cost_usd, idle_usd: of the hours held; of those never used and of the tails.
    """

    gpus: pd.DataFrame
    gpu_count: int
    held_hours: float
    used_hours: float | None
    never_used_hours: float | None
    no_process_hours: float | None
    tail_hours: float | None
    mean_busy_ratio: float | None
    missing_ratio: float | None
    elapsed: timedelta | None
    time_used_ratio: float | None
    memory_asked_bytes: float | None
    memory_used_bytes: float | None
    memory_used_ratio: float | None
    one_task: bool
    steps: int
    steps_failed: int
    cost_usd: float | None
    idle_usd: float | None

    @property
    def idle_hours(self) -> float | None:
        """GPU-hours never used or after the last work."""
        return (
            None
            if self.never_used_hours is None or self.tail_hours is None
            else self.never_used_hours + self.tail_hours
        )

    @property
    def never_used(self) -> int:
        """GPUs that were certainly never used, with or without a process on them."""
        return int(self.gpus["use"].isin(UNUSED).sum())

    @property
    def no_process(self) -> int:
        """Of these, GPUs on which certainly no process ever ran."""
        return int((self.gpus["use"] == Use.NO_PROCESS).sum())


def job_efficiency(
    job: Mapping[str, Any], use: pd.DataFrame, steps: pd.DataFrame, rates: Mapping[str, float], now: datetime
) -> Efficiency:
    """Add up one job.

    Args:
        job: a row of JOBS or JOB_HISTORY.
        use: its rows of `gpu_use`.
        steps: its STEPS.
        rates: dollars a GPU-hour by type, "" for other types.
        now: the end of what still runs.
    """
    held = float(use["held_seconds"].sum()) / _HOUR
    measured = float(use["measured_seconds"].sum()) / _HOUR
    missing = 1 - measured / held if held > 0 else None
    known = missing is not None and missing <= MOST_MISSING
    never = float(use.loc[use["use"].isin(UNUSED), "held_seconds"].sum()) / _HOUR
    tail = float(use.loc[use["use"] == Use.WENT_IDLE, "idle_tail_seconds"].sum()) / _HOUR
    used = float(use["busy_seconds"].sum()) / _HOUR
    elapsed = _elapsed(job, now)
    memory, asked = _largest(steps), _asked(job)
    rate = rate_of(str(job["gpu_type"]), rates)
    counted = [row for row in steps.to_dict("records") if row["step_id"] not in {"batch", "extern", "interactive"}]
    return Efficiency(
        gpus=with_peers(use),
        gpu_count=round(float(use["held_gpus"].sum())),
        held_hours=held,
        used_hours=used if known else None,
        never_used_hours=never if known else None,
        no_process_hours=_no_process(use) if known else None,
        tail_hours=tail if known else None,
        mean_busy_ratio=used / measured if known and measured else None,
        missing_ratio=missing,
        elapsed=elapsed,
        time_used_ratio=_ratio(elapsed.total_seconds() if elapsed else None, job["time_limit_seconds"]),
        memory_asked_bytes=asked,
        memory_used_bytes=memory,
        memory_used_ratio=_ratio(memory, asked),
        one_task=not counted or (job["cpus"] is not None and not pd.isna(job["cpus"]) and job["cpus"] == 1),
        steps=len(counted),
        steps_failed=sum(row["state"] in {"FAILED", "OUT_OF_MEMORY", "TIMEOUT", "NODE_FAIL"} for row in counted),
        cost_usd=None if rate is None else held * rate,
        idle_usd=None if rate is None or not known else (never + tail) * rate,
    )


def with_peers(use: pd.DataFrame) -> pd.DataFrame:
    """`gpu_use` of one job with `peers_ratio` and `apart`: GPUs of one job should be equally busy.

    Only among three or more known, busy GPUs; null and False elsewhere.
    """
    mean = use["mean_busy_ratio"].where(use["use"] != Use.UNKNOWN)
    middle = float(mean.median()) if mean.notna().any() else np.nan
    comparable = mean.notna().sum() >= _PEERS and middle >= _BUSY
    ratio = mean / middle if comparable else pd.Series(np.nan, index=use.index)
    return use.assign(peers_ratio=ratio, apart=(ratio - 1).abs() > _APART)


def rate_of(gpu_type: str, rates: Mapping[str, float]) -> float | None:
    """Dollars a GPU-hour of this type; None where no price is set."""
    kinds = [kind for kind in gpu_type.lower().split("+") if kind in rates]
    return rates[kinds[0]] if kinds else rates.get("")


def _no_process(use: pd.DataFrame) -> float | None:
    unused = use[use["use"].isin(UNUSED)]
    hours = unused["held_seconds"] / _HOUR
    return float(hours[unused["use"] == Use.NO_PROCESS].sum()) if unused["processes_known"].all() else None


def _elapsed(job: Mapping[str, Any], now: datetime) -> timedelta | None:
    if pd.isna(job["started_at"]):
        return None
    end = job["ended_at"]
    if pd.isna(end):
        end = job.get("last_seen_at", now) if job["state"] == "UNKNOWN" else now
    length: timedelta = pd.Timestamp(end).to_pydatetime() - job["started_at"].to_pydatetime()
    return max(length, timedelta())


def _asked(job: Mapping[str, Any]) -> float | None:
    whole, nodes = job["memory_bytes"], job["node_count"]
    if pd.isna(whole) or not whole:
        return None
    return float(whole) / (1 if pd.isna(nodes) else max(int(nodes), 1))


def _largest(steps: pd.DataFrame) -> float | None:
    most = steps["max_memory_bytes"].max()
    return None if pd.isna(most) else float(most)


def _ratio(part: float | None, whole: float | None) -> float | None:
    if part is None or whole is None or pd.isna(whole) or not 0 < whole < float("inf"):
        return None
    return part / float(whole)
