"""How long the Slurm and job pages take with 10,000 jobs on 1,000 nodes, over the websocket of a real server.

The queue answers from formulas (tests/slurm_fakes.py) and its history lies in a real store.
"""

from __future__ import annotations

import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import bench_pages as pages  # noqa: E402
import websockets  # noqa: E402
from _timing import table  # noqa: E402

RERUNS = 30
SIZES = ((4, 12, 12), (1_000, 3_000, 7_000))
NAMES = {
    "slurm": "slurm", "slurm, 24 h": "slurm", "slurm, past": "slurm", "job, running": "job", "job, pending": "job",
    "overview": "",
}  # fmt: skip
QUERIES = {
    "slurm, 24 h": "window=24h",
    "slurm, past": "at=2026-03-01T11:45:00Z",
    "job, running": "job=1001",
    "job, pending": "job=500000",
}

_SERVER = """
import gc, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from streamlit.web import cli
from tests.fakes import FakeCluster, fake_runtime
from tests.slurm_fakes import FakeSlurm, drained, with_slurm
import watchdog.ui.data as data
from watchdog.ui.navigation import ignore_pages_folder
slurm = FakeSlurm(nodes_count={nodes}, running={running}, pending={pending}, node_changes={{2: drained()}})
runtime = with_slurm(fake_runtime(FakeCluster({nodes})), slurm, Path({folder!r}))
data.current = lambda: runtime
ignore_pages_folder()
gc.freeze()
sys.argv = ["streamlit", "run", {script!r}, "--server.port", "{port}", "--runner.postScriptGC", "false"]
cli.main()
"""


def main() -> None:
    """Print first run, p50 and p95 of each page, its bytes and its largest chart."""
    rows: list[tuple[object, ...]] = [
        ("nodes", "jobs", "page", "first ms", "p50 ms", "p95 ms", "sent kB", "largest chart kB")
    ]
    for nodes, running, pending in SIZES:
        rows += [(nodes, running + pending, *row) for row in asyncio.run(_measured(nodes, running, pending))]
    table(f"Slurm pages, {RERUNS} reruns over a websocket (goal: p95 under 1,500 ms)", rows)


async def _measured(nodes: int, running: int, pending: int) -> list[tuple[object, ...]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        code = _SERVER.format(
            root=str(ROOT), script=str(ROOT / "app.py"), port=port, nodes=nodes, running=running, pending=pending,
            folder=folder,
        )  # fmt: skip
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)  # fmt: skip
        try:
            pages._wait(port)
            return [await _page(port, name) for name in NAMES]
        finally:
            process.kill()
            process.wait(timeout=20)


async def _page(port: int, name: str) -> tuple[object, ...]:
    pages.PAGES[name], pages.QUERIES[name] = NAMES[name], QUERIES.get(name, "")
    address = f"ws://127.0.0.1:{port}/_stcore/stream"
    async with websockets.connect(address, subprotocols=["streamlit"], max_size=None) as socket_:
        first, _, _ = await pages._rerun(socket_, name)
        runs = [await pages._rerun(socket_, name) for _ in range(RERUNS)]
    times = sorted(run[0] for run in runs)
    p95 = times[int(0.95 * (len(times) - 1))]
    sent, chart = max(run[1] for run in runs), max(run[2] for run in runs)
    return name, first, statistics.median(times), p95, sent / 1e3, chart / 1e3


if __name__ == "__main__":
    main()
