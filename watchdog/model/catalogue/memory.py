"""Device memory."""

from __future__ import annotations

from watchdog.model.catalogue.naming import dcgm, nge
from watchdog.model.metric import MIB, ExportedAs, Group, Metric, Unit


def _memory(key: str, label: str, definition: str, names: tuple[ExportedAs, ...]) -> Metric:
    return Metric(
        key, label, Unit.BYTES, Group.MEMORY, definition, names, over_gpus="sum", per_instance=True, high=2.0**43
    )


MEMORY: tuple[Metric, ...] = (
    _memory(
        "memory_used_bytes",
        "Memory used",
        "Framebuffer held by processes.",
        dcgm("DEV_FB_USED", factor=MIB) + nge("memory_used_bytes"),
    ),
    _memory(
        "memory_free_bytes",
        "Memory free",
        "Framebuffer nobody holds.",
        dcgm("DEV_FB_FREE", factor=MIB) + nge("memory_free_bytes"),
    ),
    _memory(
        "memory_reserved_bytes",
        "Memory reserved",
        "Framebuffer the driver keeps for itself.",
        dcgm("DEV_FB_RESERVED", factor=MIB) + nge("memory_reserved_bytes"),
    ),
    _memory(
        "memory_total_bytes",
        "Memory total",
        "Framebuffer in all; used + free + reserved where it is not exported.",
        dcgm("DEV_FB_TOTAL", factor=MIB) + nge("memory_total_bytes"),
    ),
)
