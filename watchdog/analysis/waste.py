"""GPU-hours: how many there were, how many did nothing, how many nobody measured."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from watchdog.analysis.gpu_state import IDLE_BELOW
from watchdog.analysis.load import BUSY, busy_series
from watchdog.model.telemetry import Window

_HOUR = 3600.0


@dataclass(frozen=True)
class Waste:
    """GPU-hours of a window.

    Attributes:
        expected_hours: GPUs that should have been there, times how long.
        measured_hours, idle_hours: of these, with a reading; with a bucket's mean under IDLE_BELOW.
        unknown_hours: without a reading: neither idle nor busy.
        mean_busy_ratio: over the measured hours; null without any.
        idle_ratio: share of the measured hours that were idle; null without any.
        missing_ratio: share of the expected hours without a reading.
        by_node: node, measured_hours, idle_hours, mean_busy_ratio; most idle hours first.
    """

    expected_hours: float
    measured_hours: float
    idle_hours: float
    unknown_hours: float
    mean_busy_ratio: float
    idle_ratio: float
    missing_ratio: float
    by_node: pd.DataFrame


def waste(series: pd.DataFrame, expected: pd.DataFrame, window: Window, step: timedelta) -> Waste:
    """Add up SERIES of busy ratios in buckets of `step` over the GPUS expected in `window`."""
    rows = busy_series(series)
    hours = _bucket_hours(rows["bucket_at"], window, step)
    ratio = rows[BUSY].to_numpy(dtype="float64")
    hours = np.where(np.isnan(ratio), 0.0, hours)
    frame = pd.DataFrame(
        {
            "node": rows["node"].astype("string").to_numpy(),
            "measured_hours": hours,
            "idle_hours": np.where(ratio < IDLE_BELOW, hours, 0.0),
            "busy_hours": np.nan_to_num(ratio) * hours,
        }
    )
    measured, idle = float(hours.sum()), float(frame["idle_hours"].sum())
    wanted = max(_expected_hours(expected, window), measured)
    return Waste(
        expected_hours=wanted,
        measured_hours=measured,
        idle_hours=idle,
        unknown_hours=wanted - measured,
        mean_busy_ratio=_share(float(frame["busy_hours"].sum()), measured),
        idle_ratio=_share(idle, measured),
        missing_ratio=_share(wanted - measured, wanted),
        by_node=_by_node(frame),
    )


def _bucket_hours(starts: pd.Series, window: Window, step: timedelta) -> npt.NDArray[np.float64]:
    """How much of each bucket lies in the window, in hours."""
    begin = np.maximum(_seconds(starts), window.since.timestamp())
    end = np.minimum(_seconds(starts) + step.total_seconds(), window.until.timestamp())
    return np.asarray(np.clip(end - begin, 0.0, None) / _HOUR, dtype=np.float64)


def _expected_hours(expected: pd.DataFrame, window: Window) -> float:
    since = np.maximum(_seconds(expected["first_seen_at"]), window.since.timestamp())
    return float(np.clip(window.until.timestamp() - since, 0.0, None).sum() / _HOUR)


def _seconds(instants: pd.Series) -> npt.NDArray[np.float64]:
    return instants.astype("int64").to_numpy() / 1e6


def _by_node(frame: pd.DataFrame) -> pd.DataFrame:
    nodes = frame.groupby("node", as_index=False).sum()
    nodes["mean_busy_ratio"] = nodes["busy_hours"] / nodes["measured_hours"].where(nodes["measured_hours"] > 0)
    kept = nodes[["node", "measured_hours", "idle_hours", "mean_busy_ratio"]]
    return kept.sort_values("idle_hours", ascending=False, kind="stable").reset_index(drop=True)


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")
