from __future__ import annotations

import io
from datetime import timedelta

import pandas as pd
import pytest

from tests.conftest import NOON
from tests.fakes import FakeCluster
from watchdog.base.errors import SourceUnavailableError
from watchdog.model.frames import GPUS
from watchdog.model.telemetry import SourceStatus, Where, Window
from watchdog.services.data_health import source_state, sources_table
from watchdog.services.export import as_csv, as_parquet
from watchdog.services.fleet import expected_at, fleet, narrowed, recent, with_since
from watchdog.services.gpu_detail import gpu_detail
from watchdog.services.gpu_history import gpu_history, heat_map
from watchdog.services.steps import step_for
from watchdog.services.waste import idle_hours

QUARTER = timedelta(seconds=15)
HOUR = timedelta(hours=1)


def asked(cluster: FakeCluster):
    inventory = cluster.gpus(NOON)
    answer = fleet(cluster, inventory, NOON, recent(cluster, NOON, len(inventory)))
    return with_since(cluster, answer, inventory)


def test_since_when_is_read_from_history():
    answer = asked(FakeCluster(faults={(0, 1): "lost", (1, 1): "hung"}))

    lost, hung = answer.look
    assert lost.since_at == NOON - timedelta(minutes=40)
    assert hung.since_at_least
    assert hung.since_at <= NOON - 23 * HOUR


def test_a_lost_gpu_stays_lost_when_asked_about_alone():
    answer = asked(FakeCluster(faults={(0, 1): "lost"}))
    alone = narrowed(answer, Where(gpus=("GPU-00000001-0000",)))

    assert alone.cells["state"].tolist() == ["lost"]
    assert alone.gpus_seen == 0
    assert alone.newest_sample_at is None


def test_dead_history_is_admitted_and_costs_no_live_number():
    answer = asked(FakeCluster(history_error=SourceUnavailableError("gone")))

    assert answer.gpus_seen == 32
    assert len(answer.incomplete) == 2


def test_gpus_are_expected_for_a_week_and_not_before_they_came():
    old = pd.DataFrame({"node": ["n"], "gpu_uuid": ["g"], "gpu_index": [0], "gpu_model": ["m"]})
    old = old.assign(first_seen_at=NOON - 30 * HOUR, last_seen_at=NOON - 10 * HOUR)
    inventory = GPUS.conform(old.astype(dict.fromkeys(("first_seen_at", "last_seen_at"), "datetime64[us, UTC]")))

    assert len(expected_at(inventory, NOON)) == 1
    assert expected_at(inventory, NOON - 31 * HOUR).empty
    assert expected_at(inventory, NOON + timedelta(days=8)).empty


@pytest.mark.parametrize(
    ("length", "step"),
    [("5min", "15s"), ("1h", "15s"), ("6h", "60s"), ("24h", "5min"), ("7D", "30min"), ("30D", "2h"), ("90D", "6h")],
)
def test_charts_have_at_most_400_buckets_of_round_length(length, step):
    assert step_for(pd.Timedelta(length).to_pytimedelta(), QUARTER) == pd.Timedelta(step)


def test_a_bucket_is_never_shorter_than_the_interval_of_the_source():
    assert step_for(HOUR, timedelta(seconds=60)) == timedelta(seconds=60)


def test_up_to_six_lines_are_lines_and_more_are_a_band():
    window = Window(NOON - HOUR, NOON)

    assert gpu_history(FakeCluster(nodes=6), "gpu_util_ratio", window, QUARTER).line_count == 6
    assert not gpu_history(FakeCluster(nodes=6), "gpu_util_ratio", window, QUARTER).is_band
    assert gpu_history(FakeCluster(nodes=7), "gpu_util_ratio", window, QUARTER).is_band


def test_a_long_window_of_one_gpu_shows_its_extremes():
    one = Where(gpus=("GPU-00000001-0000",))
    history = gpu_history(FakeCluster(), "power_watts", Window(NOON - 24 * HOUR, NOON), QUARTER, one)

    assert {"low", "high"} <= set(history.frame)
    assert history.line_word == "GPU"


def test_a_metric_nobody_exports_is_said_and_not_drawn():
    history = gpu_history(FakeCluster(), "fan_ratio", Window(NOON - HOUR, NOON), QUARTER)

    assert history.not_exported
    assert history.frame.empty


def test_the_heat_map_keeps_the_hottest_rows():
    heat = heat_map(FakeCluster(nodes=80), "gpu_temperature_celsius", Window(NOON - HOUR, NOON), QUARTER)

    assert heat.frame["row"].nunique() == 64


def test_a_gpu_says_why_its_clocks_are_low():
    detail = gpu_detail(FakeCluster(faults={(0, 0): "throttled"}), "GPU-00000000-0000", NOON)

    assert detail.throttles[0].startswith("Hardware thermal slowdown")
    assert "Fan" in detail.not_exported


def test_idle_hours_cost_nothing_without_a_price():
    cluster = FakeCluster()
    window = Window(NOON - HOUR, NOON)

    assert idle_hours(cluster, cluster.gpus(NOON), window, 0.0).idle_usd is None
    priced = idle_hours(cluster, cluster.gpus(NOON), window, 2.0)
    assert priced.idle_usd == pytest.approx(2 * priced.hours.idle_hours)


def test_a_csv_runs_no_formula_and_a_parquet_keeps_its_types():
    frame = pd.DataFrame({"node": ["=cmd()", "n1"], "at": pd.Series([NOON, NOON], dtype="datetime64[us, UTC]")})

    text = as_csv(frame).decode()
    assert "'=cmd()" in text
    assert "2026-03-01T12:00:00.000000Z" in text
    assert str(pd.read_parquet(io.BytesIO(as_parquet(frame)))["at"].dtype).startswith("datetime64")


def test_a_source_is_late_after_three_intervals_and_failed_with_an_error():
    fresh = SourceStatus("a", NOON, NOON - 3 * QUARTER)
    late = SourceStatus("b", NOON, NOON - 4 * QUARTER)
    failed = SourceStatus("c", NOON, NOON, error="refused")
    table = sources_table((fresh, late, failed, SourceStatus("d")), NOON, QUARTER)

    assert table["state"].tolist() == ["failed", "late", "unknown", "ok"]
    assert table["what_to_do"].iloc[0]
    assert source_state(fresh, NOON, QUARTER) == "ok"


def test_a_clock_that_is_off_is_worth_a_word():
    skewed = SourceStatus("a", NOON, NOON, clock_skew_seconds=3600.0)

    assert "NTP" in sources_table((skewed,), NOON, QUARTER)["what_to_do"].iloc[0]


def test_no_sources_give_an_empty_table():
    assert sources_table((), NOON, QUARTER).empty
