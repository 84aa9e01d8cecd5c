"""Rollups: writing, space and questions, DuckDB store against SQLite (WAL) with the same rows.

    python benchmarks/bench_rollups.py [--full]

1,024 GPUs x 12 metrics at one-minute rollups; 6 hours of them, with --full 24. SQLite gets finished rollup rows and
answers rows; the store's answers are finished frames, as a page gets them.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks._timing import fastest_ms, median_ms, table
from watchdog.model.arrays import instants, micros
from watchdog.model.telemetry import By, Where, Window
from watchdog.store import rollups
from watchdog.store.connection import rows
from watchdog.store.database import Store
from watchdog.store.telemetry import StoreTelemetry
from watchdog.store.tiers import MINUTES

GPUS, GPUS_A_NODE = 1024, 8
# Key, lowest, highest, resolution as sensors round, share of minutes in which the level moves.
METRICS = (
    ("gpu_util_ratio", 0, 1, 0.01, 0.5),
    ("sm_active_ratio", 0, 1, 0.000001, 1),
    ("tensor_active_ratio", 0, 0.6, 0.000001, 1),
    ("dram_active_ratio", 0, 0.8, 0.000001, 1),
    ("memory_used_bytes", 2**30, 2**36, 2**20, 0.02),
    ("memory_free_bytes", 0, 2**36, 2**20, 0.02),
    ("gpu_temperature_celsius", 30, 88, 1, 0.5),
    ("memory_temperature_celsius", 35, 95, 1, 0.5),
    ("power_watts", 60, 700, 0.001, 1),
    ("sm_clock_hertz", 3.45e8, 1.98e9, 1.5e7, 0.3),
    ("pcie_replay_count", 0, 0, 1, 0),
    ("energy_joules", 0, 0, 0.001, 0),
)
IDLE = 0.3
KEYS = [key for key, *_ in METRICS]
START = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def readings(gpus: int, window: Window, step: timedelta, seed: int = 0) -> pd.DataFrame:
    """SAMPLES of every GPU and metric at each step of the window; three GPUs of ten are idle."""
    rng = np.random.default_rng(seed)
    at = np.arange(micros(window.since), micros(window.until), step // timedelta(microseconds=1))
    count, ticks = gpus * len(METRICS), len(at)
    idle = np.random.default_rng(7).random((gpus, 1)) < IDLE
    value = np.concatenate([_sensor(rng, at, idle, *metric[1:]) for metric in METRICS]).ravel()
    gpu = np.tile(np.repeat(np.arange(gpus), ticks), len(METRICS))
    return pd.DataFrame(
        {
            "metric": _words(np.repeat(np.arange(len(METRICS)), gpus * ticks), KEYS),
            "sampled_at": instants(np.tile(at, count)),
            "node": _words(gpu // GPUS_A_NODE, [f"node{n:03d}" for n in range(-(-gpus // GPUS_A_NODE))]),
            "gpu_uuid": _words(gpu, [f"GPU-{n:08x}-1b2c-4d5e-8f90-abcdef012345" for n in range(gpus)]),
            "gpu_index": pd.array((gpu % GPUS_A_NODE).astype(np.int16), dtype="Int16"),
            "part": _words(np.zeros(len(gpu), np.int8), [""]),
            "gpu_model": _words(np.zeros(len(gpu), np.int8), ["NVIDIA H100 80GB HBM3"]),
            "value": value,
        },
        copy=False,
    )


def _sensor(rng, at, idle, low, high, resolution, moving):
    """A level that walks in the share `moving` of steps; an idle GPU stays at the lowest. Low = high: a counter."""
    shape = (len(idle), len(at))
    if low == high:
        # Energy at a few hundred watts; replays hardly ever.
        rate = rng.uniform(100, 700, (shape[0], 1)) if resolution < 1 else np.zeros((shape[0], 1))
        return np.round((at / 1e6 - 1.7e9) * rate / resolution) * resolution
    steps = rng.normal(0, (high - low) / 50, shape) * (rng.random(shape) < moving)
    level = np.where(idle, low, np.clip(rng.uniform(low, high, (shape[0], 1)) + np.cumsum(steps, axis=1), low, high))
    return np.round(level / resolution) * resolution


def _words(codes, words):
    return pd.Categorical.from_codes(codes, categories=words)


def finish(store: Store) -> None:
    while store.compact(most=50):
        pass
    store.checkpoint()


def used_bytes(store: Store) -> float:
    with store.read() as (cursor, _):
        return rows(cursor, "SELECT block_size * used_blocks FROM pragma_database_size()")[0][0]


def fill(store: Store, hours: int) -> float:
    """Write hours of minutes from samples at 15 s; returns seconds spent in the store."""
    spent = 0.0
    for hour in range(hours):
        window = Window(START + hour * HOUR, START + (hour + 1) * HOUR)
        frame = readings(GPUS, window, timedelta(seconds=15), seed=hour)
        begin = time.perf_counter()
        store.write_rollups(frame, window)
        spent += time.perf_counter() - begin
    return spent


def insert_finished(path: Path, store: Store) -> float:
    """Seconds a row to write finished rollups as the store does, an hour a transaction."""
    hour = int(START.timestamp()) // 60
    with store.read() as (cursor, _):
        part = f"FROM rollup_1m WHERE bucket >= {hour} AND bucket < {hour + 60} ORDER BY series_id, bucket"
        frame = cursor.execute(part).df()
    times = []
    with Store(path) as fresh:
        for _ in range(5):
            begin = time.perf_counter()
            with fresh._database.write() as cursor:
                cursor.register("finished", frame)
                rollups._replace(cursor, MINUTES, "finished")
            times.append((time.perf_counter() - begin) / len(frame))
            frame["bucket"] += 60
    return float(np.median(times))


def fill_sqlite(path: Path, store: Store, hours: int) -> tuple[sqlite3.Connection, float, float]:
    """The same rollups in SQLite; seconds a row, in one transaction, without and with its best index."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("PRAGMA cache_size = -1000000")
    columns = (
        "bucket_at INTEGER, series_id INTEGER, min REAL, max REAL, sum REAL, count INTEGER, last REAL, increase REAL"
    )
    database.execute(f"CREATE TABLE bare ({columns})")
    database.execute(f"CREATE TABLE rollup ({columns}, PRIMARY KEY (series_id, bucket_at)) WITHOUT ROWID")
    database.execute("CREATE TABLE series (series_id INTEGER PRIMARY KEY, metric TEXT, node TEXT, gpu_uuid TEXT)")
    with store.read() as (cursor, _):
        series = cursor.execute("SELECT series_id, metric, node, gpu_uuid FROM series").fetchall()
    database.executemany("INSERT INTO series VALUES (?, ?, ?, ?)", series)
    database.execute("CREATE INDEX by_metric ON series (metric, gpu_uuid)")
    bare, indexed = _insert(database, "bare", store, 1), _insert(database, "rollup", store, hours)
    database.execute("CREATE INDEX by_time ON rollup (bucket_at)")
    database.execute("ANALYZE")
    return database, bare, indexed


