"""What an exporter reads from the machines: DCGM's names, units and rounding."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from watchdog.sources.demo.activity import Demand
from watchdog.sources.demo.counters import Counters
from watchdog.sources.demo.effects import Effects
from watchdog.sources.demo.hardware import Flags, Fleet, Floats
from watchdog.sources.demo.physics import HW_THERMAL_CELSIUS, SW_THERMAL_CELSIUS, Physics

XID_COUNTER = "watchdog_gpu_xid_errors_total"

# Rows of Readings.values, in the order of the page.
NAMES = (
    "DCGM_FI_DEV_SM_CLOCK",
    "DCGM_FI_DEV_MEM_CLOCK",
    "DCGM_FI_DEV_MAX_SM_CLOCK",
    "DCGM_FI_DEV_PSTATE",
    "DCGM_FI_DEV_GPU_TEMP",
    "DCGM_FI_DEV_MEMORY_TEMP",
    "DCGM_FI_DEV_SLOWDOWN_TEMP",
    "DCGM_FI_DEV_GPU_TEMP_LIMIT",
    "DCGM_FI_DEV_POWER_USAGE",
    "DCGM_FI_DEV_ENFORCED_POWER_LIMIT",
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION",
    "DCGM_FI_DEV_GPU_UTIL",
    "DCGM_FI_DEV_MEM_COPY_UTIL",
    "DCGM_FI_DEV_FB_TOTAL",
    "DCGM_FI_DEV_FB_FREE",
    "DCGM_FI_DEV_FB_USED",
    "DCGM_FI_DEV_FB_RESERVED",
    "DCGM_FI_DEV_PCIE_REPLAY_COUNTER",
    "DCGM_FI_DEV_PCIE_LINK_GEN",
    "DCGM_FI_DEV_PCIE_LINK_WIDTH",
    "DCGM_FI_DEV_PCIE_MAX_LINK_WIDTH",
    "DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL",
    "DCGM_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL",
    "DCGM_FI_DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL",
    "DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL",
    "DCGM_FI_DEV_ECC_SBE_VOL_TOTAL",
    "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL",
    "DCGM_FI_DEV_ECC_SBE_AGG_TOTAL",
    "DCGM_FI_DEV_ECC_DBE_AGG_TOTAL",
    "DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS",
    "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS",
    "DCGM_FI_DEV_ROW_REMAP_PENDING",
    "DCGM_FI_DEV_ROW_REMAP_FAILURE",
    "DCGM_FI_DEV_GET_GPU_RECOVERY_ACTION",
    "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS",
    "DCGM_FI_DEV_XID_ERRORS",
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE",
    "DCGM_FI_PROF_SM_ACTIVE",
    "DCGM_FI_PROF_SM_OCCUPANCY",
    "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE",
    "DCGM_FI_PROF_DRAM_ACTIVE",
    "DCGM_FI_PROF_PCIE_TX_BYTES",
    "DCGM_FI_PROF_PCIE_RX_BYTES",
    "watchdog_gpu_compute_processes",
    "watchdog_gpu_lost",
)
_ROW = {name: i for i, name in enumerate(NAMES)}
_STUCK_ROWS = [_ROW[f"DCGM_FI_DEV_{name}"] for name in ("POWER_USAGE", "GPU_TEMP", "MEMORY_TEMP", "GPU_TEMP_LIMIT")]
# All but what the kernel log and the exporter's memory tell of a GPU that is gone.
_KEPT_ROWS = {_ROW["DCGM_FI_DEV_XID_ERRORS"], _ROW["watchdog_gpu_lost"]}
_SENSOR_ROWS = np.array([[row] for row in range(len(NAMES)) if row not in _KEPT_ROWS])
_NVLINK_UNIT = 1000 * 1024.0


@dataclass
class Readings:
    """What all exporters say at one grid instant.

    Attributes:
        values: (NAMES, GPUs) in the exporters' units; NaN where a GPU exports nothing under that name.
        xids: (GPU, code) -> count.
        refuses: (nodes,) exporters that do not answer.
        down: (nodes,) machines that do not answer at all.
        success: (nodes,) Unix seconds by the node's own clock of the exporter's last reading.
        skew: (nodes,) seconds the node's clock is ahead.
    """

    values: Floats
    refuses: Flags
    down: Flags
    success: Floats
    skew: Floats
    xids: dict[tuple[int, int], int] = field(default_factory=dict)


class Sensors:
    """Turns the machines' state into readings; remembers the last, for sensors that stand still."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        spec = fleet.spec
        self._usable = spec("memory_mib") - spec("reserved_mib")
        self._fixed: dict[str, Floats | float] = {
            "DCGM_FI_DEV_MEM_CLOCK": spec("memory_mhz"),
            "DCGM_FI_DEV_MAX_SM_CLOCK": spec("max_sm_mhz"),
            "DCGM_FI_DEV_PSTATE": 0.0,
            "DCGM_FI_DEV_SLOWDOWN_TEMP": HW_THERMAL_CELSIUS,
            "DCGM_FI_DEV_ENFORCED_POWER_LIMIT": spec("limit_watts"),
            "DCGM_FI_DEV_FB_TOTAL": spec("memory_mib"),
            "DCGM_FI_DEV_FB_RESERVED": spec("reserved_mib"),
            "DCGM_FI_DEV_PCIE_LINK_GEN": spec("pcie_gen"),
            "DCGM_FI_DEV_PCIE_MAX_LINK_WIDTH": 16.0,
        }
        self._peak = spec("nvlink_bytes")
        self._last: Readings | None = None

    def read(self, physics: Physics, demand: Demand, effects: Effects, counters: Counters, unix: float) -> Readings:
        """The exporters' readings at `unix` seconds."""
        values = np.empty((len(NAMES), self._fleet.count))
        cells: dict[str, Floats | float] = {
            **self._fixed,
            **self._machine(physics, demand, effects),
            **_errors(counters, effects),
        }
        for name, row in _ROW.items():
            values[row] = cells[name]
        readings = Readings(
            values,
            effects.node_refuses.copy(),
            effects.node_down.copy(),
            unix + effects.node_skew,
            effects.node_skew.copy(),
            dict(counters.xids),
        )
        if self._last is not None:
            self._stand_still(readings, self._last, effects)
        values[_SENSOR_ROWS, np.flatnonzero(effects.lost)] = np.nan
        self._last = readings
        return readings

    def _machine(self, physics: Physics, demand: Demand, effects: Effects) -> dict[str, Floats]:
        used = np.rint(demand.memory * self._usable) + 4
        core = np.rint(physics.temperature)
        return {
            "DCGM_FI_DEV_SM_CLOCK": np.rint(physics.sm_mhz),
            "DCGM_FI_DEV_GPU_TEMP": core,
            "DCGM_FI_DEV_MEMORY_TEMP": np.rint(physics.memory_temperature),
            "DCGM_FI_DEV_GPU_TEMP_LIMIT": SW_THERMAL_CELSIUS - core,
            "DCGM_FI_DEV_POWER_USAGE": np.round(physics.power, 3),
            "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": np.floor(physics.energy * 1000),
            "DCGM_FI_DEV_GPU_UTIL": np.rint(100 * demand.util),
            "DCGM_FI_DEV_MEM_COPY_UTIL": np.rint(92 * demand.dram),
            "DCGM_FI_DEV_FB_USED": used,
            "DCGM_FI_DEV_FB_FREE": self._usable - used,
            "DCGM_FI_DEV_PCIE_LINK_WIDTH": effects.lanes,
            "DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL": np.floor(demand.nvlink * self._peak / _NVLINK_UNIT),
            "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS": _reasons(physics, demand, effects),
            "DCGM_FI_PROF_GR_ENGINE_ACTIVE": np.round(np.minimum(demand.util, 0.999), 6),
            "DCGM_FI_PROF_SM_ACTIVE": np.round(demand.sm, 6),
            "DCGM_FI_PROF_SM_OCCUPANCY": np.round(demand.occupancy, 6),
            "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE": np.round(demand.tensor, 6),
            "DCGM_FI_PROF_DRAM_ACTIVE": np.round(demand.dram, 6),
            "DCGM_FI_PROF_PCIE_TX_BYTES": np.rint(demand.pcie_out + 3e5),
            "DCGM_FI_PROF_PCIE_RX_BYTES": np.rint(demand.pcie_in + 4e5),
            "watchdog_gpu_compute_processes": np.asarray(demand.processes, dtype=np.float64),
        }

    def _stand_still(self, new: Readings, last: Readings, effects: Effects) -> None:
        if effects.stuck.any():
            for row in _STUCK_ROWS:
                new.values[row, effects.stuck] = last.values[row, effects.stuck]
        if not effects.frozen.any():
            return
        new.values[:, effects.frozen] = last.values[:, effects.frozen]
        nodes = np.unique(self._fleet.node[effects.frozen])
        new.success[nodes] = last.success[nodes]
        new.xids = {key: n for key, n in new.xids.items() if not effects.frozen[key[0]]}
        new.xids |= {key: n for key, n in last.xids.items() if effects.frozen[key[0]]}


