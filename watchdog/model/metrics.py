"""The metric catalogue: every quantity we know, and what each exporter calls it.

All strangeness of exporters is absorbed here and in `sources`: names that changed with DCGM 4.6,
percents, MiB, mJ, MHz, bit masks. Above this layer there are only base units and ratios 0..1.

Sources of the names: dcgm-exporter `etc/default-counters.csv`, DCGM `dcgm_fields.h` (4.6 names and the
older ones they replace), utkuozdemir/nvidia_gpu_exporter. Our own exporter emits the older DCGM names,
which every published dashboard uses, and `watchdog_gpu_*` for what DCGM has no name for.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

MIB = 2.0**20
MHZ = 1e6


class Unit(StrEnum):
    """Base unit of a metric; it is also the suffix of the metric's key."""

    RATIO = "ratio"
    BYTES = "bytes"
    BYTES_PER_SECOND = "bytes_per_second"
    WATTS = "watts"
    JOULES = "joules"
    CELSIUS = "celsius"
    HERTZ = "hertz"
    COUNT = "count"
    FLAG = "flag"
    CODE = "code"


class Kind(StrEnum):
    """How a value behaves in time."""

    GAUGE = "gauge"
    COUNTER = "counter"
    STATE = "state"


class Group(StrEnum):
    """The chapter a metric belongs to, as pages and docs order them."""

    USE = "use"
    MEMORY = "memory"
    THERMAL = "thermal"
    POWER = "power"
    CLOCKS = "clocks"
    LINKS = "links"
    ERRORS = "errors"
    THROTTLE = "throttle"
    STATE = "state"


class Dialect(StrEnum):
    """A family of exporters that share names and labels."""

    DCGM = "dcgm"
    DCGM_46 = "dcgm_46"
    NVIDIA_GPU_EXPORTER = "nvidia_gpu_exporter"
    WATCHDOG = "watchdog"


@dataclass(frozen=True)
class ExportedAs:
    """One exporter's name for a quantity.

    `value * factor` is in the metric's base unit. With `bit`, the exported value is a bit mask and
    the quantity is 1 where the bit is set, else 0.
    """

    name: str
    dialect: Dialect
    factor: float = 1.0
    bit: int = 0


@dataclass(frozen=True)
class Metric:
    """A quantity: its meaning, unit, valid range, and how to aggregate it.

    Attributes:
        over_gpus: how values of several GPUs combine: "mean", "sum" or "max".
        per_instance: the value belongs to a MIG instance where there are some; otherwise it is the
            whole GPU's, even if an exporter repeats it for each instance.
        low, high: values outside are not a measurement and become null.
    """

    key: str
    label: str
    unit: Unit
    group: Group
    definition: str
    names: tuple[ExportedAs, ...]
    kind: Kind = Kind.GAUGE
    over_gpus: str = "mean"
    per_instance: bool = False
    low: float = 0.0
    high: float = 9.0e18


def _dcgm(old: str, new: str = "", factor: float = 1.0, bit: int = 0) -> tuple[ExportedAs, ...]:
    """The name before DCGM 4.6 and, where it changed, since."""
    names = [ExportedAs(f"DCGM_FI_{old}", Dialect.DCGM, factor, bit)]
    if new:
        names.append(ExportedAs(f"DCGM_FI_{new}", Dialect.DCGM_46, factor, bit))
    return tuple(names)


def _nge(name: str, factor: float = 1.0) -> tuple[ExportedAs, ...]:
    return (ExportedAs(f"nvidia_smi_{name}", Dialect.NVIDIA_GPU_EXPORTER, factor),)


def _ours(name: str, factor: float = 1.0) -> tuple[ExportedAs, ...]:
    return (ExportedAs(f"watchdog_gpu_{name}", Dialect.WATCHDOG, factor),)


def _ratio(key: str, label: str, definition: str, names: tuple[ExportedAs, ...]) -> Metric:
    return Metric(key, label, Unit.RATIO, Group.USE, definition, names, per_instance=True, high=1.0)