def _insert(database: sqlite3.Connection, name: str, store: Store, hours: int) -> float:
    """Seconds a row for `hours` of minutes in one transaction."""
    spent, count = 0.0, 0
    database.execute("BEGIN")
    for hour in range(hours):
        first = int((START + hour * HOUR).timestamp()) // 60
        with store.read() as (cursor, _):
            batch = cursor.execute(
                "SELECT bucket * 60, series_id, min, max, sum, count, last, increase FROM rollup_1m "
                f"WHERE bucket >= {first} AND bucket < {first + 60} ORDER BY bucket, series_id"
            ).fetchall()
        begin = time.perf_counter()
        database.executemany(f"INSERT INTO {name} VALUES (?, ?, ?, ?, ?, ?, ?, ?)", batch)
        spent += time.perf_counter() - begin
        count += len(batch)
    begin = time.perf_counter()
    database.execute("COMMIT")
    return (spent + time.perf_counter() - begin) / count


def questions(store: Store, database: sqlite3.Connection, hours: int):
    """(what, ask the store, ask SQLite)."""
    telemetry = StoreTelemetry(store)
    whole = Window(START, START + hours * HOUR)
    gpu = Where(gpus=("GPU-00000123-1b2c-4d5e-8f90-abcdef012345",))
    join = "FROM rollup JOIN series USING (series_id)"
    newest = (
        f"SELECT metric, gpu_uuid, max(bucket_at), last {join} WHERE bucket_at > ? AND bucket_at < ? GROUP BY series_id"
    )
    past = whole.until - HOUR

    def ask(sql, *values):
        return lambda: database.execute(sql, values).fetchall()

    def p95():
        with store.read() as (cursor, _):
            return cursor.execute(
                "SELECT node, quantile_cont(max, 0.95) FROM rollup_1m JOIN series USING (series_id) "
                "WHERE metric = 'gpu_temperature_celsius' GROUP BY node"
            ).fetchall()

    return [
        (
            "one GPU, one metric",
            lambda: telemetry.range(KEYS[:1], whole, MINUTE, where=gpu),
            ask(
                f"SELECT bucket_at, sum / count {join} WHERE metric = ? AND gpu_uuid = ? ORDER BY 1", KEYS[0], *gpu.gpus
            ),
        ),
        (
            "one GPU, 12 metrics",
            lambda: telemetry.range(KEYS, whole, MINUTE, where=gpu),
            ask(f"SELECT metric, bucket_at, sum / count {join} WHERE gpu_uuid = ? ORDER BY 1, 2", *gpu.gpus),
        ),
        (
            "cluster average, 5 min",
            lambda: telemetry.range(KEYS[:1], whole, 5 * MINUTE, by=By.CLUSTER),
            ask(
                "SELECT b, avg(v) FROM (SELECT series_id, bucket_at / 300 * 300 AS b, sum(sum) / sum(count) AS v "
                f"{join} WHERE metric = ? GROUP BY 1, 2) GROUP BY b ORDER BY b",
                KEYS[0],
            ),
        ),
        (
            "ten idlest GPUs",
            lambda: telemetry.range(KEYS[:1], whole, hours * HOUR).frame.nsmallest(10, "value"),
            ask(
                f"SELECT gpu_uuid, sum(sum) / sum(count) AS v {join} WHERE metric = ? GROUP BY 1 ORDER BY v LIMIT 10",
                KEYS[0],
            ),
        ),
        (
            "p95 temperature a node",
            p95,
            ask(
                f"SELECT node, max FROM (SELECT node, max, row_number() OVER w AS i, count(*) OVER (PARTITION BY node) AS n "
                f"{join} WHERE metric = 'gpu_temperature_celsius' WINDOW w AS (PARTITION BY node ORDER BY max)) "
                "WHERE i = cast(0.95 * n AS INTEGER)"
            ),
        ),
        (
            "latest of everything, now",
            lambda: telemetry.latest(KEYS, whole.until),
            ask(newest, int((whole.until - 5 * MINUTE).timestamp()), int(whole.until.timestamp())),
        ),
        (
            "latest of everything, an hour ago",
            lambda: telemetry.latest(KEYS, past),
            ask(newest, int((past - 5 * MINUTE).timestamp()), int(past.timestamp())),
        ),
        (
            "heat map, node x 5 min",
            lambda: telemetry.range(KEYS[:1], whole, 5 * MINUTE, by=By.NODE),
            ask(
                "SELECT node, b, avg(v) FROM (SELECT node, series_id, bucket_at / 300 * 300 AS b, "
                f"sum(sum) / sum(count) AS v {join} WHERE metric = ? GROUP BY 2, 3) GROUP BY 1, 2 ORDER BY 1, 2",
                KEYS[0],
            ),
        ),
    ]


