"""Reading exposition text: our parser against prometheus_client's, and a whole tick of 128 exporters."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks._timing import median_ms, table  # noqa: E402
from watchdog.base.clock import SystemClock  # noqa: E402
from watchdog.sources.exposition import ExpositionParser  # noqa: E402
from watchdog.sources.registry import Registry  # noqa: E402
from watchdog.sources.scrape import Scraper, Target  # noqa: E402

NAMES = [
    "SM_CLOCK",
    "MEM_CLOCK",
    "MEMORY_TEMP",
    "GPU_TEMP",
    "POWER_USAGE",
    "TOTAL_ENERGY_CONSUMPTION",
    "GPU_UTIL",
    "MEM_COPY_UTIL",
    "FB_USED",
    "FB_FREE",
    "PCIE_REPLAY_COUNTER",
    "XID_ERRORS",
]


def page(nodes: range, tick: int = 0) -> bytes:
    """12 metrics of 8 GPUs a node, as dcgm-exporter writes them."""
    return "".join(
        f'DCGM_FI_DEV_{name}{{gpu="{gpu}",UUID="GPU-{node:08x}-0000-4000-8000-{gpu:012x}",'
        f'pci_bus_id="00000000:{gpu:02X}:00.0",device="nvidia{gpu}",modelName="NVIDIA H100 80GB HBM3",'
        f'Hostname="node{node:03d}",DCGM_FI_DRIVER_VERSION="580.105.08"}} {30 + tick + gpu}\n'
        for name in NAMES
        for node in nodes
        for gpu in range(8)
    ).encode()


def read_all(parser: ExpositionParser, registry: Registry, body: bytes) -> int:
    got = parser.parse(body)
    return len(registry.rows(got.entry, np.zeros(len(got.entry), dtype=np.int64), got.raw).frame)


def theirs(body: bytes) -> int:
    return sum(len(family.samples) for family in text_string_to_metric_families(body.decode()))


def cold(body: bytes) -> int:
    registry = Registry()
    return read_all(ExpositionParser(registry), registry, body)


def tick_cpu_ms(scraper: Scraper, repeat: int = 7) -> float:
    times = []
    for _ in range(repeat):
        start = time.process_time()
        scraper.scrape()
        times.append((time.process_time() - start) * 1e3)
    return sorted(times)[repeat // 2]


def main() -> None:
    body = page(range(128))
    registry = Registry()
    parser = ExpositionParser(registry)
    peer = median_ms(lambda: theirs(body), 3)
    rows = [
        ["prometheus_client.parser, no frame", peer],
        ["watchdog, first read, with frame", median_ms(lambda: cold(body), 3)],
        ["watchdog, read again, with frame", median_ms(lambda: read_all(parser, registry, body), 15)],
    ]
    table(
        f"A page of 1,024 GPUs: {len(body.splitlines()):,} lines, {len(body) / 1e6:.1f} MB",
        [["parser", "ms", "x faster"], *[[name, ms, peer / ms] for name, ms in rows]],
    )
    pages = [page(range(node, node + 1)) for node in range(128)]
    targets = [Target(f"node{n:03d}", lambda body=body: body) for n, body in enumerate(pages)]
    scraper = Scraper(targets, SystemClock())
    scraper.scrape()
    table(
        "A tick of 128 exporters, 1,024 GPUs x 12 metrics, text to frame",
        [["what", "ms of CPU"], ["tick", tick_cpu_ms(scraper)]],
    )
    scraper.close()


if __name__ == "__main__":
    main()
