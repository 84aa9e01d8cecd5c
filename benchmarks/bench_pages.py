"""How long a page takes at 1,024 GPUs, over the websocket of a real server, as a browser would ask.

The cluster answers from formulas (tests/fakes.py), so what is measured is ours: services, analysis, charts,
Streamlit. Warm: the caches hold the answers, as for every visitor but the first within their life.
"""

from __future__ import annotations

import asyncio
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg  # noqa: TID251 (its protocol, not its widgets)
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg  # noqa: TID251

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from _timing import table  # noqa: E402

NODES = 128
RERUNS = 30
PAGES = {
    "overview": "",
    "gpus": "gpus",
    "gpus, one node": "gpus",
    "gpus, one GPU": "gpus",
    "history, 12 cells": "history",
}
QUERIES = {
    "gpus, one node": "node=node002",
    "gpus, one GPU": "node=node002&gpu=GPU-00010002-0000&window=24h",
    "history, 12 cells": "window=24h&notebook=long",
}

_SERVER = """
import gc, sys
sys.path[:0] = [{root!r}, {root!r} + "/benchmarks"]
from streamlit.web import cli
from tests.fakes import FakeCluster, fake_runtime
import watchdog.ui.data as data
from watchdog.ui.navigation import ignore_pages_folder
faults = {{(1, 2): "hung", (2, 3): "lost", (0, 5): "held idle", (3, 1): "throttled", (3, 2): "faulty"}}
runtime = fake_runtime(FakeCluster({nodes}, faults=faults, silent_nodes=(5,)))
data.current = lambda: runtime
ignore_pages_folder()
import bench_notebook_runtime
bench_notebook_runtime.add_notebooks(runtime)
{freeze}
sys.argv = ["streamlit", "run", {script!r}, "--server.port", "{port}", "--runner.postScriptGC", "{collect}"]
cli.main()
"""


def main() -> None:
    """Print p50 and p95 of each page, its bytes and its largest chart, with and without frozen garbage collection."""
    rows: list[tuple[object, ...]] = [
        ("collector", "page", "first ms", "p50 ms", "p95 ms", "sent kB", "largest chart kB")
    ]
    for label, frozen in (("frozen", True), ("default", False)):
        rows += [(label, *row) for row in asyncio.run(_measured(frozen))]
    goal = "goal: p95 under 500 ms, chart under 1,000 kB"
    table(f"Pages at {NODES * 8:,} GPUs, warm cache, {RERUNS} reruns over a websocket ({goal})", rows)


async def _measured(frozen: bool) -> list[tuple[object, ...]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code = _SERVER.format(
        root=str(ROOT), script=str(ROOT / "app.py"), port=port, nodes=NODES,
        freeze="gc.freeze()" if frozen else "", collect="false" if frozen else "true",
    )  # fmt: skip
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)  # fmt: skip
    try:
        _wait(port)
        return [await _page(port, name) for name in PAGES]
    finally:
        process.kill()
        process.wait(timeout=20)


def _wait(port: int) -> None:
    for _ in range(150):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1):
                return
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    raise SystemExit("the server did not start")


async def _page(port: int, name: str) -> tuple[object, ...]:
    address = f"ws://127.0.0.1:{port}/_stcore/stream"
    async with websockets.connect(address, subprotocols=["streamlit"], max_size=None) as socket_:
        first, _, _ = await _rerun(socket_, name)
        runs = [await _rerun(socket_, name) for _ in range(RERUNS)]
    times = sorted(run[0] for run in runs)
    p95 = times[int(0.95 * (len(times) - 1))]
    sent, chart = max(run[1] for run in runs), max(run[2] for run in runs)
    return name, first, statistics.median(times), p95, sent / 1e3, chart / 1e3


async def _rerun(socket_, name: str) -> tuple[float, int, int]:
    """Milliseconds until the script is finished, bytes sent, bytes of the largest chart."""
    message = BackMsg()
    message.rerun_script.query_string = QUERIES.get(name, "")
    message.rerun_script.page_name = PAGES[name]
    started = time.perf_counter()
    await socket_.send(message.SerializeToString())
    sent = chart = 0
    while True:
        data = await asyncio.wait_for(socket_.recv(), 60)
        sent += len(data)
        forward = ForwardMsg()
        forward.ParseFromString(data)
        if forward.WhichOneof("type") == "delta" and forward.delta.new_element.WhichOneof("type") == "vega_lite_chart":
            chart = max(chart, len(data))
        if forward.WhichOneof("type") == "delta" and forward.delta.new_element.WhichOneof("type") == "exception":
            raise SystemExit(forward.delta.new_element.exception.message)
        if forward.WhichOneof("type") == "script_finished":
            return (time.perf_counter() - started) * 1e3, sent, chart


if __name__ == "__main__":
    main()
