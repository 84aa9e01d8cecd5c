"""Rollups equal a recomputation from all samples, whatever the order in which these came."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.store.readings import (
    COUNTER,
    GAUGE,
    assert_same,
    at,
    expected,
    frame,
    minutes,
    ramp,
    reading,
    rollups,
    scalar,
)
from watchdog.model.frames import SAMPLES, concat
from watchdog.model.telemetry import LOOKBACK, Window
from watchdog.store.database import Store

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def test_minutes_hold_what_their_samples_say(store):
    samples = concat(SAMPLES, [ramp(40), ramp(40, metric=COUNTER), ramp(7, gpu="GPU-b", start=100)])
    store.append_samples(samples)
    store.roll_up(minutes(0, 10))
    assert_same(rollups(store), expected(samples, minutes(0, 10), MINUTE))


def test_rolling_up_twice_changes_nothing(store):
    store.append_samples(ramp(40, metric=COUNTER))
    store.roll_up(minutes(0, 10))
    once = rollups(store)
    store.roll_up(minutes(0, 10))
    store.roll_up(minutes(3, 5))
    assert_same(rollups(store), once)


def test_a_repeated_batch_is_kept_once(store):
    store.append_samples(ramp(8))
    store.append_samples(ramp(12))
    assert scalar(store, "SELECT count(*) FROM samples") == 12


def test_a_late_sample_pulls_the_watermark_back_and_is_taken_in(store):
    early, late = frame(reading(0, 1), reading(130, 5)), frame(reading(70, 9))
    store.append_samples(early)
    store.roll_up(minutes(0, 4))
    store.append_samples(late)
    assert store.watermark() == at(60)
    store.roll_up(store.pending(at(240)))
    assert store.watermark() == at(240)
    assert_same(rollups(store), expected(concat(SAMPLES, [early, late]), minutes(0, 4), MINUTE))


def test_a_late_sample_mends_the_increase_of_later_minutes_too(store):
    early, late = frame(reading(0, 10, COUNTER), reading(130, 40, COUNTER)), frame(reading(70, 30, COUNTER))
    store.append_samples(early)
    store.roll_up(minutes(0, 4))
    store.append_samples(late)
    store.roll_up(store.pending(at(240)))
    assert_same(rollups(store), expected(concat(SAMPLES, [early, late]), minutes(0, 4), MINUTE))


def test_a_reset_counts_from_zero_and_a_long_gap_counts_nothing(store):
    gap = LOOKBACK.total_seconds()
    values = [(0, 100), (15, 130), (30, 7), (30 + gap, 20), (31 + 2 * gap, 500)]
    store.append_samples(frame(*(reading(s, v, COUNTER) for s, v in values)))
    store.roll_up(minutes(0, 20))
    increase = rollups(store).set_index("at")["increase"]
    assert increase.iloc[0] == 30 + 7
    assert increase.iloc[1] == 13
    assert pd.isna(increase.iloc[2])


def test_gauges_have_no_increase(store):
    store.append_samples(ramp(8))
    store.roll_up(minutes(0, 2))
    assert scalar(store, "SELECT count(*) FROM rollup_1m WHERE increase IS NULL") == 2


def test_hours_and_days_follow_from_minutes_when_they_close(store):
    samples = concat(SAMPLES, [ramp(30 * 60, step=60), ramp(30 * 60, step=60, metric=COUNTER)])
    store.append_samples(samples)
    whole = minutes(0, 30 * 60)
    store.roll_up(whole)
    assert store.watermark("rollup_1h") == at(30 * 3600)
    assert store.watermark("rollup_1d") == at(36 * 3600) - DAY
    assert_same(rollups(store, "rollup_1h"), expected(samples, whole, HOUR))
    midnight = Window(at(0), at(12 * 3600))
    assert_same(rollups(store, "rollup_1d").query(f"at < {at(43200).timestamp()}"), expected(samples, midnight, DAY))


def test_minutes_of_a_closed_hour_that_change_change_their_hour_and_day(store):
    first, late = ramp(40 * 60, step=60), frame(reading(2 * 3600 + 5, 1e6))
    store.write_rollups(first, minutes(0, 40 * 60))
    before = rollups(store, "rollup_1h")
    again = concat(SAMPLES, [first[first["sampled_at"].between(at(7200), at(7259))], late])
    store.write_rollups(again, minutes(120, 121))
    hours, days = rollups(store, "rollup_1h"), rollups(store, "rollup_1d")
    assert hours["max"].iloc[2] == 1e6
    assert days["max"].iloc[0] == 1e6
    assert_same(hours.drop(index=2), before.drop(index=2))
    assert store.watermark() == at(40 * 3600)


def test_rollups_of_a_given_frame_equal_those_of_kept_samples(store, tmp_path):
    samples = concat(SAMPLES, [ramp(60), ramp(60, metric=COUNTER, gpu="GPU-b")])
    store.append_samples(samples)
    store.roll_up(minutes(0, 15))
    with Store(tmp_path / "other.duckdb") as other:
        for since in range(0, 15, 5):
            window = minutes(since, since + 5)
            near = samples["sampled_at"].between(window.since - LOOKBACK, window.until, inclusive="left")
            other.write_rollups(samples[near].reset_index(drop=True), window)
        assert scalar(other, "SELECT count(*) FROM samples") == 0
        assert_same(rollups(other), rollups(store))


def test_a_partial_answer_of_a_source_erases_nothing(store):
    store.write_rollups(concat(SAMPLES, [ramp(8), ramp(8, gpu="GPU-b")]), minutes(0, 2))
    store.write_rollups(ramp(8), minutes(0, 2))
    store.write_rollups(frame(), minutes(0, 2))
    assert sorted(set(rollups(store)["gpu_uuid"])) == ["GPU-a", "GPU-b"]


def test_a_window_without_samples_still_moves_the_watermark(store):
    store.write_rollups(frame(), minutes(0, 60))
    assert store.watermark() == at(3600)


def test_a_clock_that_was_ahead_loses_and_doubles_nothing(store):
    ahead, right = ramp(8, start=7200), ramp(8)
    store.append_samples(ahead)
    store.roll_up(minutes(120, 122))
    assert store.rewind_watermark(at(60))
    assert not store.rewind_watermark(at(60))
    store.append_samples(right)
    store.roll_up(store.pending(at(120)))
    assert store.watermark() == at(120)
    assert_same(rollups(store), expected(concat(SAMPLES, [right, ahead]), minutes(0, 180), MINUTE))
    store.roll_up(store.pending(at(7320)))
    assert_same(rollups(store), expected(concat(SAMPLES, [right, ahead]), minutes(0, 180), MINUTE))


def test_nothing_is_pending_in_an_empty_store_or_before_a_minute_is_over(store):
    assert store.pending(at(600)) is None
    store.append_samples(ramp(1))
    assert store.pending(at(59)) is None
    assert store.pending(at(60)) == minutes(0, 1)


instants = st.integers(0, 400).map(lambda n: n * 7)
batches = st.lists(
    st.lists(
        st.tuples(instants, st.integers(0, 50), st.sampled_from([GAUGE, COUNTER]), st.sampled_from(["a", "b"])),
        min_size=1,
        max_size=12,
        unique_by=lambda r: (r[0], r[2], r[3]),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=25, deadline=None)
@given(batches, st.data())
def test_any_order_split_and_repeat_of_batches_gives_the_same_rollups(batches, data):
    # One value a series and instant, whichever batch brings it.
    values = {(t, m, g): v for batch in batches for t, v, m, g in batch}
    frames = [frame(*(reading(t, values[t, m, g], m, gpu=g) for t, _, m, g in batch)) for batch in batches]
    everything = frame(*(reading(t, v, m, gpu=g) for (t, m, g), v in values.items()))
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "x.duckdb", threads=1) as store:
        for one in [*frames, data.draw(st.sampled_from(frames))]:
            store.append_samples(one)
            until = at(60 * data.draw(st.integers(0, 50)))
            window = store.pending(until)
            if window:
                store.roll_up(window)
            if data.draw(st.booleans()):
                store.compact()
        window = store.pending(at(3600))
        if window:
            store.roll_up(window)
        assert_same(rollups(store), expected(everything, minutes(0, 60), MINUTE))
        assert_same(rollups(store, "rollup_1h"), expected(everything, minutes(0, 60), HOUR))


@pytest.mark.parametrize("table", ["samples", "rollup_1m"])
def test_compaction_sorts_complete_blocks_and_keeps_every_row(store, table):
    for i in range(0, 300, 10):
        store.append_samples(concat(SAMPLES, [ramp(10, start=150 * i / 10, gpu=g) for g in ("b", "a")]))
    store.roll_up(minutes(0, 70))
    before, count = rollups(store), scalar(store, f"SELECT count(*) FROM {table}")
    assert store.compact(most=10) > 0
    assert store.compact(most=10) == 0
    assert scalar(store, f"SELECT count(*) FROM {table}") == count
    first = f"sampled_at < '{at(900).isoformat()}'" if table == "samples" else f"bucket < {at(3600).timestamp() // 60}"
    disorder = (
        f"SELECT count(*) FROM (SELECT series_id < lag(series_id) OVER (ORDER BY rowid) AS wrong FROM {table} "
        f"WHERE {first}) WHERE wrong"
    )
    assert scalar(store, disorder) == 0
    assert_same(rollups(store), before)
