"""Every health check there is."""

from __future__ import annotations

from types import MappingProxyType

from watchdog.analysis.health import (
    clock_skew,
    disk_full,
    drained_again,
    ecc_corrected,
    ecc_uncorrected,
    exporter_frozen,
    exporter_lost,
    fragmentation,
    gpu_missing,
    held_idle,
    hot,
    hot_memory,
    hung,
    input_bound,
    job_failed_node,
    job_stall,
    job_time_limit,
    memory_full,
    node_down,
    node_drained,
    nvlink,
    pcie,
    pending_long,
    queue_stuck,
    recovery_action,
    rented_astray,
    rented_budget,
    rented_idle,
    retired_pages,
    row_remap,
    sensor_stuck,
    slurm_lost,
    slurm_slow,
    source_lost,
    steps_failed,
    straggler,
    throttle,
    xid,
    zombie_memory,
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
_JOBS = (
    held_idle.CHECK,
    hung.CHECK,
    job_stall.CHECK,
    input_bound.CHECK,
    straggler.CHECK,
    memory_full.CHECK,
    zombie_memory.CHECK,
    steps_failed.CHECK,
    job_failed_node.CHECK,
    job_time_limit.CHECK,
)
_SLURM = (
    node_down.CHECK,
    node_drained.CHECK,
    drained_again.CHECK,
    queue_stuck.CHECK,
    pending_long.CHECK,
    fragmentation.CHECK,
    slurm_slow.CHECK,
    slurm_lost.CHECK,
)
_RENTED = (rented_astray.CHECK, rented_budget.CHECK, rented_idle.CHECK)
_OWN = (disk_full.CHECK,)

CHECKS: MappingProxyType[str, Check] = MappingProxyType(
    {check.key: check for check in (*_HARDWARE, *_SOURCES, *_JOBS, *_SLURM, *_RENTED, *_OWN)}
)
