"""Heat and cooling."""

from __future__ import annotations

from watchdog.model.catalogue.naming import dcgm, nge
from watchdog.model.metric import ExportedAs, Group, Metric, Unit


def _celsius(key: str, label: str, definition: str, names: tuple[ExportedAs, ...], low: float = 1.0) -> Metric:
    return Metric(key, label, Unit.CELSIUS, Group.THERMAL, definition, names, over_gpus="max", low=low, high=150.0)


THERMAL: tuple[Metric, ...] = (
    _celsius(
        "gpu_temperature_celsius",
        "GPU temperature",
        "Core temperature.",
        dcgm("DEV_GPU_TEMP", "DEV_GPU_TEMP_CELSIUS") + nge("temperature_gpu"),
    ),
    _celsius(
        "memory_temperature_celsius",
        "Memory temperature",
        "Temperature of the device memory. 0 is what GPUs without the sensor report, so it counts as no data.",
        dcgm("DEV_MEMORY_TEMP", "DEV_MEMORY_TEMP_CELSIUS") + nge("temperature_memory"),
    ),
    _celsius(
        "slowdown_temperature_celsius",
        "Slowdown temperature",
        "Core temperature at which the hardware slows its clocks: the GPU's own limit.",
        dcgm("DEV_SLOWDOWN_TEMP", "DEV_GPU_TEMP_SLOWDOWN_CELSIUS"),
    ),
    _celsius(
        "temperature_margin_celsius",
        "Thermal margin",
        "Degrees left until the GPU slows down (T.Limit).",
        dcgm("DEV_GPU_TEMP_LIMIT", "DEV_GPU_TEMP_MARGIN_CELSIUS") + nge("temperature_gpu_tlimit"),
        low=-100.0,
    ),
    Metric(
        "fan_ratio",
        "Fan",
        Unit.RATIO,
        Group.THERMAL,
        "Intended fan speed as a share of the highest; above 1 on some boards.",
        dcgm("DEV_FAN_SPEED", factor=0.01) + nge("fan_speed_ratio"),
        over_gpus="max",
        high=2.0,
    ),
)