_USE = (
    _ratio(
        "gpu_util_ratio",
        "GPU utilization",
        "Share of the sample period in which at least one kernel ran; says nothing of how much of the GPU it used "
        "(nvidia-smi: utilization.gpu).",
        # DEV_GPU_UTIL_RATIO kept field 203's integer percent in spite of its name.
        _dcgm("DEV_GPU_UTIL", "DEV_GPU_UTIL_RATIO", 0.01) + _nge("utilization_gpu_ratio"),
    ),
    _ratio(
        "graphics_engine_active_ratio",
        "Graphics engine active",
        "Share of time the graphics or compute engine was active; the one that works under MIG.",
        _dcgm("PROF_GR_ENGINE_ACTIVE", "PROF_GR_ENGINE_UTIL_RATIO") + _nge("mig_graphics_activity_ratio"),
    ),
    _ratio(
        "sm_active_ratio",
        "SM active",
        "Share of cycles in which an SM had at least one warp, averaged over SMs: the honest busy figure.",
        _dcgm("PROF_SM_ACTIVE", "PROF_SM_UTIL_RATIO") + _nge("mig_sm_activity_ratio"),
    ),
    _ratio(
        "sm_occupancy_ratio",
        "SM occupancy",
        "Resident warps as a share of the most that fit, averaged over SMs.",
        _dcgm("PROF_SM_OCCUPANCY", "PROF_SM_OCCUPANCY_RATIO") + _nge("mig_sm_occupancy_ratio"),
    ),
    _ratio(
        "tensor_active_ratio",
        "Tensor cores active",
        "Share of cycles in which a tensor pipe was active.",
        _dcgm("PROF_PIPE_TENSOR_ACTIVE", "PROF_TENSOR_UTIL_RATIO") + _nge("mig_tensor_activity_ratio"),
    ),
    _ratio(
        "dram_active_ratio",
        "DRAM active",
        "Share of cycles in which the device memory interface moved data.",
        _dcgm("PROF_DRAM_ACTIVE", "PROF_DRAM_UTIL_RATIO"),
    ),
    _ratio(
        "memory_copy_util_ratio",
        "Memory utilization",
        "Share of the sample period in which device memory was read or written (nvidia-smi: utilization.memory).",
        _dcgm("DEV_MEM_COPY_UTIL", factor=0.01) + _nge("utilization_memory_ratio"),
    ),
)


def _memory(key: str, label: str, definition: str, names: tuple[ExportedAs, ...]) -> Metric:
    return Metric(
        key, label, Unit.BYTES, Group.MEMORY, definition, names, over_gpus="sum", per_instance=True, high=2.0**43
    )


_MEMORY = (
    _memory(
        "memory_used_bytes",
        "Memory used",
        "Framebuffer held by processes.",
        _dcgm("DEV_FB_USED", factor=MIB) + _nge("memory_used_bytes"),
    ),
    _memory(
        "memory_free_bytes",
        "Memory free",
        "Framebuffer nobody holds.",
        _dcgm("DEV_FB_FREE", factor=MIB) + _nge("memory_free_bytes"),
    ),
    _memory(
        "memory_reserved_bytes",
        "Memory reserved",
        "Framebuffer the driver keeps for itself.",
        _dcgm("DEV_FB_RESERVED", factor=MIB) + _nge("memory_reserved_bytes"),
    ),
    _memory(
        "memory_total_bytes",
        "Memory total",
        "Framebuffer in all; used + free + reserved where it is not exported.",
        _dcgm("DEV_FB_TOTAL", factor=MIB) + _nge("memory_total_bytes"),
    ),
)


def _celsius(key: str, label: str, definition: str, names: tuple[ExportedAs, ...], low: float = 1.0) -> Metric:
    return Metric(key, label, Unit.CELSIUS, Group.THERMAL, definition, names, over_gpus="max", low=low, high=150.0)


