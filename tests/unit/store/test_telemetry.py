"""Answers of the store equal buckets computed from all readings, whatever tier they come from."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import numpy as np
import pandas as pd
import pytest

from tests.unit.store.readings import COUNTER, GAUGE, at, frame, minutes, ramp, reading
from watchdog.model.buckets import bucketed, combined
from watchdog.model.frames import SAMPLES, SERIES, concat
from watchdog.model.telemetry import LOOKBACK, By, SourceStatus, Statistic, Telemetry, Where, Window
from watchdog.store.telemetry import StoreTelemetry

KEYS = ["metric", "node", "gpu_uuid", "part", "bucket_at"]
METRICS = (GAUGE, COUNTER, "gpu_temperature_celsius", "gpu_util_ratio")


def _cluster(hours: float) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    count = int(hours * 60)
    parts = []
    for gpu in range(5):
        skip = rng.random(count) < 0.1
        seconds = 60.0 * np.flatnonzero(~skip) + rng.integers(0, 59)
        for metric in METRICS:
            values = (
                np.cumsum(rng.integers(0, 9, len(seconds))) if metric == COUNTER else rng.integers(1, 90, len(seconds))
            )
            one = frame(reading(0, 1, metric, node=f"n{gpu // 2}", gpu=f"GPU-{gpu}", index=gpu % 2))
            many = one.loc[[0] * len(seconds)].reset_index(drop=True)
            many["sampled_at"] = pd.to_datetime([at(s) for s in seconds]).as_unit("us")
            parts.append(many.assign(value=values.astype(float)))
    return concat(SAMPLES, parts)


@pytest.fixture
def telemetry(store) -> Telemetry:
    return StoreTelemetry(store)


def _same(got: pd.DataFrame, want: pd.DataFrame, keys=KEYS) -> None:
    def plain(df):
        return df.astype({k: "str" for k in keys if k != keys[-1]}).sort_values(keys, ignore_index=True)

    pd.testing.assert_frame_equal(plain(SERIES.check(got)), plain(want), rtol=1e-9)


@pytest.fixture(scope="module")
def cluster():
    return _cluster(40)


@pytest.mark.parametrize("keep_samples", [True, False])
def test_every_statistic_and_grouping_equals_buckets_of_all_readings(store, telemetry, cluster, keep_samples):
    until = minutes(0, 40 * 60 - 17).until
    if keep_samples:
        store.append_samples(cluster)
        store.roll_up(Window(at(0), until))
    else:
        store.write_rollups(cluster, Window(at(0), until))
    window = Window(at(3600 * 3), until - timedelta(minutes=20))
    for seconds, statistic in product((60, 300, 3600, 7200, 86400), Statistic):
        step = timedelta(seconds=seconds)
        counters = cluster["metric"].isin([COUNTER]) | (statistic is not Statistic.INCREASE)
        per_gpu = bucketed(cluster[counters].reset_index(drop=True), window, step, statistic)
        for by in By:
            got = telemetry.range(METRICS, window, step, statistic=statistic, by=by)
            assert got.incomplete == ()
            _same(got.frame, combined(per_gpu, by))


def test_seconds_come_from_readings_and_so_does_a_step_that_is_no_whole_minute(store, telemetry):
    samples = ramp(40)
    store.append_samples(samples)
    store.roll_up(minutes(0, 8))
    for seconds in (5, 15, 30, 90):
        step, window = timedelta(seconds=seconds), Window(at(7), at(500))
        want = bucketed(samples, window, step, Statistic.AVG)
        _same(telemetry.range([GAUGE], window, step).frame, want)


def test_without_readings_a_fine_step_gets_what_minutes_know(store, telemetry):
    store.write_rollups(ramp(40), minutes(0, 10))
    got = telemetry.range([GAUGE], minutes(0, 10), timedelta(seconds=15)).frame
    assert [*got["bucket_at"]] == [at(60 * i) for i in range(10)]


def test_the_newest_minutes_are_there_before_they_are_rolled_up(store, telemetry):
    samples = ramp(400)
    store.append_samples(samples)
    store.roll_up(minutes(0, 61))
    want = bucketed(samples, minutes(0, 100), timedelta(hours=1), Statistic.AVG)
    _same(telemetry.range([GAUGE], minutes(0, 100), timedelta(hours=1)).frame, want)


def test_a_view_of_the_past_never_shows_what_came_later(store, telemetry):
    store.write_rollups(ramp(4 * 180), minutes(0, 180))
    got = telemetry.range([GAUGE], Window(at(0), at(90 * 60 + 30)), timedelta(hours=1), statistic=Statistic.MAX)
    assert [*got.frame["value"]] == [239, 359]
    newest = telemetry.latest([GAUGE], at(90 * 60 + 30)).frame
    assert [*newest["sampled_at"]] == [at(89 * 60)]


def test_latest_is_the_newest_reading_within_the_lookback(store, telemetry):
    store.append_samples(concat(SAMPLES, [ramp(8), ramp(2, gpu="GPU-b", start=60 - 2 * LOOKBACK.total_seconds())]))
    got = SAMPLES.check(telemetry.latest([GAUGE], at(60)).frame)
    assert [*got["value"]] == [4]
    assert [*got["sampled_at"]] == [at(60)]
    assert telemetry.latest([GAUGE], at(105) + LOOKBACK).frame.empty
    assert len(telemetry.latest([GAUGE], at(104) + LOOKBACK).frame) == 1


def test_latest_of_a_long_gone_instant_comes_from_minutes_then_hours(store, telemetry):
    store.append_samples(ramp(60 * 50, step=60))
    store.roll_up(minutes(0, 60 * 50))
    day = timedelta(days=1)
    store.expire(at(50 * 3600), timedelta(hours=1), 30 * day, 400 * day)
    by_minute = telemetry.latest([GAUGE], at(3630)).frame
    assert [*by_minute["sampled_at"]] == [at(3540)]
    store.expire(at(49 * 3600), timedelta(hours=1), timedelta(), 400 * day)
    by_hour = telemetry.latest([GAUGE], at(2 * 3600 + 30)).frame
    assert [*by_hour["sampled_at"]] == [at(3600)]
    assert [*by_hour["value"]] == [119]


def test_an_hour_long_past_is_nobodys_latest(store, telemetry):
    store.append_samples(concat(SAMPLES, [ramp(60, step=60), ramp(60 * 50, step=60, gpu="GPU-b", index=1)]))
    store.roll_up(minutes(0, 60 * 50))
    store.expire(at(50 * 3600), timedelta(hours=1), timedelta(), timedelta(days=400))
    assert {*telemetry.latest([GAUGE], at(2 * 3600)).frame["gpu_uuid"]} == {"GPU-b"}


def test_readings_come_in_order_of_series_and_time(store, telemetry):
    both = concat(SAMPLES, [ramp(5, gpu="GPU-b", index=1), ramp(5)])
    store.append_samples(both)
    got = SAMPLES.check(telemetry.samples([GAUGE], minutes(0, 1)).frame)
    assert [*got["gpu_uuid"]] == ["GPU-a"] * 4 + ["GPU-b"] * 4
    assert [*got["value"]] == [0, 1, 2, 3] * 2


def test_where_picks_nodes_and_gpus(store, telemetry):
    store.append_samples(concat(SAMPLES, [ramp(4, gpu=g, node=n) for g, n in (("a", "n1"), ("b", "n1"), ("c", "n2"))]))
    step = timedelta(minutes=1)
    assert {*telemetry.range([GAUGE], minutes(0, 1), step, where=Where(nodes=("n1",))).frame["gpu_uuid"]} == {"a", "b"}
    assert {*telemetry.latest([GAUGE], at(50), Where(gpus=("c",))).frame["gpu_uuid"]} == {"c"}
    assert telemetry.samples([GAUGE], minutes(0, 1), Where(nodes=("n2",), gpus=("a",))).frame.empty


def test_a_metric_nobody_exports_is_said_to_be_so(store, telemetry):
    assert telemetry.latest([GAUGE], at(0)).not_exported == frozenset()
    store.append_samples(ramp(4))
    for answer in (
        telemetry.latest([GAUGE, "fan_ratio"], at(50)),
        telemetry.samples(["fan_ratio"], minutes(0, 1)),
        telemetry.range(["fan_ratio"], minutes(0, 1), timedelta(minutes=1)),
        telemetry.range(["fan_ratio"], minutes(5, 6), timedelta(minutes=1), by=By.CLUSTER),
    ):
        assert answer.not_exported == {"fan_ratio"}


def test_total_memory_is_the_sum_of_its_parts_where_it_is_not_exported(store, telemetry):
    def gpu(name, **memory):
        return [reading(t, v, f"memory_{k}_bytes", gpu=name) for k, v in memory.items() for t in (5, 20)]

    derived = gpu("derived", used=10, free=60, reserved=10)
    old_driver, told = gpu("old driver", used=20, free=60), gpu("told", used=1, free=1, reserved=1, total=96)
    store.append_samples(frame(*derived, *old_driver, *told, *gpu("blind", used=5)))
    total = ["memory_total_bytes"]
    want = {"derived": 80.0, "old driver": 80.0, "told": 96.0}
    newest = SAMPLES.check(telemetry.latest(total, at(30)).frame)
    assert dict(zip(newest["gpu_uuid"], newest["value"], strict=True)) == want
    assert len(telemetry.samples(total, minutes(0, 1)).frame) == 6
    chart = telemetry.range(total, minutes(0, 1), timedelta(minutes=1)).frame
    assert dict(zip(chart["gpu_uuid"], chart["value"], strict=True)) == want
    cluster = telemetry.range(total, minutes(0, 1), timedelta(minutes=1), by=By.CLUSTER)
    assert [*cluster.frame["value"]] == [256]
    assert cluster.not_exported == frozenset()


def test_a_gpu_beside_its_parts_counts_once(store, telemetry):
    whole = reading(5, 40, "memory_used_bytes")
    parts = [reading(t, 10, "memory_used_bytes", part=f"mig=1g.10gb/{i}") for t in (5, 65) for i in (7, 8)]
    store.append_samples(frame(whole, *parts))
    got = telemetry.range(["memory_used_bytes"], minutes(0, 2), timedelta(minutes=1), by=By.NODE).frame
    assert [*got["value"]] == [40, 20]


def test_past_that_was_dropped_is_said_to_be_gone(store, telemetry):
    day = timedelta(days=1)
    store.append_samples(ramp(60 * 50, step=60))
    store.roll_up(minutes(0, 60 * 50))
    store.expire(at(50 * 3600), timedelta(hours=2), timedelta(), 400 * day)
    assert telemetry.samples([GAUGE], minutes(0, 60)).incomplete
    assert telemetry.range([GAUGE], minutes(0, 60), timedelta(minutes=5)).incomplete
    assert telemetry.range([GAUGE], minutes(0, 600), timedelta(hours=1)).incomplete == ()


def test_a_gpu_that_moved_keeps_its_past_where_it_was(store, telemetry):
    store.append_samples(concat(SAMPLES, [ramp(4), ramp(4, node="n2", start=60, index=3)]))
    got = telemetry.range([GAUGE], minutes(0, 2), timedelta(minutes=1)).frame
    assert [(n, i) for n, i in zip(got["node"], got["gpu_index"], strict=True)] == [("n1", 0), ("n2", 3)]
    assert [*store.gpus(at(0))["node"]] == ["n2"]


def test_status_is_what_was_recorded(store, telemetry):
    store.record_scrapes([SourceStatus("exporter n1:9400", at(0), at(0))])
    assert [s.name for s in telemetry.status()] == ["exporter n1:9400"]
