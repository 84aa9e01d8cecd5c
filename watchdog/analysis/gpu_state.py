"""What each GPU is doing, and in words why we say so.

| state     | holds when                                                                        | source |
|-----------|-----------------------------------------------------------------------------------|--------|
| idle      | mean utilization under 5 % over 10 minutes                                        | Jobstats and gpud call under 5 % unused |
| held idle | memory or a process is held, and no bucket of 30 minutes reached 5 %              | as idle, over the usual grace period of cluster reapers |
| throttled | hardware slowdown, hardware or software thermal slowdown, or power brake is set   | NVML clock event reasons; the power cap alone is normal |
| hung      | every bucket of 10 minutes at 95 % or more, power steady and under 35 % of limit  | a spinning kernel reads 100 % busy but draws little |
| faulty    | row remap failed, uncorrected ECC grew, recovery asked, or a hardware XID is new   | NVIDIA XID catalogue, GPU memory error management |
| lost      | silent for LOOKBACK while others on its node report, or its driver says so        | Prometheus' own lookback; NVML GPU_IS_LOST |
| unknown   | its whole node is silent, or it publishes no utilization                          | no data is never "fine" |

A later row wins over an earlier one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from watchdog.analysis.load import FEATURES
from watchdog.analysis.pivot import one_row_a_gpu
from watchdog.model.health import GpuState
from watchdog.model.units import percent

IDLE_BELOW = 0.05
HUNG_ABOVE = 0.95
HUNG_POWER_RATIO = 0.35
# Power that moves by more than this share of the limit is work, not a spinning kernel.
STEADY_POWER_RATIO = 0.05
HELD_BYTES = 1.0 * 2**30
COVERED = 0.7

THROTTLES = {
    "throttle_hw_thermal_flag": "hardware thermal slowdown",
    "throttle_sw_thermal_flag": "thermal slowdown",
    "throttle_power_brake_flag": "power brake",
    "throttle_hw_slowdown_flag": "hardware slowdown",
}
LATEST_METRICS = (
    "gpu_util_ratio",
    "graphics_engine_active_ratio",
    "memory_used_bytes",
    "memory_free_bytes",
    "memory_reserved_bytes",
    "memory_total_bytes",
    "gpu_temperature_celsius",
    "slowdown_temperature_celsius",
    "power_watts",
    "power_limit_watts",
    "sm_clock_hertz",
    "compute_processes_count",
    "row_remap_failure_flag",
    "recovery_action_code",
    "gpu_lost_flag",
    *THROTTLES,
)

Bools = npt.NDArray[np.bool_]


def gpu_cells(
    latest: pd.DataFrame, expected: pd.DataFrame, load: pd.DataFrame | None, faults: pd.DataFrame | None
) -> pd.DataFrame:
    """One row for each GPU that is or should be there, ordered by node and place.

    Args:
        latest: SAMPLES, the newest readings of LATEST_METRICS.
        expected: GPUS, what should be there; GPUs only in `latest` are added.
        load: FEATURES by gpu_uuid (`load.recent_load`); None where history does not answer, and then
            nothing is judged that needs it.
        faults: `faults.recent_faults`; None likewise.

    Returns:
        IDENTITY columns (`sampled_at` null for a silent GPU), LATEST_METRICS, busy_ratio, memory_ratio,
        power_ratio, state (GpuState value), reason (words, "" for busy and idle), fault_at.
    """
    cells = everyone(one_row_a_gpu(latest, LATEST_METRICS), expected)
    cells = with_derived(cells)
    cells = cells.join(load, on="gpu_uuid") if load is not None else cells.assign(**dict.fromkeys(FEATURES, np.nan))
    cells = _with_faults(cells, faults)
    cells["state"], cells["reason"] = _judged(cells)
    cells = cells.drop(columns=[*FEATURES, "fault"])
    return cells.sort_values(["node", "gpu_index", "gpu_uuid"], kind="stable").reset_index(drop=True)


def everyone(seen: pd.DataFrame, expected: pd.DataFrame) -> pd.DataFrame:
    """Rows of `pivot.one_row_a_gpu`, and blank ones for the GPUS that gave no reading."""
    silent = expected[~_is_in(expected["gpu_uuid"], seen["gpu_uuid"])]
    if not len(silent):
        return seen
    rows = silent[["node", "gpu_uuid", "gpu_index", "gpu_model"]]
    # Filled columns of their own would be of no type where nobody reports.
    blank = rows.reindex(columns=seen.columns).astype(seen.dtypes)
    return pd.concat([seen, blank], ignore_index=True) if len(seen) else blank.reset_index(drop=True)


def with_derived(cells: pd.DataFrame) -> pd.DataFrame:
    """The same rows with busy_ratio, memory_ratio and power_ratio, and `sampled_at` null where the driver lost it."""
    added = cells["memory_used_bytes"] + cells["memory_free_bytes"] + cells["memory_reserved_bytes"].fillna(0.0)
    total = cells["memory_total_bytes"].fillna(added)
    return cells.assign(
        busy_ratio=cells["gpu_util_ratio"].fillna(cells["graphics_engine_active_ratio"]),
        memory_total_bytes=total,
        memory_ratio=(cells["memory_used_bytes"] / total.where(total > 0)).clip(upper=1.0),
        power_ratio=cells["power_watts"] / cells["power_limit_watts"].where(cells["power_limit_watts"] > 0),
        # That its exporter speaks of it is no reading of a lost GPU.
        sampled_at=cells["sampled_at"].mask(_is(cells["gpu_lost_flag"] > 0)),
    )


def _with_faults(cells: pd.DataFrame, faults: pd.DataFrame | None) -> pd.DataFrame:
    if faults is None or not len(faults):
        nothing = pd.Series(pd.NaT, index=cells.index, dtype="datetime64[us, UTC]")
        return cells.assign(fault=pd.Series(pd.NA, index=cells.index, dtype="string"), fault_at=nothing)
    return cells.join(faults[["fault", "fault_at"]], on="gpu_uuid")


def _judged(cells: pd.DataFrame) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.object_]]:
    """State and reason a row: rules from mild to grave, each overwriting the ones before."""
    idle = _idle(cells)
    state = np.where(idle, GpuState.IDLE.value, GpuState.BUSY.value).astype(object)
    reason = np.full(len(cells), "", dtype=object)
    silent = cells["sampled_at"].isna().to_numpy(dtype=bool)
    no_busy = cells["busy_ratio"].isna().to_numpy(dtype=bool) & ~silent
    _put(state, reason, no_busy, GpuState.UNKNOWN, "publishes no utilization")
    held = _held_idle(cells)
    _put(state, reason, held, GpuState.HELD_IDLE, _held_text(cells[held]))
    for flag, words in THROTTLES.items():
        _put(state, reason, _is(cells[flag] > 0) & ~silent, GpuState.THROTTLED, words)
    hung = _hung(cells)
    _put(state, reason, hung, GpuState.HUNG, _hung_text(cells[hung]))
    for mask, words in _fault_rules(cells):
        _put(state, reason, mask & ~silent, GpuState.FAULTY, words)
    node_lives = _is_in(cells["node"], cells.loc[~silent, "node"])
    _put(state, reason, silent & ~node_lives, GpuState.UNKNOWN, "the whole node is silent")
    lost = silent & (node_lives | _is(cells["gpu_lost_flag"] > 0))
    _put(state, reason, lost, GpuState.LOST, _lost_text(cells[lost]))
    return state, reason


def _put(state: Any, reason: Any, mask: Bools, to: GpuState, words: Any) -> None:  # noqa: ANN401 (object arrays)
    state[mask] = to.value
    reason[mask] = words


def _is(condition: pd.Series) -> Bools:
    return np.asarray(condition.fillna(False), dtype=bool)


def _is_in(names: pd.Series, known: pd.Series) -> Bools:
    # `isin` of Arrow strings takes 60 ms for 10,000 names; of plain objects 1 ms.
    return np.asarray(names.astype(object).isin(set(known)), dtype=bool)


def _idle(cells: pd.DataFrame) -> Bools:
    enough = _is(cells["short_covered_ratio"] >= COVERED)
    mean = cells["busy_short_mean"].where(enough, cells["busy_ratio"])
    return _is(mean < IDLE_BELOW)


def _held_idle(cells: pd.DataFrame) -> Bools:
    holds = _is(cells["memory_used_bytes"] >= HELD_BYTES) | _is(cells["compute_processes_count"] > 0)
    quiet = _is(cells["busy_long_high"] < IDLE_BELOW) & _is(cells["busy_ratio"] < IDLE_BELOW)
    return holds & quiet & _is(cells["long_covered_ratio"] >= COVERED)


def _hung(cells: pd.DataFrame) -> Bools:
    limit = cells["power_limit_watts"]
    low_power = _is(cells["power_short_high"] < HUNG_POWER_RATIO * limit)
    steady = _is(cells["power_short_high"] - cells["power_short_low"] <= STEADY_POWER_RATIO * limit)
    pinned = _is(cells["busy_short_low"] >= HUNG_ABOVE) & _is(cells["busy_ratio"] >= HUNG_ABOVE)
    return pinned & low_power & steady & _is(cells["short_covered_ratio"] >= COVERED)


def _fault_rules(cells: pd.DataFrame) -> list[tuple[Bools, Any]]:
    has_fault = cells["fault"].notna().to_numpy(dtype=bool)
    return [
        (_is(cells["recovery_action_code"] > 1), "the driver asks for a reboot or drain"),
        (has_fault, cells.loc[has_fault & cells["sampled_at"].notna().to_numpy(dtype=bool), "fault"].to_numpy()),
        (_is(cells["row_remap_failure_flag"] > 0), "a memory row could not be remapped"),
    ]


def _held_text(rows: pd.DataFrame) -> list[str]:
    return [
        f"{percent(memory)} of memory held, under 5 % busy for 30 min"
        if memory == memory  # noqa: PLR0124 (NaN)
        else "a process holds it, under 5 % busy for 30 min"
        for memory in rows["memory_ratio"]
    ]


def _hung_text(rows: pd.DataFrame) -> list[str]:
    pairs = zip(rows["power_watts"], rows["power_limit_watts"], strict=True)
    return [f"100 % busy for 10 min at only {watts:.0f} W of {limit:.0f} W" for watts, limit in pairs]


def _lost_text(rows: pd.DataFrame) -> list[str]:
    heads = np.where(_is(rows["gpu_lost_flag"] > 0), "its driver lost it", "no readings")
    pairs = zip(heads, rows["fault"], strict=True)
    return [f"{head}; before: {fault}" if isinstance(fault, str) else str(head) for head, fault in pairs]