_THERMAL = (
    _celsius(
        "gpu_temperature_celsius",
        "GPU temperature",
        "Core temperature.",
        _dcgm("DEV_GPU_TEMP", "DEV_GPU_TEMP_CELSIUS") + _nge("temperature_gpu"),
    ),
    _celsius(
        "memory_temperature_celsius",
        "Memory temperature",
        "Temperature of the device memory. 0 is what GPUs without the sensor report, so it counts as no data.",
        _dcgm("DEV_MEMORY_TEMP", "DEV_MEMORY_TEMP_CELSIUS") + _nge("temperature_memory"),
    ),
    _celsius(
        "slowdown_temperature_celsius",
        "Slowdown temperature",
        "Core temperature at which the hardware slows its clocks: the GPU's own limit.",
        _dcgm("DEV_SLOWDOWN_TEMP", "DEV_GPU_TEMP_SLOWDOWN_CELSIUS"),
    ),
    _celsius(
        "temperature_margin_celsius",
        "Thermal margin",
        "Degrees left until the GPU slows down (T.Limit).",
        _dcgm("DEV_GPU_TEMP_LIMIT", "DEV_GPU_TEMP_MARGIN_CELSIUS") + _nge("temperature_gpu_tlimit"),
        low=-100.0,
    ),
    Metric(
        "fan_ratio",
        "Fan",
        Unit.RATIO,
        Group.THERMAL,
        "Intended fan speed as a share of the highest; above 1 on some boards.",
        _dcgm("DEV_FAN_SPEED", factor=0.01) + _nge("fan_speed_ratio"),
        over_gpus="max",
        high=2.0,
    ),
)

_POWER = (
    Metric(
        "power_watts",
        "Power draw",
        Unit.WATTS,
        Group.POWER,
        "Board power, averaged over one second by the driver on recent boards.",
        _dcgm("DEV_POWER_USAGE", "DEV_BOARD_POWER_WATTS") + _nge("power_draw_watts"),
        over_gpus="sum",
        high=5e4,
    ),
    Metric(
        "power_limit_watts",
        "Power limit",
        Unit.WATTS,
        Group.POWER,
        "The limit the driver enforces after all limiters.",
        _dcgm("DEV_ENFORCED_POWER_LIMIT", "DEV_BOARD_POWER_LIMIT_ENFORCED_WATTS")
        + _dcgm("DEV_POWER_MGMT_LIMIT", "DEV_BOARD_POWER_LIMIT_REQUESTED_WATTS")
        + _nge("enforced_power_limit_watts"),
        over_gpus="sum",
        high=5e4,
    ),
    Metric(
        "energy_joules",
        "Energy",
        Unit.JOULES,
        Group.POWER,
        "Energy used since the driver was loaded.",
        _dcgm("DEV_TOTAL_ENERGY_CONSUMPTION", factor=0.001) + _nge("energy_joules_total"),
        kind=Kind.COUNTER,
        over_gpus="sum",
        high=9e15,
    ),
)


def _clock(key: str, label: str, definition: str, names: tuple[ExportedAs, ...]) -> Metric:
    return Metric(key, label, Unit.HERTZ, Group.CLOCKS, definition, names, high=1e11)


_CLOCKS = (
    _clock(
        "sm_clock_hertz",
        "SM clock",
        "Clock of the streaming multiprocessors.",
        _dcgm("DEV_SM_CLOCK", factor=MHZ) + _nge("clocks_current_sm_clock_hz"),
    ),
    _clock(
        "memory_clock_hertz",
        "Memory clock",
        "Clock of the device memory.",
        _dcgm("DEV_MEM_CLOCK", factor=MHZ) + _nge("clocks_current_memory_clock_hz"),
    ),
    _clock(
        "max_sm_clock_hertz",
        "Highest SM clock",
        "The highest SM clock the GPU supports.",
        _dcgm("DEV_MAX_SM_CLOCK", factor=MHZ) + _nge("clocks_max_sm_clock_hz"),
    ),
    Metric(
        "performance_state_code",
        "Performance state",
        Unit.CODE,
        Group.CLOCKS,
        "P-state: 0 is the fastest, 15 the slowest.",
        _dcgm("DEV_PSTATE", "DEV_GPU_PSTATE") + _nge("pstate"),
        kind=Kind.STATE,
        over_gpus="max",
        high=15.0,
    ),
)


def _rate(key: str, label: str, definition: str, names: tuple[ExportedAs, ...]) -> Metric:
    return Metric(key, label, Unit.BYTES_PER_SECOND, Group.LINKS, definition, names, over_gpus="sum", high=1e14)


