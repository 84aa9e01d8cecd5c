"""How long each tool of the assistant takes at 1,024 GPUs, on the demo cluster with its history in a real store.

Each call has a fresh desk, as for a question of its own; the alert loop's facts are there, as in a running app. Beside it
the same answer by hand: `MetricRangeDataFrame` of prometheus-api-client over the same series, and pandas' own grouping.

    python benchmarks/bench_tools.py [nodes] [rounds]

CPU time is of all threads: on a machine that does something else, it says what the wall time would be without that.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from _timing import table  # noqa: E402
from prometheus_api_client import MetricRangeDataFrame  # noqa: E402

from watchdog.assistant.rules.answer import rule_answer  # noqa: E402
from watchdog.assistant.tools.registry import toolbox  # noqa: E402
from watchdog.base.clock import SystemClock  # noqa: E402
from watchdog.base.config import Config  # noqa: E402
from watchdog.base.errors import WatchdogError  # noqa: E402
from watchdog.model.telemetry import By, Window  # noqa: E402
from watchdog.runtime import Runtime  # noqa: E402

GOAL_MS = 500.0


def main(nodes: int = 128, rounds: int = 15) -> None:
    """Print p50 and p95 of each tool and of a few whole answers of the rules."""
    with tempfile.TemporaryDirectory() as folder:
        config = Config(
            source="demo", data_dir=folder, demo_nodes=nodes, demo_gpus=8, demo_history_hours=2, gpu_hour_usd=2.0
        )
        runtime = Runtime(config, SystemClock())
        began = time.perf_counter()
        runtime.look_once()
        runtime._alerts.catch_up(runtime._stop)
        runtime._alerts.tick()
        print(f"{nodes * 8:,} GPUs, ready after {time.perf_counter() - began:.0f} s")
        gc.collect()
        gc.freeze()
        try:
            _tools(runtime, rounds)
            _answers(runtime, rounds)
            _peer(runtime, rounds)
        finally:
            runtime.stop()


def _calls(runtime: Runtime) -> list[tuple[str, dict[str, object]]]:
    view = runtime.desk().view()
    job = str(view.jobs.sort_values("gpus")["job_id"].iloc[-1])
    node = str(view.nodes["node"].iloc[0])
    return [
        ("cluster_overview", {}), ("findings", {}), ("alerts_now", {}), ("alert_history", {}), ("gpus", {"state": "hung"}),
        ("gpus", {"order": "temperature"}), ("gpu_metrics", {"metric": "gpu_util_ratio"}),
        ("gpu_metrics", {"metric": "power_watts", "by": "gpu"}), ("compare_windows", {"hours_before": 1}),
        ("node", {"node": node}), ("node_history", {"node": node}), ("queue", {}), ("queue", {"show": "reasons"}),
        ("job", {"job_id": job}), ("job_gpus", {"job_id": job}), ("finished_jobs", {}), ("free_capacity", {"gpus": 8}),
        ("waste", {"hours": 2}), ("cost", {"hours": 2}), ("idle_nodes", {"hours": 2}), ("xid_lookup", {"code": 79}),
        ("sql", {"query": "SELECT node, avg(avg) AS busy_ratio FROM gpu_samples_1m WHERE metric = 'gpu_util_ratio' GROUP BY node"}),
    ]  # fmt: skip


def _tools(runtime: Runtime, rounds: int) -> None:
    box = toolbox()
    rows: list[tuple[object, ...]] = [("tool", "arguments", "rows", "p50 ms", "p95 ms", "CPU ms", "under the goal")]
    for name, arguments in _calls(runtime):
        checked = box.arguments(name, json.dumps(arguments))
        times, cpu, count = list[float](), list[float](), 0
        try:
            for _ in range(rounds):
                desk = runtime.desk()
                began, spent = time.perf_counter(), time.process_time()
                count = box.tool(name).run(desk, checked).total_rows
                times.append((time.perf_counter() - began) * 1e3)
                cpu.append((time.process_time() - spent) * 1e3)
        except WatchdogError as error:
            rows.append((name, arguments, str(error), "", "", "", ""))
            continue
        p95 = _p95(times)
        rows.append(
            (
                name,
                json.dumps(arguments)[:44],
                count,
                statistics.median(times),
                p95,
                statistics.median(cpu),
                "yes" if p95 < GOAL_MS else "NO",
            )
        )
    table(f"Tools, a fresh desk each time, {rounds} rounds (goal: p95 under {GOAL_MS:.0f} ms)", rows)


def _answers(runtime: Runtime, rounds: int) -> None:
    rows: list[tuple[object, ...]] = [("question", "tools", "p50 ms", "p95 ms")]
    for question in (
        "Is anything wrong?",
        "Which jobs wait, and why?",
        "Which GPUs are hottest?",
        "Can I start an 8-GPU job now?",
    ):
        times, count = list[float](), 0
        for _ in range(rounds):
            desk = runtime.desk()
            began = time.perf_counter()
            count = len(rule_answer(question, desk).evidence)
            times.append((time.perf_counter() - began) * 1e3)
        rows.append((question, count, statistics.median(times), _p95(times)))
    table("Whole answers of the rules, grounding included", rows)


def _peer(runtime: Runtime, rounds: int) -> None:
    """Mean utilization by node of the last hour: our tool against prometheus-api-client's frames and pandas."""
    now = runtime.clock.now()
    frame = runtime.telemetry.range(
        ("gpu_util_ratio",), Window(now - timedelta(hours=1), now), timedelta(minutes=1), by=By.GPU
    ).frame
    answer = [
        {
            "metric": {"__name__": "gpu_util", "node": str(node), "gpu": str(gpu)},
            "values": [
                [at.timestamp(), str(value)] for at, value in zip(rows["bucket_at"], rows["value"], strict=True)
            ],
        }
        for (node, gpu), rows in frame.groupby(["node", "gpu_uuid"], observed=True)
    ]
    box = toolbox()
    checked = box.arguments("gpu_metrics", '{"metric": "gpu_util_ratio"}')
    ours, theirs = list[float](), list[float]()
    for _ in range(min(5, rounds)):
        desk = runtime.desk()
        began = time.perf_counter()
        box.tool("gpu_metrics").run(desk, checked)
        ours.append((time.perf_counter() - began) * 1e3)
        began = time.perf_counter()
        MetricRangeDataFrame(answer).groupby("node")["value"].mean()
        theirs.append((time.perf_counter() - began) * 1e3)
    table(
        "Mean utilization by node of an hour (the peer's HTTP is not counted, ours reads the store)",
        [
            ("who", "p50 ms", "ratio"),
            ("gpu_metrics", statistics.median(ours), 1.0),
            (
                "prometheus-api-client + pandas",
                statistics.median(theirs),
                statistics.median(theirs) / statistics.median(ours),
            ),
        ],
    )


def _p95(times: list[float]) -> float:
    return sorted(times)[round(0.95 * (len(times) - 1))]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
