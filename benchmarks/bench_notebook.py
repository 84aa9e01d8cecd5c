"""Questions to history: the sandbox over Parquet against SQLite with the same rows.

    python benchmarks/bench_notebook.py [--quick]

90 days x 128 GPUs of one-minute rollups of one metric, 16.6 million rows (--quick: 9 days). Each question is asked of a
process that was not there before, of one that was waiting, and of SQLite: in a fresh process and in a warm one.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks._timing import table
from watchdog.base.clock import SystemClock
from watchdog.model.tables import TABLES
from watchdog.sandbox.sandbox import Sandbox
from watchdog.services.sql import tables_of
from watchdog.store.database import Store
from watchdog.store.lake.files import write
from watchdog.store.lake.lake import Lake, Snapshot
from watchdog.store.lake.samples import SCHEMA

GPUS, MINUTES = 128, 1440
START = datetime(2026, 1, 1, tzinfo=UTC)
QUESTIONS = {
    "average by hour": (
        "SELECT date_trunc('hour', bucket_at) AS hour, avg(avg) AS watts FROM gpu_samples_1m "
        "WHERE metric = 'power_watts' GROUP BY hour ORDER BY hour",
        "SELECT bucket / 60, avg(avg) FROM samples WHERE metric = 'power_watts' GROUP BY 1 ORDER BY 1",
    ),
    "one GPU, by hour": (
        "SELECT date_trunc('hour', bucket_at) AS hour, avg(avg) AS watts FROM gpu_samples_1m "
        "WHERE metric = 'power_watts' AND gpu_uuid = 'GPU-00000040' GROUP BY hour ORDER BY hour",
        "SELECT bucket / 60, avg(avg) FROM samples WHERE metric = 'power_watts' AND gpu = 64 GROUP BY 1 ORDER BY 1",
    ),
    "peak of each node": (
        "SELECT node, max(max) AS watts FROM gpu_samples_1m WHERE metric = 'power_watts' GROUP BY node ORDER BY node",
        "SELECT gpu / 8, max(max) FROM samples WHERE metric = 'power_watts' GROUP BY 1 ORDER BY 1",
    ),
}


def day(number: int) -> pa.Table:
    """A day of minutes of every GPU, in the order of the copy."""
    rng = np.random.default_rng(number)
    count = GPUS * MINUTES
    gpu = np.repeat(np.arange(GPUS), MINUTES)
    at = np.tile(int((START + timedelta(days=number)).timestamp()) * 1_000_000 + np.arange(MINUTES) * 60_000_000, GPUS)
    value = np.round(np.clip(380 + np.cumsum(rng.normal(0, 9, count)) % 300, 60, 700), 3)
    return pa.table(
        {
            "metric": _words(np.zeros(count), ["power_watts"]),
            "bucket_at": pa.array(at).view(pa.timestamp("us")),
            "node": _words(gpu // 8, [f"node{n:03d}" for n in range(GPUS // 8)]),
            "gpu_uuid": _words(gpu, [f"GPU-{n:08x}" for n in range(GPUS)]),
            "gpu_index": pa.array((gpu % 8).astype(np.int16)),
            "gpu_model": _words(np.zeros(count), ["NVIDIA H100 80GB HBM3"]),
            "part": _words(np.zeros(count), [""]),
            "min": value - 3,
            "avg": value - 1 / 3,
            "max": value + 2,
            "last": value,
            "increase": pa.nulls(count, pa.float64()),
            "count": pa.array(np.full(count, 4, np.int32)),
        },
        schema=SCHEMA,
    )


def _words(codes, words):
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(words))


def parquet(folder: Path, days: int) -> Snapshot:
    files = []
    for number in range(days):
        files.append(folder / "gpu_samples_1m" / f"{number:03d}.parquet")
        write(files[-1], [day(number)])
    size = sum(path.stat().st_size for path in files)
    return Snapshot(folder, START, dict.fromkeys(TABLES, ()) | {"gpu_samples_1m": tuple(files)}, size)


def sqlite(path: Path, days: int) -> None:
    """The same rows, as kindly as SQLite has it: numbers for words, in the order that the questions want."""
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE samples (metric TEXT, gpu INTEGER, bucket INTEGER, min REAL, avg REAL, max REAL, last REAL, "
            "count INTEGER, PRIMARY KEY (metric, gpu, bucket)) WITHOUT ROWID"
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        for gpu in range(GPUS):
            connection.executemany("INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _of_gpu(gpu, days))


def _of_gpu(gpu: int, days: int) -> Iterator[tuple[object, ...]]:
    for number in range(days):
        if number not in _DAYS:
            _DAYS[number] = [day(number).column(name).to_numpy() for name in ("min", "avg", "max", "last")]
        first = int((START + timedelta(days=number)).timestamp()) // 60
        part = [column[gpu * MINUTES : (gpu + 1) * MINUTES].tolist() for column in _DAYS[number]]
        for minute, values in enumerate(zip(*part, strict=True)):
            yield ("power_watts", gpu, first + minute, *values, 4)


_DAYS: dict[int, list[np.ndarray]] = {}
_COLD = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchall()"


def median_ms(fn, repeat: int) -> float:
    times = []
    for _ in range(repeat):
        begin = time.perf_counter()
        fn()
        times.append((time.perf_counter() - begin) * 1e3)
    return statistics.median(times)


def warmed(sandbox: Sandbox, sql: str, tables, repeat: int) -> float:
    """Of a worker that had the time to load its libraries."""
    times = []
    for _ in range(repeat):
        sandbox.warm()
        time.sleep(1.5)
        begin = time.perf_counter()
        sandbox.run(sql, tables=tables)
        times.append((time.perf_counter() - begin) * 1e3)
    return statistics.median(times)


def ask(folder: Path, snapshot: Snapshot, database: Path, repeat: int) -> None:
    rows = [
        ("question", "sandbox, cold process", "waiting process", "SQLite, cold process", "SQLite, warm", "cold ratio")
    ]
    cold, warm, tables = Sandbox(folder, spare=False), Sandbox(folder), tables_of(snapshot)
    for name, (ours, theirs) in QUESTIONS.items():
        cold_ms = median_ms(lambda sql=ours: cold.run(sql, tables=tables), repeat)
        warm_ms = warmed(warm, ours, tables, repeat)
        code = [sys.executable, "-c", _COLD, str(database), theirs]
        other = median_ms(lambda code=code: subprocess.run(code, check=True), min(repeat, 3))
        with sqlite3.connect(database) as connection:
            other_warm = median_ms(lambda sql=theirs, c=connection: c.execute(sql).fetchall(), min(repeat, 3))
        rows.append((name, cold_ms, warm_ms, other, other_warm, f"{other / cold_ms:.1f}x"))
    table("Median ms", rows)
    cold.close()
    warm.close()


def keep_fresh(root: Path) -> None:
    """What a state costs: the first one, and one after a minute of new rows."""
    from benchmarks.bench_rollups import KEYS, readings
    from watchdog.model.telemetry import Window

    hours, gpus, begin = 26, 128, datetime(2026, 3, 1, tzinfo=UTC)
    with Store(root / "store.duckdb") as store:
        for hour in range(hours):
            window = Window(begin + timedelta(hours=hour), begin + timedelta(hours=hour + 1))
            store.write_rollups(readings(gpus, window, timedelta(minutes=1), seed=hour), window)
        while store.compact(most=50):
            pass
        store.checkpoint()
        lake = Lake(root / "history", SystemClock())
        first = _timed(lambda: lake.snapshot(store))
        last = Window(begin + timedelta(hours=hours), begin + timedelta(hours=hours, minutes=1))
        store.write_rollups(readings(gpus, last, timedelta(minutes=1), seed=99), last)
        lake._cost, lake._manifest = (
            timedelta(),
            lake._manifest and lake._manifest.with_state(lake._manifest.entries, begin),
        )
        again = _timed(lambda: lake.snapshot(store))
        snapshot = lake.snapshot(store)
        count = sum(snapshot.rows.values())
        table(
            f"The copy: {hours} hours x {gpus} GPUs x {len(KEYS)} metrics",
            [
                ("first state, s", "rows", "bytes a row", "next state, s", "store file, MB"),
                (first, count, snapshot.file_bytes / count, again, (root / "store.duckdb").stat().st_size / 1e6),
            ],
        )


def _timed(fn) -> float:
    begin = time.perf_counter()
    fn()
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="9 days instead of 90")
    days = 9 if parser.parse_args().quick else 90
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        snapshot = parquet(root / "copy", days)
        count = days * GPUS * MINUTES
        print(f"{count:,} rows; Parquet {snapshot.file_bytes / count:.1f} bytes a row")
        sqlite(root / "peer.sqlite", days)
        print(f"SQLite {(root / 'peer.sqlite').stat().st_size / count:.1f} bytes a row")
        _DAYS.clear()
        ask(root / "copy", snapshot, root / "peer.sqlite", repeat=7)
        keep_fresh(root)


if __name__ == "__main__":
    main()
