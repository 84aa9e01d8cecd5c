"""PCIe and NVLink."""

from __future__ import annotations

from watchdog.model.catalogue.naming import dcgm, nge
from watchdog.model.metric import ExportedAs, Group, Kind, Metric, Unit


def _rate(key: str, label: str, definition: str, names: tuple[ExportedAs, ...]) -> Metric:
    return Metric(key, label, Unit.BYTES_PER_SECOND, Group.LINKS, definition, names, over_gpus="sum", high=1e14)


LINKS: tuple[Metric, ...] = (
    _rate(
        "pcie_tx_bytes_per_second",
        "PCIe sent",
        "Bytes the GPU sent over PCIe, headers included.",
        dcgm("PROF_PCIE_TX_BYTES") + nge("pcie_throughput_tx_bytes_per_second"),
    ),
    _rate(
        "pcie_rx_bytes_per_second",
        "PCIe received",
        "Bytes the GPU received over PCIe, headers included.",
        dcgm("PROF_PCIE_RX_BYTES") + nge("pcie_throughput_rx_bytes_per_second"),
    ),
    _rate(
        "nvlink_bytes_per_second",
        "NVLink traffic",
        "Bytes sent and received over all NVLinks. DCGM declares a counter but publishes a rate in units of 1000 KiB/s "
        "(DcgmCacheManager.cpp, ReadAndCacheNvLinkBandwidth).",
        dcgm("DEV_NVLINK_BANDWIDTH_TOTAL", "DEV_NVLINK_THROUGHPUT_TOTAL", 1000 * 1024.0),
    ),
    Metric(
        "pcie_link_gen_code",
        "PCIe generation",
        Unit.CODE,
        Group.LINKS,
        "Generation the PCIe link runs at now; lower when idle.",
        dcgm("DEV_PCIE_LINK_GEN") + nge("pcie_link_gen_current"),
        kind=Kind.STATE,
        high=16.0,
    ),
    Metric(
        "pcie_link_width_count",
        "PCIe lanes",
        Unit.COUNT,
        Group.LINKS,
        "Lanes the PCIe link runs with now.",
        dcgm("DEV_PCIE_LINK_WIDTH") + nge("pcie_link_width_current"),
        kind=Kind.STATE,
        high=64.0,
    ),
    Metric(
        "max_pcie_link_width_count",
        "Most PCIe lanes",
        Unit.COUNT,
        Group.LINKS,
        "Lanes that GPU and slot could use.",
        dcgm("DEV_PCIE_MAX_LINK_WIDTH") + nge("pcie_link_width_max"),
        kind=Kind.STATE,
        high=64.0,
    ),
)
