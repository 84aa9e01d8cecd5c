"""Clocks and performance states."""

from __future__ import annotations

from watchdog.model.catalogue.naming import dcgm, nge
from watchdog.model.metric import MHZ, ExportedAs, Group, Kind, Metric, Unit


def _clock(key: str, label: str, definition: str, names: tuple[ExportedAs, ...]) -> Metric:
    return Metric(key, label, Unit.HERTZ, Group.CLOCKS, definition, names, high=1e11)


CLOCKS: tuple[Metric, ...] = (
    _clock(
        "sm_clock_hertz",
        "SM clock",
        "Clock of the streaming multiprocessors.",
        dcgm("DEV_SM_CLOCK", factor=MHZ) + nge("clocks_current_sm_clock_hz"),
    ),
    _clock(
        "memory_clock_hertz",
        "Memory clock",
        "Clock of the device memory.",
        dcgm("DEV_MEM_CLOCK", factor=MHZ) + nge("clocks_current_memory_clock_hz"),
    ),
    _clock(
        "max_sm_clock_hertz",
        "Highest SM clock",
        "The highest SM clock the GPU supports.",
        dcgm("DEV_MAX_SM_CLOCK", factor=MHZ) + nge("clocks_max_sm_clock_hz"),
    ),
    Metric(
        "performance_state_code",
        "Performance state",
        Unit.CODE,
        Group.CLOCKS,
        "P-state: 0 is the fastest, 15 the slowest.",
        dcgm("DEV_PSTATE", "DEV_GPU_PSTATE") + nge("pstate"),
        kind=Kind.STATE,
        over_gpus="max",
        high=15.0,
    ),
)