def bench_minutes(folder: Path, hours: int) -> None:
    with Store(folder / "minutes.duckdb") as store:
        spent = fill(store, hours)
        count = hours * 60 * GPUS * len(METRICS)
        store.checkpoint()
        raw = used_bytes(store) / count
        begin = time.perf_counter()
        finish(store)
        sorting = (time.perf_counter() - begin) / hours
        sorted_ = used_bytes(store) / count
        finished = insert_finished(folder / "finished.duckdb", store)
        database, bare, indexed = fill_sqlite(folder / "peer.sqlite", store, hours)
        table(
            f"Writing minutes ({GPUS:,} GPUs x {len(METRICS)} metrics, {count:,} rows)",
            [
                ("", "rows/s", "store, finished rows, against it"),
                ("store, finished rows, an hour a transaction", f"{1 / finished:,.0f}", ""),
                (
                    "store, from 4 samples a minute, hours too",
                    f"{count / spent:,.0f}",
                    f"{spent / count / finished:.1f}x",
                ),
                ("SQLite, one transaction, no index (one hour)", f"{1 / bare:,.0f}", f"{bare / finished:.1f}x"),
                ("SQLite, one transaction, primary key", f"{1 / indexed:,.0f}", f"{indexed / finished:.1f}x"),
            ],
        )
        table(
            "Space and compaction",
            [
                ("bytes a row as written (one transaction an hour)", f"{raw:.1f}"),
                ("bytes a row after compaction, hours and series included", f"{sorted_:.1f}"),
                ("sorting one hour of minutes, ms", f"{sorting * 1e3:.0f}"),
            ],
        )
        asked = questions(store, database, hours)
        indexed_by_time = [fastest_ms(ours, theirs) for _, ours, theirs in asked]
        database.execute("DROP INDEX by_time")
        key_alone = [fastest_ms(ours, theirs) for _, ours, theirs in asked]
        lines = []
        for (what, *_), (here, both), (again, key) in zip(asked, indexed_by_time, key_alone, strict=True):
            ours = min(here, again)
            lines.append((what, ours, both, f"{both / ours:.1f}x", key, f"{key / ours:.1f}x"))
        head = ("", "store ms", "SQLite ms, key and time index", "ratio", "SQLite ms, key alone", "ratio")
        table(f"Questions over {hours} h of minutes, fastest of several turns (store: finished frames)", [head, *lines])
        database.close()
        bench_minute(store, hours)


