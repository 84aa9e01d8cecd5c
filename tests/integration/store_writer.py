"""What the store's hard tests run in processes of their own: writers that are killed or run out of space."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pandas as pd

from tests.conftest import NOON
from watchdog.base.errors import StoreFullError
from watchdog.model.arrays import instants, micros
from watchdog.model.telemetry import Window
from watchdog.store.connection import rows
from watchdog.store.database import Store

METRICS = ("power_watts", "energy_joules", "gpu_util_ratio")
GPUS = ("GPU-a", "GPU-b")
TICKS = 20
ROWS = TICKS * len(METRICS) * len(GPUS)
STEP = 15_000_000
MEGABYTE = 1 << 20


def batch(number: int) -> pd.DataFrame:
    """Five minutes of readings; each value tells which batch it is of."""
    keys = [(m, g, t) for m in METRICS for g in GPUS for t in range(TICKS)]
    metric, gpu, tick = (list(column) for column in zip(*keys, strict=True))
    at = pd.Series([micros(NOON) + (number * TICKS + t) * STEP for t in tick], dtype="int64").to_numpy()
    words = {"metric": metric, "node": ["n1"] * ROWS, "gpu_uuid": gpu, "part": [""] * ROWS, "gpu_model": [""] * ROWS}
    frame = pd.DataFrame(words, dtype="category").assign(sampled_at=instants(at), value=float(number))
    return frame.assign(gpu_index=pd.array([0] * ROWS, dtype="Int16"))


def stored_batches(store: Store) -> list[tuple[int, int]]:
    """(batch number, rows) of what the file holds."""
    with store.read() as (cursor, _):
        return rows(cursor, "SELECT value::BIGINT, count(*) FROM samples GROUP BY 1 ORDER BY 1")


def write_until_killed(path: Path, acknowledged: Path) -> None:
    """Append, roll up, compact and checkpoint; note each batch once its commit has returned."""
    note = os.open(acknowledged, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(note, b"open\n")
    store = Store(path, threads=1)
    number = len(stored_batches(store))
    while True:
        store.append_samples(batch(number))
        os.write(note, b"%d\n" % number)
        number += 1
        if number % 2 == 0:
            store.roll_up(store.pending(NOON + pd.Timedelta(minutes=5 * number)) or Window(NOON, NOON))
        if number % 5 == 0:
            store.compact()
        if number % 7 == 0:
            store.checkpoint()


def limit_file_size(count: int) -> None:
    """No file of this process may grow beyond so many bytes; 0 lifts the limit."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (count or hard, hard))


def fill_and_recover(path: Path) -> str:
    """Write until the disk is full, again and again; then with space. Returns what went wrong, or nothing."""
    store = Store(path, threads=1)
    written, refused, checkpoints = 0, 0, 0
    limit_file_size(MEGABYTE)
    while refused < 20:
        try:
            store.append_samples(batch(written))
            written += 1
        except StoreFullError:
            refused += 1
        if refused and refused % 4 == 0:
            try:
                store.checkpoint()
            except StoreFullError:
                checkpoints += 1
    readable = len(stored_batches(store))
    limit_file_size(0)
    store.append_samples(batch(written))
    store.roll_up(Window(NOON, NOON + pd.Timedelta(minutes=5)))
    whole = [(n, ROWS) for n in range(written + 1)]
    problems = []
    problems += [f"{readable} of {written} batches readable when full"] * (readable != written)
    problems += ["rows lost or doubled"] * (stored_batches(store) != whole)
    store.close()
    with Store(path, threads=1) as again:
        problems += ["rows lost or doubled after reopening"] * (stored_batches(again) != whole)
    return "; ".join(problems)
