"""Alerts: a tick at 10,240 GPUs, 128 failures in one tick, and 2,000 events a second for two minutes.

    python benchmarks/bench_alerts.py

The peer is SQLite (WAL), which appends the same events as rows and does nothing else.
"""

from __future__ import annotations

import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks._timing import table
from tests.unit.analysis.health.build import facts, with_xids
from watchdog.alerts.engine import AlertEngine, Watched
from watchdog.analysis.health.check import Check
from watchdog.analysis.health.facts import CELL_METRICS, TRACE_METRICS, Facts
from watchdog.analysis.health.registry import CHECKS
from watchdog.base.clock import FakeClock
from watchdog.model.findings import Finding, Judged, Severity, Subject
from watchdog.model.rules import Rule
from watchdog.services.history import History
from watchdog.store.connection import rows

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
GPUS, GPUS_A_NODE, TICK = 10_240, 8, 15.0
RATE, SECONDS = 2_000, 120
HEALTHY = {
    "gpu_util_ratio": 0.9,
    "graphics_engine_active_ratio": 0.9,
    "sm_active_ratio": 0.8,
    "memory_used_bytes": 60e9,
    "memory_total_bytes": 85e9,
    "gpu_temperature_celsius": 60.0,
    "memory_temperature_celsius": 70.0,
    "temperature_margin_celsius": 25.0,
    "slowdown_temperature_celsius": 90.0,
    "power_watts": 600.0,
    "power_limit_watts": 700.0,
    "sm_clock_hertz": 1.9e9,
    "max_sm_clock_hertz": 1.98e9,
    "compute_processes_count": 1.0,
    "pcie_link_gen_code": 5.0,
    "pcie_link_width_count": 16.0,
    "max_pcie_link_width_count": 16.0,
    "busy_ratio": 0.9,
    "memory_ratio": 0.7,
    "power_ratio": 0.86,
}


def fleet(at: datetime) -> Facts:
    columns = {key: HEALTHY.get(key, 0.0) for key in (*CELL_METRICS, "busy_ratio", "memory_ratio", "power_ratio")}
    held = [f"{10_000 + gpu // 64}" for gpu in range(GPUS)]
    return facts(
        GPUS,
        at=at,
        trace={key: HEALTHY.get(key, 0.0) for key in TRACE_METRICS},
        node=[f"node{gpu // GPUS_A_NODE:04d}" for gpu in range(GPUS)],
        gpu_index=[gpu % GPUS_A_NODE for gpu in range(GPUS)],
        job_id=held,
        job_user="ada",
        job_gpus=64,
        **columns,
    )


def engine(folder: str, clock: FakeClock, watched: Watched | None = None) -> tuple[AlertEngine, History]:
    history = History(Path(folder) / "alerts.duckdb", clock)
    return AlertEngine(history, clock, channels=lambda: ("mail",), watched=watched).open(), history


def quiet() -> tuple[int, list[float], list[float]]:
    """CPU and wall seconds of ticks in which nothing happens."""
    clock = FakeClock(START)
    with tempfile.TemporaryDirectory() as folder:
        watch, history = engine(folder, clock)
        base, cpu, wall = fleet(clock.now()), [], []
        for _ in range(9):
            clock.sleep(TICK)
            before = time.process_time(), time.perf_counter()
            watch.tick(replace(base, at=clock.now()))
            cpu.append(time.process_time() - before[0])
            wall.append(time.perf_counter() - before[1])
        enabled = sum(rule.enabled for rule in watch.rules())
        if watch.board().incidents or watch.state.error:
            print("not quiet:", watch.state.error, [each.incident.title for each in watch.board().incidents][:5])
        history.close()
    return enabled, cpu[2:], wall[2:]


def failing(number: int = 128) -> tuple[float, int, int]:
    """Seconds from facts with so many new XIDs to the board and the file; incidents; stored events."""
    clock = FakeClock(START)
    with tempfile.TemporaryDirectory() as folder:
        watch, history = engine(folder, clock)
        base = fleet(clock.now())
        for _ in range(3):
            clock.sleep(TICK)
            watch.tick(replace(base, at=clock.now()))
        clock.sleep(TICK)
        now = clock.now()
        storm = with_xids(replace(base, at=now), *((f"GPU-{gpu}", 79, now) for gpu in range(number)))
        before = time.perf_counter()
        watch.tick(storm)
        seconds = time.perf_counter() - before
        open_ones = sum(len(each.alerts) for each in watch.board().incidents)
        with history.store().read() as (cursor, _):
            stored = rows(cursor, "SELECT count(*) FROM alerts WHERE state = 'firing'")[0][0]
        assert stored == open_ones >= number, (stored, open_ones)
        incidents = len(watch.board().incidents)
        history.close()
    return seconds, incidents, stored