_LINKS = (
    _rate(
        "pcie_tx_bytes_per_second",
        "PCIe sent",
        "Bytes the GPU sent over PCIe, headers included.",
        _dcgm("PROF_PCIE_TX_BYTES") + _nge("pcie_throughput_tx_bytes_per_second"),
    ),
    _rate(
        "pcie_rx_bytes_per_second",
        "PCIe received",
        "Bytes the GPU received over PCIe, headers included.",
        _dcgm("PROF_PCIE_RX_BYTES") + _nge("pcie_throughput_rx_bytes_per_second"),
    ),
    _rate(
        "nvlink_bytes_per_second",
        "NVLink traffic",
        "Bytes sent and received over all NVLinks. DCGM declares a counter but publishes a rate in units of 1000 KiB/s "
        "(DcgmCacheManager.cpp, ReadAndCacheNvLinkBandwidth).",
        _dcgm("DEV_NVLINK_BANDWIDTH_TOTAL", "DEV_NVLINK_THROUGHPUT_TOTAL", 1000 * 1024.0),
    ),
    Metric(
        "pcie_link_gen_code",
        "PCIe generation",
        Unit.CODE,
        Group.LINKS,
        "Generation the PCIe link runs at now; lower when idle.",
        _dcgm("DEV_PCIE_LINK_GEN") + _nge("pcie_link_gen_current"),
        kind=Kind.STATE,
        high=16.0,
    ),
    Metric(
        "pcie_link_width_count",
        "PCIe lanes",
        Unit.COUNT,
        Group.LINKS,
        "Lanes the PCIe link runs with now.",
        _dcgm("DEV_PCIE_LINK_WIDTH") + _nge("pcie_link_width_current"),
        kind=Kind.STATE,
        high=64.0,
    ),
    Metric(
        "max_pcie_link_width_count",
        "Most PCIe lanes",
        Unit.COUNT,
        Group.LINKS,
        "Lanes that GPU and slot could use.",
        _dcgm("DEV_PCIE_MAX_LINK_WIDTH") + _nge("pcie_link_width_max"),
        kind=Kind.STATE,
        high=64.0,
    ),
)


def _errors(key: str, label: str, definition: str, names: tuple[ExportedAs, ...]) -> Metric:
    return Metric(key, label, Unit.COUNT, Group.ERRORS, definition, names, kind=Kind.COUNTER, over_gpus="sum")


def _flag(key: str, label: str, definition: str, names: tuple[ExportedAs, ...], group: Group = Group.ERRORS) -> Metric:
    return Metric(key, label, Unit.FLAG, group, definition, names, kind=Kind.STATE, over_gpus="max", high=1.0)


