"""Data health: can what is on screen be believed, and if not, what is to be done?"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.conftest import NOON
from tests.fakes import FakeCluster, fake_runtime
from tests.pages.conftest import words
from watchdog.base.errors import StoreLockedError
from watchdog.collector import CollectorState
from watchdog.store.stats import StoreStats, TableStats


def test_fresh_sources_are_said_to_be_so(open_page):
    page = open_page("data_health")

    assert not page.exception
    assert not page.error
    assert "The source answers" in words(page)


def test_a_failed_source_comes_first_with_what_to_do(open_page):
    page = open_page("data_health", FakeCluster(silent_nodes=(1,)))

    assert not page.exception
    table = page.dataframe[0].value
    assert table["state"].tolist() == ["✕ failed", "✓ ok"]
    assert table["what_to_do"].iloc[0] == "Is it up?"
    assert "unknown, not zero" in words(page)


def test_metrics_nobody_publishes_are_named(open_page):
    page = open_page("data_health")

    assert "Fan" in page.dataframe[-1].value["metric"].tolist()


def test_the_collector_and_the_store_show_what_they_hold(open_page):
    runtime = fake_runtime()
    minute = timedelta(minutes=1)
    runtime.collector_state = lambda: CollectorState(
        alive=True,
        ticks=3,
        last_tick_at=NOON - timedelta(seconds=7),
        last_tick_seconds=0.05,
        rolled_until=NOON - minute,
    )
    table = TableStats("rollup_1m", 1000, NOON - timedelta(days=1), NOON, NOON)
    runtime.store_stats = lambda: StoreStats(Path("data/watchdog.duckdb"), 2**20, 0, 2**34, 44, (table,))
    page = open_page("data_health", runtime=runtime)

    assert not page.exception
    text = words(page).replace("\u00a0", " ")
    assert "Collector: alive" in text
    assert "Last tick: 7 s ago" in text
    assert "File: 1.0 MiB" in text


def test_a_locked_store_costs_its_card_alone(open_page):
    runtime = fake_runtime()

    def locked():
        raise StoreLockedError("another process has data/watchdog.duckdb open", hint="Stop it.")

    runtime.store_stats = locked
    page = open_page("data_health", runtime=runtime)

    assert not page.exception
    assert len(page.error) == 1
    assert "Stop it" in page.error[0].value
    assert "The source answers" in words(page)
