"""An alert engine killed at any moment keeps the same history as one that was never killed."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections import Counter
from datetime import timedelta

import pytest

from tests.conftest import NOON
from tests.integration.alert_watcher import TICK, watch
from watchdog.model.telemetry import Window
from watchdog.store.alerts import AlertStore
from watchdog.store.database import Store
from watchdog.store.outbox import OutboxStore, message_of

FILES, KILLS_A_FILE = 3, 8
WHOLE = Window(NOON, NOON + timedelta(days=1))
EVENT = ["at", "kind", "rule_id", "severity", "node", "gpu_uuid", "by"]


def _killed_after(path, acknowledged, seconds):
    """The last tick that was noted before the kill."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.integration.alert_watcher"])
    process = context.Process(target=watch, args=(path, None, acknowledged), daemon=True)
    process.start()
    while not acknowledged.exists():
        time.sleep(0.001)
    time.sleep(seconds)
    process.kill()
    process.join()
    return max((int(line) for line in acknowledged.read_text().split()), default=0)


def _kept(path):
    """The history without its ids: events, alerts, incidents with who has them, messages."""
    with Store(path, threads=1) as store:
        kept, outbox = AlertStore(store), OutboxStore(store)
        until = kept.load(NOON).marks.get("evaluated", NOON)
        events = kept.events(WHOLE, most=1_000_000)
        assert [*events["seq"]] == [*range(len(events), 0, -1)]
        alerts, incidents = kept.alerts(WHOLE, most=1_000_000), kept.incidents(WHOLE, most=1_000_000)
        # One whose alerts all went on in a storm has none left.
        assert set(alerts["incident_id"]) <= set(incidents["incident_id"])
        messages = [(message_of(each), each.channel) for each in outbox.waiting(most=1_000_000)]
    parts = {
        "events": events[EVENT],
        "alerts": alerts.drop(columns=["alert_id", "incident_id"]),
        "incidents": incidents.drop(columns=["incident_id"]),
    }
    rows = {name: Counter(map(str, frame.itertuples(index=False))) for name, frame in parts.items()}
    rows["messages"] = Counter((each.kind, each.created_at, each.incident.cause, to) for each, to in messages)
    return (until - NOON) // TICK, rows


@pytest.mark.integration
@pytest.mark.parametrize("file", range(FILES))
def test_kill_9_at_random_moments_leaves_the_history_of_a_run_without_any(tmp_path, file):
    chance, path, known = random.Random(file), tmp_path / "killed.duckdb", 0
    for kill in range(KILLS_A_FILE):
        noted = _killed_after(path, tmp_path / f"noted-{kill}", chance.uniform(0, 0.4))
        until, _ = _kept(path)
        # A tick may be committed and not yet noted, but never noted and not there.
        known = max(known, noted)
        assert known <= until <= known + 1
        known = until
    # An acknowledgement may be through whose tick is not: that tick comes now.
    ticks = known + 3
    assert ticks > KILLS_A_FILE
    watch(path, ticks)
    watch(tmp_path / "whole.duckdb", ticks)
    (until, rows), (until_whole, expected) = _kept(path), _kept(tmp_path / "whole.duckdb")
    assert until == until_whole == ticks
    assert len(expected["events"]) > 50
    for name, whole in expected.items():
        assert (name, rows[name] - whole, whole - rows[name]) == (name, Counter(), Counter())
