"""`nvidia-smi -q -x` -> Reading; schemas v10 (2018) to v13 (driver 610).

The document is cut out of whatever surrounds it, since drivers print warnings and lost GPUs as plain lines before,
between and after.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, unescape

from watchdog.exporters.failure import CollectError
from watchdog.exporters.gpu import cells
from watchdog.exporters.gpu.lost import lost_gpus, without_lost_lines
from watchdog.exporters.gpu.reading import GpuReading, InstanceReading, ProcessReading, Reading

_DOCUMENT = re.compile(r"<(\w+_log)>.*</\1>", re.DOTALL)
_PROCESS_NAME = re.compile(r"(<process_name>)(.*?)(</process_name>)", re.DOTALL)
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")

_NO_IDENTITY = ("n/a", "err!", "unknown error", "gpu is lost")

# (GPU UUID, place of the MIG device on it) -> profile, from `nvidia-smi -L`: the XML does not tell.
Profiles = Mapping[tuple[str, int], str]

_Cell = Callable[[str | None], float | None]


def _kilo(text: str | None) -> float | None:
    value = cells.number(text)
    return None if value is None else value * 1000


# Exported name, how to read the cell, and where it may stand: newer schemas first.
_CELLS: tuple[tuple[str, _Cell, tuple[str, ...]], ...] = (
    ("DEV_GPU_UTIL", cells.number, ("utilization/gpu_util",)),
    ("DEV_MEM_COPY_UTIL", cells.number, ("utilization/memory_util",)),
    ("DEV_ENC_UTIL", cells.number, ("utilization/encoder_util",)),
    ("DEV_DEC_UTIL", cells.number, ("utilization/decoder_util",)),
    ("DEV_FB_TOTAL", cells.number, ("fb_memory_usage/total", "memory_usage/total")),
    ("DEV_FB_USED", cells.number, ("fb_memory_usage/used", "memory_usage/used")),
    ("DEV_FB_FREE", cells.number, ("fb_memory_usage/free", "memory_usage/free")),
    ("DEV_FB_RESERVED", cells.number, ("fb_memory_usage/reserved",)),
    ("DEV_GPU_TEMP", cells.number, ("temperature/gpu_temp",)),
    ("DEV_MEMORY_TEMP", cells.number, ("temperature/memory_temp",)),
    ("DEV_GPU_TEMP_LIMIT", cells.number, ("temperature/gpu_temp_tlimit",)),
    ("DEV_SLOWDOWN_TEMP", cells.number, ("temperature/gpu_temp_slow_threshold",)),
    ("DEV_SHUTDOWN_TEMP", cells.number, ("temperature/gpu_temp_max_threshold",)),
    ("DEV_FAN_SPEED", cells.number, ("fan_speed",)),
    (
        "DEV_POWER_USAGE",
        cells.number,
        (
            "gpu_power_readings/power_draw",
            "gpu_power_readings/average_power_draw",
            "gpu_power_readings/instant_power_draw",
            "power_readings/power_draw",
        ),
    ),
    (
        "DEV_ENFORCED_POWER_LIMIT",
        cells.number,
        (
            "gpu_power_readings/current_power_limit",
            "power_readings/enforced_power_limit",
            "power_readings/power_limit",
        ),
    ),
    ("DEV_SM_CLOCK", cells.number, ("clocks/sm_clock",)),
    ("DEV_MEM_CLOCK", cells.number, ("clocks/mem_clock",)),
    ("DEV_MAX_SM_CLOCK", cells.number, ("max_clocks/sm_clock",)),
    ("DEV_MAX_MEM_CLOCK", cells.number, ("max_clocks/mem_clock",)),
    ("DEV_PSTATE", cells.pstate, ("performance_state",)),
    ("PROF_PCIE_TX_BYTES", _kilo, ("pci/tx_util",)),
    ("PROF_PCIE_RX_BYTES", _kilo, ("pci/rx_util",)),
    ("DEV_PCIE_REPLAY_COUNTER", cells.number, ("pci/replay_counter",)),
    ("DEV_PCIE_LINK_GEN", cells.number, ("pci/pci_gpu_link_info/pcie_gen/current_link_gen",)),
    ("DEV_PCIE_MAX_LINK_GEN", cells.number, ("pci/pci_gpu_link_info/pcie_gen/max_link_gen",)),
    ("DEV_PCIE_LINK_WIDTH", cells.number, ("pci/pci_gpu_link_info/link_widths/current_link_width",)),
    ("DEV_PCIE_MAX_LINK_WIDTH", cells.number, ("pci/pci_gpu_link_info/link_widths/max_link_width",)),
    ("DEV_CORRECTABLE_REMAPPED_ROWS", cells.number, ("remapped_rows/remapped_row_corr",)),
    ("DEV_UNCORRECTABLE_REMAPPED_ROWS", cells.number, ("remapped_rows/remapped_row_unc",)),
    ("DEV_ROW_REMAP_PENDING", cells.flag, ("remapped_rows/remapped_row_pending",)),
    ("DEV_ROW_REMAP_FAILURE", cells.flag, ("remapped_rows/remapped_row_failure",)),
    ("DEV_RETIRED_SBE", cells.number, ("retired_pages/multiple_single_bit_retirement/retired_count",)),
    ("DEV_RETIRED_DBE", cells.number, ("retired_pages/double_bit_retirement/retired_count",)),
    ("DEV_RETIRED_PENDING", cells.flag, ("retired_pages/pending_retirement", "retired_pages/pending_blacklist")),
    ("DEV_MIG_MODE", cells.flag, ("mig_mode/current_mig",)),
    ("DEV_GET_GPU_RECOVERY_ACTION", cells.recovery_action, ("gpu_recovery_action",)),
)
_ACTION = "DCGM_FI_DEV_GET_GPU_RECOVERY_ACTION"
_MEMORY = ("TOTAL", "USED", "FREE", "RESERVED")
_ECC = (
    ("DEV_ECC_SBE_VOL_TOTAL", "volatile", "single_bit", "correctable"),
    ("DEV_ECC_DBE_VOL_TOTAL", "volatile", "double_bit", "uncorrectable"),
    ("DEV_ECC_SBE_AGG_TOTAL", "aggregate", "single_bit", "correctable"),
    ("DEV_ECC_DBE_AGG_TOTAL", "aggregate", "double_bit", "uncorrectable"),
)
_REASONS = (
    (0x1, "gpu_idle"),
    (0x2, "applications_clocks_setting"),
    (0x4, "sw_power_cap"),
    (0x8, "hw_slowdown"),
    (0x10, "sync_boost"),
    (0x20, "sw_thermal_slowdown"),
    (0x40, "hw_thermal_slowdown"),
    (0x80, "hw_power_brake_slowdown"),
    (0x100, "display_clocks_setting"),
)


def parse_xml(text: str, profiles: Profiles | None = None) -> Reading:
    """Read the output of `nvidia-smi -q -x`.

    GPUs named in "Unable to determine the device handle" lines are part of the result, as lost.

    Raises:
        CollectError: reason "format": no whole document in it, as when it was cut off.
    """
    root = _document(without_lost_lines(text))
    elements = root.findall("gpu")
    complete = len(elements) == cells.number(root.findtext("attached_gpus"))
    gpus = [_gpu(element, place if complete else None, profiles or {}) for place, element in enumerate(elements)]
    return Reading((root.findtext("driver_version") or "").strip(), (*gpus, *lost_gpus(text)))


def _document(text: str) -> ET.Element:
    match = _DOCUMENT.search(text)
    if not match:
        raise _format_error("it is cut off or no XML at all")
    document = _FORBIDDEN.sub("?", match[0])
    try:
        return ET.fromstring(document)  # noqa: S314 (the local driver's own tool; its DOCTYPE is cut off)
    except ET.ParseError:
        # A process may call itself anything; some drivers print the name as it is.
        repaired = _PROCESS_NAME.sub(lambda m: m[1] + escape(unescape(m[2])) + m[3], document)
    try:
        return ET.fromstring(repaired)  # noqa: S314
    except ET.ParseError as error:
        raise _format_error(str(error)) from error


def _format_error(what: str) -> CollectError:
    return CollectError(
        f"nvidia-smi -q -x gave XML that cannot be read: {what}",
        reason="format",
        hint="Run `nvidia-smi -q -x` by hand as the exporter's user and look at its end.",
    )


def _gpu(element: ET.Element, place: int | None, profiles: Profiles) -> GpuReading:
    minor = cells.number(element.findtext("minor_number"))
    values = dict(_values(element))
    uuid = _identity(element.findtext("uuid"))
    processes = _processes(element)
    if processes is not None:
        values["watchdog_gpu_compute_processes"] = float(len(processes))
    if any(cells.says_reset_needed(leaf.text) for leaf in element.iter()):
        values[_ACTION] = max(1.0, values.get(_ACTION, 0.0))
    lost = any(cells.says_lost(leaf.text) for leaf in element.iter())
    return GpuReading(
        index=place if place is not None or minor is None else int(minor),
        uuid=uuid,
        pci_bus_id=(element.findtext("pci/pci_bus_id") or element.get("id") or "").strip(),
        model=_identity(element.findtext("product_name")),
        minor=None if minor is None else int(minor),
        values={} if lost else values,
        lost=lost,
        instances=() if lost else _instances(element, uuid, profiles),
        processes=processes,
    )


def _identity(text: str | None) -> str:
    return "" if cells.bare(text) in _NO_IDENTITY else (text or "").strip()


def _values(element: ET.Element) -> Iterator[tuple[str, float]]:
    for name, read, paths in _CELLS:
        found = (read(element.findtext(path)) for path in paths)
        value = next((v for v in found if v is not None), None)
        if value is not None:
            yield f"DCGM_FI_{name}", value
    for name, span, old, new in _ECC:
        count = _ecc(element.find(f"ecc_errors/{span}"), old, new)
        if count is not None:
            yield f"DCGM_FI_{name}", count
    mask = _reasons(element)
    if mask is not None:
        yield "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS", mask


def _ecc(counts: ET.Element | None, old: str, new: str) -> float | None:
    """Up to Volta there is a total; since then counts of DRAM and of SRAM, the latter split by driver 545."""
    if counts is None:
        return None
    known = cells.number(counts.findtext(f"{old}/total"))
    if known is not None:
        return known
    parts = [part.text for part in counts if re.fullmatch(rf"[sd]ram_{new}(_parity|_secded)?", part.tag)]
    return cells.total(parts)


def _reasons(element: ET.Element) -> float | None:
    """NVML's bit mask of clock event reasons; None unless all that exist could be read."""
    for block, prefix in (
        ("clocks_event_reasons", "clocks_event_reason_"),
        ("clocks_throttle_reasons", "clocks_throttle_reason_"),
    ):
        texts = {bit: element.findtext(f"{block}/{prefix}{name}") for bit, name in _REASONS}
        flags = {bit: cells.flag(text) for bit, text in texts.items()}
        if any(value is not None for value in flags.values()):
            unread = any(map(cells.failed, texts.values()))
            return None if unread else float(sum(bit for bit, value in flags.items() if value))
    return None


