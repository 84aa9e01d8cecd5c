"""NVML's calls, each turned into an exported value in DCGM's unit."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_MIB = 2**20
_COMPUTE_SLICE = re.compile(r"^\d+c\.")
_BLANK_COUNTER = 2**63

# nvidia-ml-py has no types.
Nvml = Any
Handle = Any


def quiet(nv: Nvml, call: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401
    """What the call returns; None if the driver refuses, or is too old to know the call."""
    try:
        return call(*arguments)
    except (nv.NVMLError, nv.NVMLLibraryMismatchError):
        return None


def values(nv: Nvml, gpu: Handle) -> dict[str, float]:
    """All values of a whole GPU; those that the driver refuses are absent."""
    found = dict(memory(nv, gpu))
    for name, ask in _SINGLE.items():
        value = quiet(nv, ask, nv, gpu)
        if value is not None:
            found[f"DCGM_FI_{name}"] = float(value)
    for group in (_utilization, _remapped, _mig_mode, _retired, _fields):
        found |= quiet(nv, group, nv, gpu) or {}
    return found


def memory(nv: Nvml, device: Handle) -> dict[str, float]:
    """Memory of a GPU or MIG device in MiB; version 2 of the call keeps the driver's own share apart."""
    info = quiet(nv, _memory_v2, nv, device)
    reserved = None if info is None else info.reserved
    if info is None:
        info = quiet(nv, nv.nvmlDeviceGetMemoryInfo, device)
    if info is None:
        return {}
    parts = {"TOTAL": info.total, "USED": info.used, "FREE": info.free, "RESERVED": reserved}
    # Whole MiB, rounded down, as DCGM and nvidia-smi show them.
    return {f"DCGM_FI_DEV_FB_{name}": float(size // _MIB) for name, size in parts.items() if size is not None}


def gpu_instance_profile(name: str) -> str:
    """Profile of the GPU instance that a MIG device's profile belongs to: `1c.3g.40gb` -> `3g.40gb`."""
    return _COMPUTE_SLICE.sub("", name.strip())


class LinkRates:
    """NVLink traffic as a rate, in DCGM's unit of 1000 KiB/s, from NVML's counters of KiB."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._last: dict[str, tuple[float, float]] = {}

    def values(self, nv: Nvml, gpu: Handle, uuid: str) -> dict[str, float]:
        """The mean rate since the last call for that GPU; nothing at the first one or without NVLink."""
        ids = (nv.NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX, nv.NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX)
        # Scope UINT_MAX: the sum over all links.
        fields = quiet(nv, nv.nvmlDeviceGetFieldValues, gpu, [(i, 0xFFFFFFFF) for i in ids]) or []
        counters = [_field(nv, field) for field in fields]
        if len(counters) != len(ids) or any(value is None for value in counters):
            return {}
        now, kib = self._monotonic(), float(sum(value for value in counters if value is not None))
        then, before = self._last.get(uuid, (now, kib))
        self._last[uuid] = (now, kib)
        if now <= then or kib < before:
            return {}
        return {"DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL": (kib - before) / (now - then) / 1000}


def _memory_v2(nv: Nvml, device: Handle) -> Any:  # noqa: ANN401
    return nv.nvmlDeviceGetMemoryInfo(device, version=nv.nvmlMemory_v2)


def _clock(kind: str) -> Callable[[Nvml, Handle], Any]:
    return lambda nv, gpu: nv.nvmlDeviceGetClockInfo(gpu, getattr(nv, f"NVML_CLOCK_{kind}"))


def _max_clock(kind: str) -> Callable[[Nvml, Handle], Any]:
    return lambda nv, gpu: nv.nvmlDeviceGetMaxClockInfo(gpu, getattr(nv, f"NVML_CLOCK_{kind}"))


def _ecc(kind: str, span: str) -> Callable[[Nvml, Handle], Any]:
    return lambda nv, gpu: nv.nvmlDeviceGetTotalEccErrors(
        gpu, getattr(nv, f"NVML_MEMORY_ERROR_TYPE_{kind}"), getattr(nv, f"NVML_{span}_ECC")
    )


def _threshold(kind: str) -> Callable[[Nvml, Handle], Any]:
    return lambda nv, gpu: nv.nvmlDeviceGetTemperatureThreshold(gpu, getattr(nv, f"NVML_TEMPERATURE_THRESHOLD_{kind}"))


def _pcie(way: str) -> Callable[[Nvml, Handle], Any]:
    # NVML measures over 20 ms and answers in KB/s.
    return lambda nv, gpu: 1000 * nv.nvmlDeviceGetPcieThroughput(gpu, getattr(nv, f"NVML_PCIE_UTIL_{way}_BYTES"))


_SINGLE: dict[str, Callable[[Nvml, Handle], Any]] = {
    "DEV_ENC_UTIL": lambda nv, gpu: nv.nvmlDeviceGetEncoderUtilization(gpu)[0],
    "DEV_DEC_UTIL": lambda nv, gpu: nv.nvmlDeviceGetDecoderUtilization(gpu)[0],
    "DEV_GPU_TEMP": lambda nv, gpu: nv.nvmlDeviceGetTemperature(gpu, nv.NVML_TEMPERATURE_GPU),
    "DEV_GPU_TEMP_LIMIT": lambda nv, gpu: nv.nvmlDeviceGetMarginTemperature(gpu),
    "DEV_SLOWDOWN_TEMP": _threshold("SLOWDOWN"),
    "DEV_SHUTDOWN_TEMP": _threshold("SHUTDOWN"),
    "DEV_FAN_SPEED": lambda nv, gpu: nv.nvmlDeviceGetFanSpeed(gpu),
    "DEV_POWER_USAGE": lambda nv, gpu: nv.nvmlDeviceGetPowerUsage(gpu) / 1000,
    "DEV_ENFORCED_POWER_LIMIT": lambda nv, gpu: nv.nvmlDeviceGetEnforcedPowerLimit(gpu) / 1000,
    "DEV_TOTAL_ENERGY_CONSUMPTION": lambda nv, gpu: nv.nvmlDeviceGetTotalEnergyConsumption(gpu),
    "DEV_SM_CLOCK": _clock("SM"),
    "DEV_MEM_CLOCK": _clock("MEM"),
    "DEV_MAX_SM_CLOCK": _max_clock("SM"),
    "DEV_MAX_MEM_CLOCK": _max_clock("MEM"),
    "DEV_PSTATE": lambda nv, gpu: _pstate(nv.nvmlDeviceGetPerformanceState(gpu)),
    "DEV_CLOCK_THROTTLE_REASONS": lambda nv, gpu: nv.nvmlDeviceGetCurrentClocksThrottleReasons(gpu),
    "PROF_PCIE_TX_BYTES": _pcie("TX"),
    "PROF_PCIE_RX_BYTES": _pcie("RX"),
    "DEV_PCIE_REPLAY_COUNTER": lambda nv, gpu: nv.nvmlDeviceGetPcieReplayCounter(gpu),
    "DEV_PCIE_LINK_GEN": lambda nv, gpu: nv.nvmlDeviceGetCurrPcieLinkGeneration(gpu),
    "DEV_PCIE_MAX_LINK_GEN": lambda nv, gpu: nv.nvmlDeviceGetMaxPcieLinkGeneration(gpu),
    "DEV_PCIE_LINK_WIDTH": lambda nv, gpu: nv.nvmlDeviceGetCurrPcieLinkWidth(gpu),
    "DEV_PCIE_MAX_LINK_WIDTH": lambda nv, gpu: nv.nvmlDeviceGetMaxPcieLinkWidth(gpu),
    "DEV_ECC_SBE_VOL_TOTAL": _ecc("CORRECTED", "VOLATILE"),
    "DEV_ECC_DBE_VOL_TOTAL": _ecc("UNCORRECTED", "VOLATILE"),
    "DEV_ECC_SBE_AGG_TOTAL": _ecc("CORRECTED", "AGGREGATE"),
    "DEV_ECC_DBE_AGG_TOTAL": _ecc("UNCORRECTED", "AGGREGATE"),
    "DEV_RETIRED_PENDING": lambda nv, gpu: nv.nvmlDeviceGetRetiredPagesPendingStatus(gpu),
}
_FIELDS = {
    "DEV_MEMORY_TEMP": "NVML_FI_DEV_MEMORY_TEMP",
    "DEV_GET_GPU_RECOVERY_ACTION": "NVML_FI_DEV_GET_GPU_RECOVERY_ACTION",
    "DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL": "NVML_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL",
    "DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL": "NVML_FI_DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL",
    "DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL": "NVML_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL",
    "DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL": "NVML_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL",
}


def _pstate(state: int) -> int | None:
    return state if 0 <= state <= 15 else None


def _utilization(nv: Nvml, gpu: Handle) -> dict[str, float]:
    rates = nv.nvmlDeviceGetUtilizationRates(gpu)
    return {"DCGM_FI_DEV_GPU_UTIL": float(rates.gpu), "DCGM_FI_DEV_MEM_COPY_UTIL": float(rates.memory)}


def _remapped(nv: Nvml, gpu: Handle) -> dict[str, float]:
    corrected, uncorrected, pending, failure = nv.nvmlDeviceGetRemappedRows(gpu)[:4]
    return {
        "DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS": float(corrected),
        "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS": float(uncorrected),
        "DCGM_FI_DEV_ROW_REMAP_PENDING": float(bool(pending)),
        "DCGM_FI_DEV_ROW_REMAP_FAILURE": float(bool(failure)),
    }


def _mig_mode(nv: Nvml, gpu: Handle) -> dict[str, float]:
    return {"DCGM_FI_DEV_MIG_MODE": float(nv.nvmlDeviceGetMigMode(gpu)[0])}


def _retired(nv: Nvml, gpu: Handle) -> dict[str, float]:
    causes = {
        "SBE": nv.NVML_PAGE_RETIREMENT_CAUSE_MULTIPLE_SINGLE_BIT_ECC_ERRORS,
        "DBE": nv.NVML_PAGE_RETIREMENT_CAUSE_DOUBLE_BIT_ECC_ERROR,
    }
    return {f"DCGM_FI_DEV_RETIRED_{n}": float(len(nv.nvmlDeviceGetRetiredPages(gpu, c))) for n, c in causes.items()}


def _fields(nv: Nvml, gpu: Handle) -> dict[str, float]:
    known = {name: getattr(nv, field) for name, field in _FIELDS.items() if hasattr(nv, field)}
    answers = zip(known, nv.nvmlDeviceGetFieldValues(gpu, list(known.values())), strict=True)
    values = ((name, _field(nv, answer)) for name, answer in answers)
    return {f"DCGM_FI_{name}": value for name, value in values if value is not None}


def _field(nv: Nvml, answer: Any) -> float | None:  # noqa: ANN401
    """A field's value by its declared type; None if the driver has none."""
    if answer.nvmlReturn != nv.NVML_SUCCESS:
        return None
    members = {
        nv.NVML_VALUE_TYPE_DOUBLE: "dVal",
        nv.NVML_VALUE_TYPE_UNSIGNED_INT: "uiVal",
        nv.NVML_VALUE_TYPE_UNSIGNED_LONG: "ulVal",
        nv.NVML_VALUE_TYPE_UNSIGNED_LONG_LONG: "ullVal",
        nv.NVML_VALUE_TYPE_SIGNED_LONG_LONG: "sllVal",
        nv.NVML_VALUE_TYPE_SIGNED_INT: "siVal",
    }
    member = members.get(answer.valueType)
    value = None if member is None else float(getattr(answer.value, member))
    return None if value is None or value >= _BLANK_COUNTER else value
