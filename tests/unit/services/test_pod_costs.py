"""Costs of pods out of the store: what the table keeps, and what the month comes to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from watchdog.base.clock import FakeClock
from watchdog.model.pods import UNKNOWN
from watchdog.model.telemetry import Window
from watchdog.services.history import History
from watchdog.services.pod_costs import month, spend
from watchdog.store.pods import PodRow, PodStore

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def history(tmp_path):
    made = History(tmp_path / "watchdog.duckdb", FakeClock(NOON))
    yield made
    made.close()


def row(pod_id="p1", usd=2.0, since=NOON - 10 * HOUR, returned=None):
    return PodRow(pod_id, "lab", "lab-head", "NVIDIA A100 80GB PCIe", 1, usd, since, "created", None, returned)


def test_a_pod_is_kept_once_however_often_it_is_told(history):
    store = PodStore(history.store())
    store.keep([row()])
    store.keep([row()])
    store.keep([row(returned=NOON)])

    assert store.rows() == [row(returned=NOON)]
    store.keep([row("p2")])
    assert [each.pod_id for each in store.rows()] == ["p1", "p2"]


def test_without_slurm_all_that_is_known_is_the_sum(history):
    PodStore(history.store()).keep([row()])
    found = spend(history, Window(NOON - 4 * HOUR, NOON))

    assert found.total_usd == found.of(UNKNOWN) == 8.0
    assert found.by(["name"])["usd"].tolist() == [8.0]


def test_the_month_is_what_it_cost_and_what_goes_on(history):
    PodStore(history.store()).keep([row(since=datetime(2026, 10, 31, 20, tzinfo=UTC))])
    # November so far: 19 days and 12 hours at $2; 10 days and 12 hours are left.
    found = month(history, NOON, 2.0, NOON + 5 * HOUR)

    assert found.so_far == 468 * 2.0
    assert found.until_deadline == 473 * 2.0
    assert found.going_on == 720 * 2.0
    assert month(history, NOON, 2.0, None).until_deadline is None


def test_a_deadline_beyond_the_month_ends_with_the_month_and_a_past_one_adds_nothing(history):
    PodStore(history.store()).keep([row()])

    assert month(history, NOON, 1.0, NOON + 9_000 * HOUR).until_deadline == 20.0 + 252.0
    assert month(history, NOON, 1.0, NOON - HOUR).until_deadline == 20.0
