"""Range API to frame: our path against prometheus-api-client and against fetching the bytes alone.

1,024 GPUs x 1 h at 15 s (246k samples) from a real Prometheus on this machine. Memory is the peak of a fresh
process less what its imports take.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks._timing import table  # noqa: E402

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
STEP = timedelta(seconds=15)
METRICS = {"DCGM_FI_DEV_POWER_USAGE": "power_watts", "DCGM_FI_DEV_GPU_TEMP": "gpu_temperature_celsius"}
NAME = "DCGM_FI_DEV_POWER_USAGE"


def cluster(nodes=128, gpus=8, hours=1.0, names=tuple(METRICS)):
    """Samples of a cluster, as tests.integration.servers loads them."""
    noise = random.Random(7)
    steps = int(hours * HOUR / STEP)
    for name in names:
        for node in range(nodes):
            for gpu in range(gpus):
                labels = (
                    f'{{gpu="{gpu}",UUID="GPU-{node:08x}-0000-4000-8000-{gpu:012x}",pci_bus_id="00000000:{gpu:02X}:00.0",'
                    f'device="nvidia{gpu}",modelName="NVIDIA H100 80GB HBM3",Hostname="node{node:03d}",'
                    'DCGM_FI_DRIVER_VERSION="580.105.08",instance="10.0.0.1:9400",job="gpu"}'
                )
                for step in range(steps):
                    value = round(noise.uniform(100, 700), 3) if name == NAME else float(noise.randint(30, 80))
                    yield name + labels, NOON + step * STEP, value


def telemetry(url):
    from watchdog.base.clock import FakeClock
    from watchdog.base.config import Config
    from watchdog.sources.prometheus import PrometheusTelemetry

    return PrometheusTelemetry(Config(prometheus_url=url), FakeClock(NOON + HOUR))


def ours(source, step=STEP):
    from watchdog.model.telemetry import Window

    return source.range(["power_watts"], Window(NOON, NOON + HOUR), step).frame


def theirs(url):
    from prometheus_api_client import MetricRangeDataFrame, PrometheusConnect

    client = PrometheusConnect(url)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MetricRangeDataFrame(client.custom_query_range(NAME, NOON, NOON + HOUR - STEP, "15s"))


def range_bytes(session, url):
    form = {"query": NAME, "start": NOON.timestamp(), "end": (NOON + HOUR - STEP).timestamp(), "step": "15"}
    return session.post(f"{url}/api/v1/query_range", data=form, headers={"Accept-Encoding": "identity"}).content


def raw_bytes(session, url):
    form = {"query": f"{NAME}[1h]", "time": (NOON + HOUR - timedelta(milliseconds=1)).timestamp()}
    return session.post(f"{url}/api/v1/query", data=form, headers={"Accept-Encoding": "identity"}).content


def interleaved_ms(paths, rounds=11):
    """Median time of each path; they take turns, so that a noisy machine is as unkind to all."""
    times = {name: [] for name in paths}
    for _ in range(rounds):
        for name, run in paths.items():
            start = time.perf_counter()
            run()
            times[name].append((time.perf_counter() - start) * 1e3)
    return {name: statistics.median(values) for name, values in times.items()}


def peak_mib(which, url):
    """Peak memory of one read in a fresh process above its imports, MiB."""
    command = [sys.executable, __file__, which, url]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure_peak(which, url):
    def peak():
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))

    import pandas  # noqa: F401
    from prometheus_api_client import MetricRangeDataFrame  # noqa: F401

    source = telemetry(url)
    source.latest(["gpu_temperature_celsius"], NOON - HOUR)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak so far is forgotten
    before = peak()
    frame = ours(source) if which == "ours" else theirs(url)
    print(json.dumps({"mib": peak() - before, "rows": len(frame)}))


def main() -> None:
    from tests.integration.servers import running_prometheus

    with (
        tempfile.TemporaryDirectory() as folder,
        running_prometheus(Path(folder), samples=cluster()) as url,
        requests.Session() as session,
    ):
        source = telemetry(url)
        times = interleaved_ms(
            {
                "bytes only, query_range": lambda: range_bytes(session, url),
                "bytes only, raw samples": lambda: raw_bytes(session, url),
                "watchdog, 15 s buckets": lambda: ours(source),
                "watchdog, 60 s buckets": lambda: ours(source, timedelta(seconds=60)),
                "prometheus-api-client + MetricRangeDataFrame": lambda: theirs(url),
            }
        )
        mine, peer = times["watchdog, 15 s buckets"], times["prometheus-api-client + MetricRangeDataFrame"]
        base = times["bytes only, query_range"]
        rows = [[name, ms, ms / base, peer / ms] for name, ms in times.items()]
        table(
            f"1,024 GPUs x 1 h at 15 s, {len(ours(source)):,} samples, Prometheus on this machine",
            [["path", "ms", "x bytes only", "x faster than the client"], *rows],
        )
        memory = {which: peak_mib(which, url)["mib"] for which in ("ours", "theirs")}
        table(
            "Peak memory above the imports",
            [["path", "MiB"], *memory.items(), ["ratio", memory["theirs"] / memory["ours"]]],
        )
        print(f"\n  {peer / mine:.1f}x faster than the client, {mine / base:.2f}x the bytes alone")


if __name__ == "__main__":
    measure_peak(*sys.argv[1:]) if len(sys.argv) == 3 else main()
