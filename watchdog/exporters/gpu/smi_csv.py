"""`nvidia-smi --query-gpu=… --format=csv` -> Reading: the way out where the XML cannot be read.

It has no MIG instances, no processes and no PCIe throughput, but each GPU is a line of its own and no text of users
is in it, so a strange process name cannot spoil it.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping

from watchdog.exporters.failure import CollectError
from watchdog.exporters.gpu import cells
from watchdog.exporters.gpu.lost import lost_gpus, without_lost_lines
from watchdog.exporters.gpu.reading import GpuReading, Reading

_IDENTITY = ("index", "uuid", "pci.bus_id", "name", "driver_version")
_COLUMNS: Mapping[str, tuple[str, Callable[[str | None], float | None]]] = {
    "utilization.gpu": ("DEV_GPU_UTIL", cells.number),
    "utilization.memory": ("DEV_MEM_COPY_UTIL", cells.number),
    "memory.total": ("DEV_FB_TOTAL", cells.number),
    "memory.used": ("DEV_FB_USED", cells.number),
    "memory.free": ("DEV_FB_FREE", cells.number),
    "temperature.gpu": ("DEV_GPU_TEMP", cells.number),
    "temperature.memory": ("DEV_MEMORY_TEMP", cells.number),
    "fan.speed": ("DEV_FAN_SPEED", cells.number),
    "power.draw": ("DEV_POWER_USAGE", cells.number),
    "enforced.power.limit": ("DEV_ENFORCED_POWER_LIMIT", cells.number),
    "clocks.current.sm": ("DEV_SM_CLOCK", cells.number),
    "clocks.current.memory": ("DEV_MEM_CLOCK", cells.number),
    "clocks.max.sm": ("DEV_MAX_SM_CLOCK", cells.number),
    "clocks.max.memory": ("DEV_MAX_MEM_CLOCK", cells.number),
    "pstate": ("DEV_PSTATE", cells.pstate),
    "pcie.link.gen.current": ("DEV_PCIE_LINK_GEN", cells.number),
    "pcie.link.gen.max": ("DEV_PCIE_MAX_LINK_GEN", cells.number),
    "pcie.link.width.current": ("DEV_PCIE_LINK_WIDTH", cells.number),
    "pcie.link.width.max": ("DEV_PCIE_MAX_LINK_WIDTH", cells.number),
    "clocks_throttle_reasons.active": ("DEV_CLOCK_THROTTLE_REASONS", cells.number),
    "ecc.errors.corrected.volatile.total": ("DEV_ECC_SBE_VOL_TOTAL", cells.number),
    "ecc.errors.uncorrected.volatile.total": ("DEV_ECC_DBE_VOL_TOTAL", cells.number),
    "ecc.errors.corrected.aggregate.total": ("DEV_ECC_SBE_AGG_TOTAL", cells.number),
    "ecc.errors.uncorrected.aggregate.total": ("DEV_ECC_DBE_AGG_TOTAL", cells.number),
    "retired_pages.single_bit_ecc.count": ("DEV_RETIRED_SBE", cells.number),
    "retired_pages.double_bit.count": ("DEV_RETIRED_DBE", cells.number),
    "retired_pages.pending": ("DEV_RETIRED_PENDING", cells.flag),
    "mig.mode.current": ("DEV_MIG_MODE", cells.flag),
}
# A driver refuses the whole query for one name it does not know, so these are read where they are in an answer
# and not asked for: they are younger than the others.
_YOUNGER: Mapping[str, tuple[str, Callable[[str | None], float | None]]] = {
    "memory.reserved": ("DEV_FB_RESERVED", cells.number),
    "temperature.gpu.tlimit": ("DEV_GPU_TEMP_LIMIT", cells.number),
    "clocks_event_reasons.active": ("DEV_CLOCK_THROTTLE_REASONS", cells.number),
    "remapped_rows.correctable": ("DEV_CORRECTABLE_REMAPPED_ROWS", cells.number),
    "remapped_rows.uncorrectable": ("DEV_UNCORRECTABLE_REMAPPED_ROWS", cells.number),
    "remapped_rows.pending": ("DEV_ROW_REMAP_PENDING", cells.flag),
    "remapped_rows.failure": ("DEV_ROW_REMAP_FAILURE", cells.flag),
    "gpu_recovery_action": ("DEV_GET_GPU_RECOVERY_ACTION", cells.recovery_action),
}
QUERY = ",".join((*_IDENTITY, *_COLUMNS))
_ACTION = "DCGM_FI_DEV_GET_GPU_RECOVERY_ACTION"


def parse_csv(text: str) -> Reading:
    """Read a CSV answer with its header line, with or without units.

    Raises:
        CollectError: reason "format": a row has not as many cells as the header.
    """
    lines = [line for line in without_lost_lines(text).splitlines() if line.strip()]
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines)]
    header = [cell.partition(" [")[0] for cell in rows[0]] if rows else []
    if "uuid" not in header or any(len(row) != len(header) for row in rows):
        raise CollectError(
            "nvidia-smi --query-gpu gave rows that cannot be read",
            reason="format",
            hint="Run `nvidia-smi --query-gpu=index,uuid --format=csv` by hand as the exporter's user.",
        )
    named = [dict(zip(header, row, strict=True)) for row in rows[1:]]
    driver = next((row["driver_version"] for row in named if "driver_version" in row), "")
    return Reading(driver, (*map(_gpu, named), *lost_gpus(text)))


def _gpu(row: Mapping[str, str]) -> GpuReading:
    known = [(name, read(row.get(column))) for column, (name, read) in (*_COLUMNS.items(), *_YOUNGER.items())]
    values = {f"DCGM_FI_{name}": value for name, value in known if value is not None}
    if any(map(cells.says_reset_needed, row.values())):
        values[_ACTION] = max(1.0, values.get(_ACTION, 0.0))
    lost = any(map(cells.says_lost, row.values()))
    index = cells.number(row.get("index"))
    return GpuReading(
        index=None if index is None else int(index),
        uuid="" if row["uuid"].startswith("[") else row["uuid"],
        pci_bus_id=row.get("pci.bus_id", ""),
        model="" if row.get("name", "[").startswith("[") else row["name"],
        values={} if lost else values,
        lost=lost,
    )
