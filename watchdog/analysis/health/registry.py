"""Every health check there is."""

from __future__ import annotations

from types import MappingProxyType

from watchdog.analysis.health import (
    clock_skew,
    ecc_corrected,
    ecc_uncorrected,
    exporter_frozen,
    exporter_lost,
    gpu_missing,
    hot,
    hot_memory,
    nvlink,
    pcie,
    recovery_action,
    retired_pages,
    row_remap,
    sensor_stuck,
    source_lost,
    throttle,
    xid,
)
from watchdog.analysis.health.check import Check

_HARDWARE = (
    xid.CHECK,
    gpu_missing.CHECK,
    ecc_uncorrected.CHECK,
    ecc_corrected.CHECK,
    row_remap.CHECK,
    retired_pages.CHECK,
    recovery_action.CHECK,
    throttle.CHECK,
    hot.CHECK,
    hot_memory.CHECK,
    pcie.CHECK,
    nvlink.CHECK,
    sensor_stuck.CHECK,
)
_SOURCES = (exporter_lost.CHECK, exporter_frozen.CHECK, source_lost.CHECK, clock_skew.CHECK)

CHECKS: MappingProxyType[str, Check] = MappingProxyType({check.key: check for check in (*_HARDWARE, *_SOURCES)})
