"""One tick of the collector for 1,024 GPUs x 12 metrics, and the app's memory at rest.

A tick scrapes 128 exporters, keeps the live values, stores the samples and rolls up. The peer is
prometheus_client's parser, which only parses the same pages.

    python benchmarks/bench_collector.py
"""

from __future__ import annotations

import logging
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from prometheus_client.parser import text_string_to_metric_families

from benchmarks._timing import table
from tests.integration.app import running_app, wait_for
from watchdog.base.clock import FakeClock
from watchdog.base.config import Config
from watchdog.collector import Collector
from watchdog.model.exposition import family_text, labels_text
from watchdog.model.live import Live
from watchdog.services.feeds import ScrapeFeed
from watchdog.services.history import History
from watchdog.sources.scrape import Scraper, Target

NODES, GPUS, TICKS = 128, 8, 20
NAMES = (
    "GPU_UTIL",
    "MEM_COPY_UTIL",
    "FB_USED",
    "FB_FREE",
    "FB_RESERVED",
    "GPU_TEMP",
    "MEMORY_TEMP",
    "POWER_USAGE",
    "TOTAL_ENERGY_CONSUMPTION",
    "SM_CLOCK",
    "MEM_CLOCK",
    "XID_ERRORS",
)


def page(node: str, tick: int) -> bytes:
    """What one exporter says at one tick."""
    labels = [
        labels_text(
            {
                "gpu": str(gpu),
                "UUID": f"GPU-{node}-{gpu}",
                "device": f"nvidia{gpu}",
                "modelName": "NVIDIA H100 80GB HBM3",
                "Hostname": node,
            }
        )
        for gpu in range(GPUS)
    ]
    families = (
        family_text(f"DCGM_FI_DEV_{name}", "gauge", name, [(text, float(20 + (tick * 7 + i) % 60)) for text in labels])
        for i, name in enumerate(NAMES)
    )
    return "".join(families).encode()


def tick_seconds(folder: Path) -> tuple[float, float]:
    """Median CPU and wall seconds of a tick, after the first few."""
    clock = FakeClock(datetime(2026, 11, 1, tzinfo=UTC))
    pages = {f"n{n:03}": b"" for n in range(NODES)}
    scraper = Scraper([Target(node, lambda node=node: pages[node]) for node in pages], clock)
    history = History(folder / "bench.duckdb", clock)
    loop = Collector(Config(), ScrapeFeed(scraper), Live(), history, clock)
    cpu, wall = [], []
    for number in range(TICKS):
        pages.update({node: page(node, number) for node in pages})
        began = (time.process_time(), time.perf_counter())
        loop.tick()
        cpu.append(time.process_time() - began[0])
        wall.append(time.perf_counter() - began[1])
        clock.sleep(15)
    history.close()
    scraper.close()
    return statistics.median(cpu[4:]), statistics.median(wall[4:])


def parse_seconds() -> float:
    """Median CPU seconds of prometheus_client parsing the same pages."""
    texts = [page(f"n{n:03}", 1).decode() for n in range(NODES)]
    took = []
    for _ in range(3):
        began = time.process_time()
        for text in texts:
            for family in text_string_to_metric_families(text):
                list(family.samples)
        took.append(time.process_time() - began)
    return statistics.median(took)


def memory_at_rest(folder: Path) -> float:
    """Resident MiB of the app that shows a demo cluster of the default size, a minute of ticks after its start."""
    with running_app(folder, INTERVAL_SECONDS=1, DEMO_HISTORY_HOURS=6) as app:
        wait_for(lambda: "watchdog_collector_ticks_total 3" in app.get("/metrics").text, seconds=60)
        time.sleep(10)
        status = Path(f"/proc/{app.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def main() -> None:
    """Print the table."""
    logging.disable(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        cpu, wall = tick_seconds(Path(folder))
        memory = memory_at_rest(Path(folder))
    peer = parse_seconds()
    table(
        f"Collector, {NODES * GPUS:,} GPUs x {len(NAMES)} metrics",
        [
            ("what", "median", "against"),
            ("tick: scrape, keep live, store, roll up (CPU)", f"{cpu * 1000:.0f} ms", f"{peer / cpu:.1f}x faster"),
            ("the same (wall)", f"{wall * 1000:.0f} ms", ""),
            ("peer: prometheus_client.parser, parsing alone (CPU)", f"{peer * 1000:.0f} ms", "1x"),
            ("app at rest, default demo cluster with 6 h of past", f"{memory:.0f} MiB", "limit 400"),
        ],
    )


if __name__ == "__main__":
    main()