_ERRORS = (
    Metric(
        "xid_code",
        "Last XID",
        Unit.CODE,
        Group.ERRORS,
        "Code of the last XID, 0 if none. It stays until the driver or the exporter restarts, so it is no proof of a "
        "fault now, and a repeated code cannot be seen in it.",
        _dcgm("DEV_XID_ERRORS", "DEV_XID_ERROR"),
        kind=Kind.STATE,
        over_gpus="max",
        high=9999.0,
    ),
    _errors(
        "xid_errors_count",
        "XIDs",
        "XIDs since boot as far as the kernel log reaches, else since the exporter started; one series a code "
        "(part `xid=79`).",
        _ours("xid_errors_total") + _nge("xid_errors_total"),
    ),
    _errors(
        "ecc_corrected_volatile_count",
        "ECC corrected",
        "Single-bit errors since the driver was loaded.",
        _dcgm("DEV_ECC_SBE_VOL_TOTAL") + _nge("ecc_errors_corrected_volatile_total"),
    ),
    _errors(
        "ecc_uncorrected_volatile_count",
        "ECC uncorrected",
        "Double-bit errors since the driver was loaded.",
        _dcgm("DEV_ECC_DBE_VOL_TOTAL") + _nge("ecc_errors_uncorrected_volatile_total"),
    ),
    _errors(
        "ecc_corrected_aggregate_count",
        "ECC corrected, lifetime",
        "Single-bit errors over the board's life.",
        _dcgm("DEV_ECC_SBE_AGG_TOTAL") + _nge("ecc_errors_corrected_aggregate_total"),
    ),
    _errors(
        "ecc_uncorrected_aggregate_count",
        "ECC uncorrected, lifetime",
        "Double-bit errors over the board's life.",
        _dcgm("DEV_ECC_DBE_AGG_TOTAL") + _nge("ecc_errors_uncorrected_aggregate_total"),
    ),
    _errors(
        "row_remap_correctable_count",
        "Rows remapped, correctable",
        "Memory rows replaced after correctable errors, over the board's life.",
        _dcgm("DEV_CORRECTABLE_REMAPPED_ROWS", "DEV_ROW_REMAP_CORRECTABLE_TOTAL") + _nge("remapped_rows_correctable"),
    ),
    _errors(
        "row_remap_uncorrectable_count",
        "Rows remapped, uncorrectable",
        "Memory rows replaced after uncorrectable errors, over the board's life.",
        _dcgm("DEV_UNCORRECTABLE_REMAPPED_ROWS", "DEV_ROW_REMAP_UNCORRECTABLE_TOTAL")
        + _nge("remapped_rows_uncorrectable"),
    ),
    _flag(
        "row_remap_pending_flag",
        "Row remap pending",
        "A row waits for a GPU reset to be remapped.",
        _dcgm("DEV_ROW_REMAP_PENDING") + _nge("remapped_rows_pending"),
    ),
    _flag(
        "row_remap_failure_flag",
        "Row remap failed",
        "A row could not be remapped: the board is a candidate for return.",
        _dcgm("DEV_ROW_REMAP_FAILURE", "DEV_ROW_REMAP_FAILED") + _nge("remapped_rows_failure"),
    ),
    _errors(
        "retired_pages_sbe_count",
        "Pages retired, single-bit",
        "Pages retired after repeated single-bit errors (before Ampere).",
        _dcgm("DEV_RETIRED_SBE", "DEV_PAGE_RETIRED_SBE_TOTAL") + _nge("retired_pages_single_bit_ecc_count"),
    ),
    _errors(
        "retired_pages_dbe_count",
        "Pages retired, double-bit",
        "Pages retired after a double-bit error (before Ampere).",
        _dcgm("DEV_RETIRED_DBE", "DEV_PAGE_RETIRED_DBE_TOTAL") + _nge("retired_pages_double_bit_count"),
    ),
    _flag(
        "retired_pages_pending_flag",
        "Page retirement pending",
        "A page waits for a reboot to be retired.",
        _dcgm("DEV_RETIRED_PENDING", "DEV_PAGE_RETIRED_PENDING") + _nge("retired_pages_pending"),
    ),
    _errors(
        "pcie_replay_count",
        "PCIe replays",
        "Packets sent again over PCIe; watch the rate, a single one means nothing.",
        _dcgm("DEV_PCIE_REPLAY_COUNTER", "DEV_PCIE_REPLAY_TOTAL"),
    ),
    _errors(
        "nvlink_crc_flit_errors_count",
        "NVLink CRC flit errors",
        "Flow-control CRC errors over all links.",
        _dcgm("DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL", "DEV_NVLINK_CRC_FLIT_ERROR_TOTAL"),
    ),
    _errors(
        "nvlink_crc_data_errors_count",
        "NVLink CRC data errors",
        "Data CRC errors over all links.",
        _dcgm("DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL", "DEV_NVLINK_CRC_DATA_ERROR_TOTAL"),
    ),
    _errors(
        "nvlink_replay_errors_count",
        "NVLink replay errors",
        "Failed replays over all links.",
        _dcgm("DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL", "DEV_NVLINK_REPLAY_ERROR_TOTAL"),
    ),
    _errors(
        "nvlink_recovery_errors_count",
        "NVLink recovery errors",
        "Failed link recoveries over all links.",
        _dcgm("DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL", "DEV_NVLINK_RECOVERY_ERROR_TOTAL"),
    ),
)


def _throttle(key: str, label: str, definition: str, bit: int, nge: str) -> Metric:
    """A clock-event reason: a bit of NVML's mask in DCGM, a metric of its own elsewhere."""
    names = (
        _dcgm("DEV_CLOCK_THROTTLE_REASONS", bit=bit)
        + _dcgm("DEV_CLOCKS_EVENT_REASONS", bit=bit)
        + _nge(f"clocks_event_reasons_{nge}")
        + _nge(f"clocks_throttle_reasons_{nge}")
    )
    return _flag(key, label, definition, names, Group.THROTTLE)


