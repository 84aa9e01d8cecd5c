"""Why clocks are not at their highest."""

from __future__ import annotations

from watchdog.model.catalogue.naming import dcgm, flag, nge
from watchdog.model.metric import Group, Metric


def _throttle(key: str, label: str, definition: str, bit: int, other: str) -> Metric:
    """A clock-event reason: a bit of NVML's mask in DCGM, a metric of its own elsewhere."""
    names = (
        dcgm("DEV_CLOCK_THROTTLE_REASONS", bit=bit)
        + dcgm("DEV_CLOCKS_EVENT_REASONS", bit=bit)
        + nge(f"clocks_event_reasons_{other}")
        + nge(f"clocks_throttle_reasons_{other}")
    )
    return flag(key, label, definition, names, Group.THROTTLE)


# Bits: NVML `nvmlClocksEventReason*`, the same in DCGM_FI_DEV_CLOCKS_EVENT_REASONS.
THROTTLE: tuple[Metric, ...] = (
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
