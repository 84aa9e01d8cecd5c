"""A process killed at any moment loses nothing it committed and never spoils the file."""

from __future__ import annotations

import multiprocessing
import random
import time
from datetime import timedelta

import pytest

from tests.integration.store_writer import ROWS, stored_batches, write_until_killed
from tests.unit.store.readings import assert_same, expected, rollups
from watchdog.base.clock import floor_to
from watchdog.model.telemetry import Window
from watchdog.store.database import Store
from watchdog.store.telemetry import StoreTelemetry
from watchdog.store.tiers import HOURS, MINUTES

FILES = 6
KILLS_A_FILE = 10


def _start(path, acknowledged):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.integration.store_writer"])
    process = context.Process(target=write_until_killed, args=(path, acknowledged), daemon=True)
    process.start()
    return process


def _kill_after(process, acknowledged, seconds):
    while not acknowledged.exists():
        time.sleep(0.001)
    time.sleep(seconds)
    process.kill()
    process.join()
    return [int(line) for line in acknowledged.read_text().split() if line != "open"]


def _moments(folder):
    """From before the file is open until some batches later, in seconds, however busy the machine is."""
    began = time.monotonic()
    Store(folder / f"timed-{began}.duckdb", threads=1).close()
    return max(0.5, 8 * (time.monotonic() - began))


def _check(path, known):
    with Store(path, threads=1) as store:
        stored = stored_batches(store)
        assert stored == [(number, ROWS) for number in range(len(stored))]
        # A batch may be committed and not yet noted, but never noted and not there.
        assert known <= len(stored) <= known + 1
        until = store.watermark()
        if until is not None:
            whole = Window(until - timedelta(days=30), until)
            samples = StoreTelemetry(store).samples(["power_watts", "energy_joules", "gpu_util_ratio"], whole).frame
            assert_same(rollups(store), expected(samples, whole, MINUTES.span))
            closed = Window(whole.since, floor_to(until, HOURS.span))
            assert store.watermark(HOURS.name) == closed.until
            assert_same(rollups(store, HOURS.name), expected(samples, closed, HOURS.span))
        return len(stored)


@pytest.mark.integration
@pytest.mark.parametrize("file", range(FILES))
def test_kill_9_at_random_moments_keeps_every_acknowledged_batch_once(tmp_path, file):
    chance, path, known = random.Random(file), tmp_path / "data" / "x.duckdb", 0
    for kill in range(KILLS_A_FILE):
        acknowledged = tmp_path / f"acknowledged-{kill}"
        noted = _kill_after(_start(path, acknowledged), acknowledged, chance.uniform(0, _moments(acknowledged.parent)))
        known = _check(path, max([known, *(number + 1 for number in noted)]))
    assert known > KILLS_A_FILE