def _errors(counters: Counters, effects: Effects) -> dict[str, Floats]:
    return {
        "DCGM_FI_DEV_PCIE_REPLAY_COUNTER": counters.replays,
        "DCGM_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL": counters.flits,
        "DCGM_FI_DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL": counters.data,
        "DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL": counters.link_replays,
        "DCGM_FI_DEV_ECC_SBE_VOL_TOTAL": counters.sbe,
        "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL": counters.dbe,
        "DCGM_FI_DEV_ECC_SBE_AGG_TOTAL": counters.sbe_life,
        "DCGM_FI_DEV_ECC_DBE_AGG_TOTAL": counters.dbe_life,
        "DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS": counters.remapped_sbe,
        "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS": counters.remapped,
        "DCGM_FI_DEV_ROW_REMAP_PENDING": effects.remap_pending,
        "DCGM_FI_DEV_ROW_REMAP_FAILURE": effects.remap_failed,
        "DCGM_FI_DEV_GET_GPU_RECOVERY_ACTION": effects.recovery,
        "DCGM_FI_DEV_XID_ERRORS": counters.last_xid,
        "watchdog_gpu_lost": effects.lost.astype(np.float64),
    }


def _reasons(physics: Physics, demand: Demand, effects: Effects) -> Floats:
    """NVML's mask of reasons for lower clocks."""
    braked = effects.brake & (demand.intensity > 0)
    mask: Floats = (
        0x1 * (demand.util < 0.005)
        + 0x4 * physics.capped
        + 0x8 * (physics.overheated | braked)
        + 0x20 * physics.eased
        + 0x40 * physics.overheated
        + 0x80 * braked
    ).astype(np.float64)
    return mask
