"""The series of the GPU exporter: exported name -> type and help.

DCGM's names before its version 4.6, which published dashboards use, with DCGM's units. Meanings come from the metric
catalogue; the few names it does not know are here.
"""

from __future__ import annotations

from dataclasses import dataclass

from watchdog.model.metrics import CATALOGUE, MHZ, MIB, Dialect, ExportedAs, Kind, Metric, Unit

_UNITS = {
    (Unit.RATIO, 0.01): "percent",
    (Unit.BYTES, MIB): "MiB",
    (Unit.JOULES, 0.001): "mJ",
    (Unit.HERTZ, MHZ): "MHz",
    (Unit.BYTES_PER_SECOND, 1000 * 1024.0): "1000 KiB/s",
    (Unit.BYTES_PER_SECOND, 1.0): "bytes/s",
    (Unit.CELSIUS, 1.0): "degrees Celsius",
    (Unit.WATTS, 1.0): "W",
}


@dataclass(frozen=True)
class Family:
    """Type and help of a series."""

    kind: str
    text: str


_MORE = {
    "DCGM_FI_DEV_ENC_UTIL": Family("gauge", "Share of time the encoder was busy (in percent)."),
    "DCGM_FI_DEV_DEC_UTIL": Family("gauge", "Share of time the decoder was busy (in percent)."),
    "DCGM_FI_DEV_MAX_MEM_CLOCK": Family("gauge", "The highest memory clock the GPU supports (in MHz)."),
    "DCGM_FI_DEV_PCIE_MAX_LINK_GEN": Family("gauge", "PCIe generation that GPU and slot could use."),
    "DCGM_FI_DEV_SHUTDOWN_TEMP": Family("gauge", "Core temperature at which the GPU turns off (in degrees Celsius)."),
    "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS": Family(
        "gauge",
        "Why clocks are not higher, as NVML's bit mask: 1 idle, 2 application clocks, 4 power cap, 8 hardware "
        "slowdown, 16 sync boost, 32 thermal, 64 hardware thermal, 128 power brake, 256 display.",
    ),
    "watchdog_gpu_xid_last_timestamp_seconds": Family("gauge", "When that XID was last seen, in Unix time."),
    "watchdog_gpu_process_memory_bytes": Family("gauge", "GPU memory a compute process holds."),
    "watchdog_gpu_job_info": Family("gauge", "1 for each batch job on the GPU, from the job mapping directory."),
}


def _from_catalogue() -> dict[str, Family]:
    return {
        exported.name: _family(metric, exported)
        for metric in CATALOGUE.values()
        for exported in metric.names
        if exported.dialect in (Dialect.DCGM, Dialect.WATCHDOG) and not exported.bit
    }


def _family(metric: Metric, exported: ExportedAs) -> Family:
    unit = _UNITS.get((metric.unit, exported.factor))
    text = metric.definition if unit is None else f"{metric.definition.removesuffix('.')} (in {unit})."
    return Family("counter" if metric.kind is Kind.COUNTER else "gauge", text)


# In the order of the catalogue, so that a page reads by chapter.
FAMILIES: dict[str, Family] = {**_from_catalogue(), **_MORE}
