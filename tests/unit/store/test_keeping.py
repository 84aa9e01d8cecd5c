"""What is kept for how long, the state of sources, and the figures about the store."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.store.readings import GAUGE, at, frame, minutes, ramp, reading, scalar
from watchdog.base.errors import StoreError
from watchdog.model.frames import GPUS, SAMPLES, concat
from watchdog.model.telemetry import SourceStatus
from watchdog.store.scrapes import KEPT_FAILURES

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def _oldest(store):
    return {table.name: table.oldest_at for table in store.stats().tables}


def test_old_rows_go_in_whole_hours_and_days_and_days_stay(store):
    store.append_samples(ramp(100 * 12, step=300))
    store.roll_up(minutes(0, 100 * 60))
    store.expire(at(100 * 3600), samples=10 * HOUR + HOUR / 2, minutes=2 * DAY, hours=3 * DAY)
    # NOON + 100 h is 16:00 of the fifth day.
    assert _oldest(store) == {
        "samples": at(89 * 3600),
        "rollup_1m": at(36 * 3600),
        "rollup_1h": at(12 * 3600),
        "rollup_1d": at(-12 * 3600),
    }


def test_what_no_coarser_tier_has_yet_is_never_dropped(store):
    store.append_samples(ramp(40))
    store.expire(at(1e7), HOUR, DAY, DAY)
    assert _oldest(store)["samples"] == at(0)
    store.roll_up(minutes(0, 10))
    store.expire(at(1e7), HOUR, DAY, DAY)
    assert _oldest(store)["rollup_1m"] == at(0)


def test_readings_older_than_retention_are_not_taken_in_again(store):
    store.append_samples(ramp(400, step=60))
    store.roll_up(minutes(0, 400))
    store.expire(at(400 * 60), HOUR, DAY, DAY)
    before = scalar(store, "SELECT count(*) FROM samples")
    store.append_samples(frame(reading(30, 1)))
    assert scalar(store, "SELECT count(*) FROM samples") == before
    assert store.watermark() == at(400 * 60)


def test_rolling_up_a_dropped_past_again_does_not_wipe_its_rollups(store):
    store.append_samples(ramp(60 * 60, step=60))
    store.roll_up(minutes(0, 60 * 60))
    counts = "SELECT sum(count) FROM rollup_1d"
    before = scalar(store, counts)
    store.expire(at(60 * 3600), HOUR, timedelta(), 400 * DAY)
    store.roll_up(minutes(0, 60 * 60))
    store.write_rollups(frame(reading(60, 5)), minutes(0, 5))
    assert scalar(store, counts) == before
    assert _oldest(store)["rollup_1m"] is None


def test_the_space_of_dropped_rows_is_used_again(store):
    sizes = []
    for day in range(8):
        batch = [ramp(1440, start=86400 * day, step=60, gpu=str(g)) for g in range(8)]
        store.write_rollups(concat(SAMPLES, batch), minutes(1440 * day, 1440 * (day + 1)))
        store.compact(most=100)
        store.expire(at(86400 * (day + 1)), HOUR, DAY, 2 * DAY)
        store.checkpoint()
        sizes.append(store.stats().file_bytes)
    assert sizes[-1] <= 1.5 * sizes[3]


def test_a_source_keeps_its_last_success_through_failures(store):
    store.record_scrapes([SourceStatus("n1", at(0), at(0), 0.1, 96, at(0)), SourceStatus("n2", at(0), at(0))])
    store.record_scrapes([SourceStatus("n1", at(15), None, 10.0, error="timed out", hint="Is it up?")])
    n1, n2 = store.scrapes()
    assert n1 == SourceStatus("n1", at(15), at(0), 10.0, 0, at(0), "timed out", "Is it up?")
    assert n2.last_success_at == at(0)
    assert [(f.name, f.attempted_at, f.error) for f in store.failures()] == [("n1", at(15), "timed out")]


def test_the_history_of_failures_is_short(store):
    for second in range(KEPT_FAILURES + 20):
        store.record_scrapes([SourceStatus("n1", at(second), error="no"), SourceStatus("n2", at(second))])
    failures = store.failures()
    assert len(failures) == KEPT_FAILURES
    assert failures[0].attempted_at == at(KEPT_FAILURES + 19)
    store.expire(at(40 * 86400), HOUR, 14 * DAY, 400 * DAY)
    assert store.scrapes() == store.failures() == ()


def test_gpus_are_where_they_were_last_under_their_newest_name(store):
    store.append_samples(ramp(2))
    store.append_samples(frame(reading(60, 1, "xid_code", model=""), reading(60, 1, gpu="GPU-b", index=None)))
    got = GPUS.check(store.gpus(at(0)))
    assert [*got["gpu_uuid"]] == ["GPU-a", "GPU-b"]
    assert [*got["gpu_model"]] == ["H100", "H100"]
    store.append_samples(frame(reading(90, 1, index=5, model="H200")))
    moved = store.gpus(at(80))
    assert moved[["gpu_index", "gpu_model"]].to_numpy().tolist() == [[5, "H200"]]
    assert moved["first_seen_at"].iloc[0] == at(0)


def test_stats_count_rows_and_measure_the_file(store):
    store.append_samples(ramp(40))
    store.roll_up(minutes(0, 10))
    store.checkpoint()
    stats = store.stats()
    samples, by_minute, *_ = stats.tables
    assert (samples.rows, samples.oldest_at, samples.newest_at, samples.complete_until) == (40, at(0), at(585), None)
    assert (by_minute.rows, by_minute.newest_at, by_minute.complete_until) == (10, at(540), at(600))
    assert stats.series == 1
    assert stats.file_bytes > 4096
    assert stats.free_bytes > 0


def test_a_label_that_grows_without_end_is_refused_with_its_name(store, monkeypatch):
    monkeypatch.setitem(__import__("watchdog.store.series", fromlist=["_BITS"])._BITS, "node", 2)
    with pytest.raises(StoreError, match="node"):
        store.append_samples(frame(*(reading(0, 1, GAUGE, node=f"n{i}", gpu=f"g{i}") for i in range(9))))
