"""XIDs, ECC errors, remapped rows, retired pages, link errors."""

from __future__ import annotations

from watchdog.model.catalogue.naming import dcgm, flag, nge, ours
from watchdog.model.metric import ExportedAs, Group, Kind, Metric, Unit


def _errors(key: str, label: str, definition: str, names: tuple[ExportedAs, ...]) -> Metric:
    return Metric(key, label, Unit.COUNT, Group.ERRORS, definition, names, kind=Kind.COUNTER, over_gpus="sum")


ERRORS: tuple[Metric, ...] = (
    Metric(
        "xid_code",
        "Last XID",
        Unit.CODE,
        Group.ERRORS,
        "Code of the last XID, 0 if none. It stays until the driver or the exporter restarts, so it is no proof of a "
        "fault now, and a repeated code cannot be seen in it.",
        dcgm("DEV_XID_ERRORS", "DEV_XID_ERROR"),
        kind=Kind.STATE,
        over_gpus="max",
        high=9999.0,
    ),
    _errors(
        "xid_errors_count",
        "XIDs",
        "XIDs since boot as far as the kernel log reaches, else since the exporter started; one series a code "
        "(part `xid=79`).",
        ours("xid_errors_total") + nge("xid_errors_total"),
    ),
    _errors(
        "ecc_corrected_volatile_count",
        "ECC corrected",
        "Single-bit errors since the driver was loaded.",
        dcgm("DEV_ECC_SBE_VOL_TOTAL") + nge("ecc_errors_corrected_volatile_total"),
    ),
    _errors(
        "ecc_uncorrected_volatile_count",
        "ECC uncorrected",
        "Double-bit errors since the driver was loaded.",
        dcgm("DEV_ECC_DBE_VOL_TOTAL") + nge("ecc_errors_uncorrected_volatile_total"),
    ),
    _errors(
        "ecc_corrected_aggregate_count",
        "ECC corrected, lifetime",
        "Single-bit errors over the board's life.",
        dcgm("DEV_ECC_SBE_AGG_TOTAL") + nge("ecc_errors_corrected_aggregate_total"),
    ),
    _errors(
        "ecc_uncorrected_aggregate_count",
        "ECC uncorrected, lifetime",
        "Double-bit errors over the board's life.",
        dcgm("DEV_ECC_DBE_AGG_TOTAL") + nge("ecc_errors_uncorrected_aggregate_total"),
    ),
    _errors(
        "row_remap_correctable_count",
        "Rows remapped, correctable",
        "Memory rows replaced after correctable errors, over the board's life.",
        dcgm("DEV_CORRECTABLE_REMAPPED_ROWS", "DEV_ROW_REMAP_CORRECTABLE_TOTAL") + nge("remapped_rows_correctable"),
    ),
    _errors(
        "row_remap_uncorrectable_count",
        "Rows remapped, uncorrectable",
        "Memory rows replaced after uncorrectable errors, over the board's life.",
        dcgm("DEV_UNCORRECTABLE_REMAPPED_ROWS", "DEV_ROW_REMAP_UNCORRECTABLE_TOTAL")
        + nge("remapped_rows_uncorrectable"),
    ),
    flag(
        "row_remap_pending_flag",
        "Row remap pending",
        "A row waits for a GPU reset to be remapped.",
        dcgm("DEV_ROW_REMAP_PENDING") + nge("remapped_rows_pending"),
    ),
    flag(
        "row_remap_failure_flag",
        "Row remap failed",
        "A row could not be remapped: the board is a candidate for return.",
        dcgm("DEV_ROW_REMAP_FAILURE", "DEV_ROW_REMAP_FAILED") + nge("remapped_rows_failure"),
    ),
    _errors(
        "retired_pages_sbe_count",
        "Pages retired, single-bit",
        "Pages retired after repeated single-bit errors (before Ampere).",
        dcgm("DEV_RETIRED_SBE", "DEV_PAGE_RETIRED_SBE_TOTAL") + nge("retired_pages_single_bit_ecc_count"),
    ),
    _errors(
        "retired_pages_dbe_count",
        "Pages retired, double-bit",
        "Pages retired after a double-bit error (before Ampere).",
        dcgm("DEV_RETIRED_DBE", "DEV_PAGE_RETIRED_DBE_TOTAL") + nge("retired_pages_double_bit_count"),
    ),
    flag(
        "retired_pages_pending_flag",
        "Page retirement pending",
        "A page waits for a reboot to be retired.",
        dcgm("DEV_RETIRED_PENDING", "DEV_PAGE_RETIRED_PENDING") + nge("retired_pages_pending"),
    ),
    _errors(
        "pcie_replay_count",
        "PCIe replays",
        "Packets sent again over PCIe; watch the rate, a single one means nothing.",
        dcgm("DEV_PCIE_REPLAY_COUNTER", "DEV_PCIE_REPLAY_TOTAL"),
    ),
    _errors(
        "nvlink_crc_flit_errors_count",
        "NVLink CRC flit errors",
        "Flow-control CRC errors over all links.",
        dcgm("DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL", "DEV_NVLINK_CRC_FLIT_ERROR_TOTAL"),
    ),
    _errors(
        "nvlink_crc_data_errors_count",
        "NVLink CRC data errors",
        "Data CRC errors over all links.",
        dcgm("DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL", "DEV_NVLINK_CRC_DATA_ERROR_TOTAL"),
    ),
    _errors(
        "nvlink_replay_errors_count",
        "NVLink replay errors",
        "Failed replays over all links.",
        dcgm("DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL", "DEV_NVLINK_REPLAY_ERROR_TOTAL"),
    ),
    _errors(
        "nvlink_recovery_errors_count",
        "NVLink recovery errors",
        "Failed link recoveries over all links.",
        dcgm("DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL", "DEV_NVLINK_RECOVERY_ERROR_TOTAL"),
    ),
)