# Bits: NVML `nvmlClocksEventReason*`, the same in DCGM_FI_DEV_CLOCKS_EVENT_REASONS.
_THROTTLE = (
    _throttle("throttle_idle_flag", "Idle clocks", "Nothing runs, clocks are low: normal.", 0x1, "gpu_idle"),
    _throttle(
        "throttle_app_clocks_flag",
        "Application clocks",
        "Clocks are held at the set application clocks: normal.",
        0x2,
        "applications_clocks_setting",
    ),
    _throttle(
        "throttle_power_cap_flag",
        "Power cap",
        "Clocks are lowered to stay under the power limit: normal under full load.",
        0x4,
        "sw_power_cap",
    ),
    _throttle(
        "throttle_hw_slowdown_flag",
        "Hardware slowdown",
        "The hardware at least halved the clocks: heat, power brake or a too high draw.",
        0x8,
        "hw_slowdown",
    ),
    _throttle("throttle_sync_boost_flag", "Sync boost", "Clocks follow another GPU's: normal.", 0x10, "sync_boost"),
    _throttle(
        "throttle_sw_thermal_flag",
        "Thermal slowdown",
        "The driver lowered clocks because of heat: look at cooling.",
        0x20,
        "sw_thermal_slowdown",
    ),
    _throttle(
        "throttle_hw_thermal_flag",
        "Hardware thermal slowdown",
        "The hardware slowed clocks because of heat: cooling fails.",
        0x40,
        "hw_thermal_slowdown",
    ),
    _throttle(
        "throttle_power_brake_flag",
        "Power brake",
        "The power supply asked for slower clocks: look at the node's power.",
        0x80,
        "hw_power_brake_slowdown",
    ),
    _throttle(
        "throttle_display_flag", "Display clocks", "Clocks follow a display setting.", 0x100, "display_clock_setting"
    ),
)

_STATE = (
    _flag(
        "gpu_lost_flag",
        "GPU lost",
        "The driver cannot reach a GPU that it lists or that was there earlier; nothing else of it is exported.",
        _ours("lost"),
        Group.STATE,
    ),
    Metric(
        "compute_processes_count",
        "Compute processes",
        Unit.COUNT,
        Group.STATE,
        "Processes with a compute context on the GPU.",
        _ours("compute_processes") + _nge("compute_apps"),
        over_gpus="sum",
        high=1e6,
    ),
    Metric(
        "recovery_action_code",
        "Recovery action",
        Unit.CODE,
        Group.STATE,
        "What the driver asks for: 0 nothing, 1 GPU reset, 2 node reboot, 3 drain P2P, 4 drain and reset.",
        _dcgm("DEV_GET_GPU_RECOVERY_ACTION", "DEV_GPU_RECOVERY_ACTION") + _nge("gpu_recovery_action"),
        kind=Kind.STATE,
        over_gpus="max",
        high=4.0,
    ),
    _flag(
        "mig_mode_flag",
        "MIG mode",
        "The GPU is split into MIG instances.",
        _dcgm("DEV_MIG_MODE") + _nge("mig_mode_current"),
        Group.STATE,
    ),
)

CATALOGUE: MappingProxyType[str, Metric] = MappingProxyType(
    {
        metric.key: metric
        for metric in (*_USE, *_MEMORY, *_THERMAL, *_POWER, *_CLOCKS, *_LINKS, *_ERRORS, *_THROTTLE, *_STATE)
    }
)

# What an exported name stands for; a bit mask stands for several flags.
BY_EXPORTED_NAME: MappingProxyType[str, tuple[tuple[Metric, ExportedAs], ...]] = MappingProxyType(
    {
        name: tuple((m, e) for m in CATALOGUE.values() for e in m.names if e.name == name)
        for name in {e.name for m in CATALOGUE.values() for e in m.names}
    }
)

# DCGM writes these (and up to 3 above each) for "blank", "not found", "not supported", "no permission"
# (dcgm_structs.h); as float64 all the 64-bit ones fall together at 2**63.
_BLANK_INT32 = 2147483632.0
_BLANK_FP64 = 140737488355328.0
_BLANK_INT64 = 9.2e18


def is_blank(value: float) -> bool:
    """Whether a raw exported value stands for "no measurement"."""
    return (
        value != value  # noqa: PLR0124 (NaN)
        or value >= _BLANK_INT64
        or value == float("-inf")
        or _BLANK_INT32 <= value <= _BLANK_INT32 + 3
        or _BLANK_FP64 <= value <= _BLANK_FP64 + 3
    )


def metric(key: str) -> Metric:
    """The metric of that key; KeyError for an unknown one, which is a bug of the caller."""
    return CATALOGUE[key]
