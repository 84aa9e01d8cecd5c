"""Autosave, killed at any moment: each cell that was saved is there, and the notebook opens."""

from __future__ import annotations

import multiprocessing
import random
import time

import pytest

from tests.integration.notebook_writer import AUTHOR, NOTEBOOK, text_of, type_until_killed
from watchdog.store.connection import rows
from watchdog.store.database import Store
from watchdog.store.notebooks import NotebookStore

KILLS = 6


def _start(path, acknowledged):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.integration.notebook_writer"])
    process = context.Process(target=type_until_killed, args=(path, acknowledged), daemon=True)
    process.start()
    return process


def _noted(acknowledged):
    lines = acknowledged.read_text().split() if acknowledged.exists() else []
    return [int(line) for line in lines if line.isdigit()]


def _wait_for_more(acknowledged, count):
    deadline = time.monotonic() + 60
    while len(_noted(acknowledged)) <= count:
        assert time.monotonic() < deadline, "nothing was saved for a minute"
        time.sleep(0.005)


@pytest.mark.integration
def test_a_kill_at_any_moment_loses_no_cell_that_was_saved(tmp_path):
    path, acknowledged = tmp_path / "w.duckdb", tmp_path / "noted"
    dice = random.Random(5)
    for _ in range(KILLS):
        process = _start(path, acknowledged)
        _wait_for_more(acknowledged, len(_noted(acknowledged)) + dice.randrange(1, 12))
        time.sleep(dice.random() * 0.03)
        process.kill()
        process.join()
    noted = _noted(acknowledged)
    assert len(noted) > KILLS
    assert noted == sorted(set(noted))
    with Store(path, threads=1) as store:
        notebook = NotebookStore(store).load(NOTEBOOK, AUTHOR)
        assert notebook.next_number > noted[-1]
        with store.read() as (cursor, _):
            kept = "\n".join(body for (body,) in rows(cursor, "SELECT body FROM notebook_versions"))
    assert [number for number in noted if f'"{text_of(number)}"' not in kept] == []