def bench_minute(store: Store, hours: int) -> None:
    """The collector's work for one minute, onto the full file."""
    at = [START + hours * HOUR]

    def minutes(write) -> float:
        times = []
        for _ in range(12):
            window = Window(at[0], at[0] + MINUTE)
            frame = readings(GPUS, window, timedelta(seconds=15))
            begin = time.perf_counter()
            write(frame, window)
            times.append((time.perf_counter() - begin) * 1e3)
            at[0] += MINUTE
        return float(np.median(times))

    def scraped(frame, window):
        for _, part in frame.groupby("sampled_at"):
            store.append_samples(part.reset_index(drop=True))
        store.roll_up(window)

    one = GPUS * len(METRICS)
    table(
        f"One minute of the collector ({one:,} series, {4 * one:,} samples), median ms",
        [
            ("from Prometheus: write_rollups", minutes(store.write_rollups)),
            ("scraped: 4 x append_samples + roll_up", minutes(scraped)),
        ],
    )


def bench_month(folder: Path, gpus: int) -> list[tuple[object, ...]]:
    """Charts over 30 days of hours."""
    with Store(folder / f"month{gpus}.duckdb") as store:
        for day in range(30):
            window = Window(START + day * DAY, START + (day + 1) * DAY)
            store.write_rollups(readings(gpus, window, HOUR, seed=day), window)
        finish(store)
        telemetry = StoreTelemetry(store)
        month = Window(START, START + 30 * DAY)
        one = Where(gpus=("GPU-00000007-1b2c-4d5e-8f90-abcdef012345",))
        return [
            (f"{gpus:,} GPUs: one GPU", median_ms(lambda: telemetry.range(KEYS[:1], month, HOUR, where=one))),
            (
                f"{gpus:,} GPUs: cluster average",
                median_ms(lambda: telemetry.range(KEYS[:1], month, HOUR, by=By.CLUSTER)),
            ),
            (f"{gpus:,} GPUs: a line a node", median_ms(lambda: telemetry.range(KEYS[:1], month, HOUR, by=By.NODE))),
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="24 hours of minutes instead of 6")
    hours = 24 if parser.parse_args().full else 6
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench_minutes(folder, hours)
        table(
            "30 days of hours, 12 metrics: chart of one metric, median ms",
            [*bench_month(folder, 128), *bench_month(folder, 1024)],
        )


if __name__ == "__main__":
    main()