def _wave(number: int, count: int, *, apart: bool, at: datetime) -> Iterator[Finding]:
    """So many GPUs that no wave before had; `apart`: each has a cause of its own."""
    for gpu in range(count):
        subject = Subject(f"w{number}-node{gpu // GPUS_A_NODE:05d}", f"GPU-{number}-{gpu}")
        since = at - timedelta(minutes=2 * gpu) if apart else at
        if apart:
            subject = replace(subject, node=f"w{number}-node{gpu:05d}")
        yield Finding("storm", Severity.CRITICAL, subject, "It failed.", "Look.", "ours", since=since, gpu_index=0)


def sustained(*, apart: bool) -> dict[str, object]:
    """Waves that fire and resolve, so that a tick has RATE * TICK events."""
    clock, found = FakeClock(START), {"now": Judged()}
    watched = Watched(
        (Rule("storm", "Storm", check="storm"),), {"storm": Check("storm", "", "", "", lambda _: found["now"])}
    )
    ticks, size = round(SECONDS / TICK), round(RATE * TICK / 2)
    with tempfile.TemporaryDirectory() as folder:
        watch, history = engine(folder, clock, watched)
        nothing, slowest, began = Facts(START), 0.0, time.perf_counter()
        for number in range(ticks + 2):
            clock.sleep(TICK)
            wave = tuple(_wave(number, size, apart=apart, at=clock.now())) if number < ticks else ()
            found["now"] = Judged(wave)
            before = time.perf_counter()
            watch.tick(replace(nothing, at=clock.now()))
            slowest = max(slowest, time.perf_counter() - before)
        spent = time.perf_counter() - began
        with history.store().read() as (cursor, _):
            counts = dict(rows(cursor, "SELECT kind, count(*) FROM alert_events GROUP BY kind"))
            events = cursor.execute("SELECT * FROM alert_events ORDER BY seq").fetchall()
            incidents = rows(cursor, "SELECT count(*) FROM incidents")[0][0]
            messages = rows(cursor, "SELECT count(*) FROM outbox")[0][0]
        history.close()
        expected = {"fired": ticks * size, "resolved": ticks * size}
        return {
            "events": sum(counts.values()),
            "in = out": {kind: counts[kind] for kind in expected} == expected and not watch.board().incidents,
            "incidents": incidents,
            "messages": messages,
            "events/s": sum(counts.values()) / spent,
            "slowest tick, s": slowest,
            "SQLite alone, events/s": len(events) / _sqlite(Path(folder) / "peer.sqlite", events, ticks + 2),
        }


def _sqlite(path: Path, events: list[tuple[object, ...]], batches: int) -> float:
    """Seconds to append the same rows, a transaction a tick."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    marks = ", ".join("?" * len(events[0]))
    database.execute(f"CREATE TABLE events ({', '.join(f'c{i}' for i in range(len(events[0])))})")
    values = [tuple(str(v) if isinstance(v, datetime) else v for v in event) for event in events]
    size, began = -(-len(values) // batches), time.perf_counter()
    for first in range(0, len(values), size):
        database.execute("BEGIN")
        database.executemany(f"INSERT INTO events VALUES ({marks})", values[first : first + size])
        database.execute("COMMIT")
    spent = time.perf_counter() - began
    database.close()
    return spent


def _shown(value: object) -> str:
    return (
        "yes"
        if value is True
        else "NO"
        if value is False
        else f"{value:,.2f}"
        if isinstance(value, float)
        else f"{value:,}"
    )


def main() -> None:
    enabled, cpu, wall = quiet()
    print(f"{GPUS:,} GPUs, {enabled} rules on, {len(CHECKS)} checks, nothing wrong, with the write:")
    print(f"  CPU a tick {statistics.median(cpu):.3f} s (most {max(cpu):.3f}), wall {statistics.median(wall):.3f} s")
    seconds, incidents, stored = failing()
    print(
        f"128 GPUs with XID 79 in one tick: {seconds:.3f} s until {stored} alerts are stored and shown in {incidents} incident(s)"
    )
    one, many = sustained(apart=False), sustained(apart=True)
    head = ("", "one cause", "a cause each")
    table(f"{RATE:,} events/s for {SECONDS} s", [head, *((key, _shown(one[key]), _shown(many[key])) for key in one)])


if __name__ == "__main__":
    main()