def _instances(element: ET.Element, uuid: str, profiles: Profiles) -> tuple[InstanceReading, ...]:
    """GPU instances; their compute instances share the memory, so the first one tells it."""
    found: dict[int, InstanceReading] = {}
    for device in element.iterfind("mig_devices/mig_device"):
        instance_id = cells.number(device.findtext("gpu_instance_id"))
        if instance_id is None or int(instance_id) in found:
            continue
        parts = ((name, cells.number(device.findtext(f"fb_memory_usage/{name.lower()}"))) for name in _MEMORY)
        values = {f"DCGM_FI_DEV_FB_{name}": value for name, value in parts if value is not None}
        place = cells.number(device.findtext("index"))
        profile = "" if place is None else profiles.get((uuid, int(place)), "")
        found[int(instance_id)] = InstanceReading(int(instance_id), profile, values)
    return tuple(found.values())


def _processes(element: ET.Element) -> tuple[ProcessReading, ...] | None:
    block = element.find("processes")
    if block is None or cells.bare(block.text) == "n/a":
        return None
    memory: dict[int, tuple[str, float | None]] = {}
    for info in block.iterfind("process_info"):
        pid = cells.number(info.findtext("pid"))
        if pid is None or "C" not in (info.findtext("type") or ""):
            continue
        used = cells.number(info.findtext("used_memory"))
        name, before = memory.get(int(pid), ((info.findtext("process_name") or "").strip(), None))
        # A process shows once for each MIG instance it uses.
        memory[int(pid)] = (name, used if before is None else before + (used or 0.0))
    return tuple(ProcessReading(pid, name, used) for pid, (name, used) in memory.items())
