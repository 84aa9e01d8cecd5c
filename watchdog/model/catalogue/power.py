"""Power and energy."""

from __future__ import annotations

from watchdog.model.catalogue.naming import dcgm, nge
from watchdog.model.metric import Group, Kind, Metric, Unit

POWER: tuple[Metric, ...] = (
    Metric(
        "power_watts",
        "Power draw",
        Unit.WATTS,
        Group.POWER,
        "Board power, averaged over one second by the driver on recent boards.",
        dcgm("DEV_POWER_USAGE", "DEV_BOARD_POWER_WATTS") + nge("power_draw_watts"),
        over_gpus="sum",
        high=5e4,
    ),
    Metric(
        "power_limit_watts",
        "Power limit",
        Unit.WATTS,
        Group.POWER,
        "The limit the driver enforces after all limiters.",
        dcgm("DEV_ENFORCED_POWER_LIMIT", "DEV_BOARD_POWER_LIMIT_ENFORCED_WATTS")
        + dcgm("DEV_POWER_MGMT_LIMIT", "DEV_BOARD_POWER_LIMIT_REQUESTED_WATTS")
        + nge("enforced_power_limit_watts"),
        over_gpus="sum",
        high=5e4,
    ),
    Metric(
        "energy_joules",
        "Energy",
        Unit.JOULES,
        Group.POWER,
        "Energy used since the driver was loaded.",
        dcgm("DEV_TOTAL_ENERGY_CONSUMPTION", factor=0.001) + nge("energy_joules_total"),
        kind=Kind.COUNTER,
        over_gpus="sum",
        high=9e15,
    ),
)
