"""What memory knows of the newest values is what the tables say, whatever was written, dropped or went wrong."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.store.readings import GAUGE, at, frame, minutes, ramp, reading
from watchdog.base.errors import StoreError
from watchdog.model.frames import SAMPLES, concat
from watchdog.model.telemetry import LOOKBACK, Where, Window
from watchdog.store.connection import rows
from watchdog.store.database import Store
from watchdog.store.telemetry import StoreTelemetry

TOTAL = "memory_total_bytes"
METRICS = (GAUGE, "memory_used_bytes", "memory_free_bytes")
# Hours after noon, beyond two midnights, so that hours and days close and minutes can be dropped.
HOURS = (0, 12, 37)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Tables:
    """A store that has forgotten what it knows."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.read = store.read

    def newest(self):
        return self._store.newest()[0], None


def same_as_in_tables(store, instant, where=Where()) -> None:  # noqa: B008 (frozen)
    got, want = (StoreTelemetry(place).latest([GAUGE, TOTAL], instant, where) for place in (store, Tables(store)))
    pd.testing.assert_frame_equal(SAMPLES.check(got.frame), want.frame)
    assert (got.incomplete, got.not_exported) == (want.incomplete, want.not_exported)


@pytest.fixture
def memory_alone(store, monkeypatch):
    """Telemetry that fails if it looks into the file."""

    def no_reading():
        raise AssertionError("the file was read")

    def telemetry():
        monkeypatch.setattr(store, "read", no_reading)
        return StoreTelemetry(store)

    return telemetry


def test_the_latest_readings_are_told_without_looking_into_the_file(store, memory_alone):
    store.append_samples(concat(SAMPLES, [ramp(8), ramp(3, gpu="GPU-b", index=1)]))
    got = SAMPLES.check(memory_alone().latest([GAUGE], at(105)).frame)
    assert [*got["gpu_uuid"]] == ["GPU-a", "GPU-b"]
    assert [*got["value"]] == [7, 2]
    assert [*got["sampled_at"]] == [at(105), at(30)]


def test_so_are_the_latest_minutes_where_no_readings_are_kept(store, memory_alone):
    store.write_rollups(ramp(40), minutes(0, 10))
    got = memory_alone().latest([GAUGE], at(615)).frame
    assert [(v, t) for v, t in zip(got["value"], got["sampled_at"], strict=True)] == [(39, at(540))]


def test_a_file_that_is_opened_again_is_known_by_its_last_minutes(path, monkeypatch):
    with Store(path) as store:
        store.append_samples(ramp(40))
        store.write_rollups(ramp(4 * 60, gpu="GPU-b"), minutes(0, 60))
        store.append_samples(ramp(1, start=3600 + 15))
    with Store(path) as store:
        monkeypatch.setattr(store, "read", None)
        got = StoreTelemetry(store).latest([GAUGE], at(3620)).frame
    assert dict(zip(got["gpu_uuid"], got["sampled_at"], strict=True)) == {"GPU-a": at(3615), "GPU-b": at(3540)}


def test_after_an_error_the_file_is_asked_until_the_next_write(store, monkeypatch):
    def commit_then_fail(cursor, sql, values=()):
        got = rows(cursor, sql, values)
        if sql == "COMMIT":
            raise duckdb.IOException("IO Error: No space left on device")
        return got

    store.append_samples(ramp(4))
    with monkeypatch.context() as patch:
        patch.setattr("watchdog.store.connection.rows", commit_then_fail)
        with pytest.raises(StoreError):
            store.append_samples(ramp(8))
    assert [*StoreTelemetry(store).latest([GAUGE], at(110)).frame["value"]] == [7]
    assert store.newest()[1] is None
    store.append_samples(ramp(9))
    assert store.newest()[1] is not None
    assert [*StoreTelemetry(store).latest([GAUGE], at(130)).frame["value"]] == [8]


def test_a_closed_store_answers_nothing_from_memory(path):
    store = Store(path)
    store.append_samples(ramp(4))
    store.close()
    with pytest.raises(StoreError):
        StoreTelemetry(store).latest([GAUGE], at(60))


def test_a_reading_that_is_there_already_stays_and_a_minute_that_is_there_is_replaced(store):
    store.append_samples(frame(reading(0, 1)))
    store.append_samples(frame(reading(0, 2)))
    for value in (3, 4):
        store.write_rollups(frame(reading(0, value, gpu="GPU-b", index=1)), minutes(0, 1))
    assert [*StoreTelemetry(store).latest([GAUGE], at(60)).frame["value"]] == [1, 4]
    same_as_in_tables(store, at(60))


def test_a_past_instant_that_the_file_was_not_read_back_to_is_looked_up_in_it(path):
    with Store(path) as store:
        store.append_samples(concat(SAMPLES, [ramp(4), ramp(240, gpu="GPU-b", index=1)]))
        store.roll_up(minutes(0, 60))
    with Store(path) as store:
        for second in (50, 290, 310, 3290, 3600, 3890, 3900):
            same_as_in_tables(store, at(second))
            same_as_in_tables(store, at(second), Where(gpus=("GPU-a",)))


@pytest.mark.parametrize("scraped", [True, False])
@pytest.mark.parametrize("opened_again", [True, False])
def test_what_retention_took_or_would_not_take_in_is_no_latest_value(path, scraped, opened_again):
    minute_gone, reading_gone = 36 * 3600, 37 * 3600
    ending = [ramp(4, start=end - 100, gpu=f"until {end}") for end in (minute_gone, reading_gone)]
    everything, whole = concat(SAMPLES, [ramp(38 * 12, step=300), *ending]), minutes(0, 38 * 60)
    store = Store(path)
    if scraped:
        store.append_samples(everything)
        store.roll_up(whole)
    else:
        store.write_rollups(everything, whole)
    store.expire(at(60 * 3600), timedelta(), timedelta(), 400 * DAY)
    store.append_samples(frame(reading(reading_gone - 30, 9, gpu="too late")))
    if opened_again:
        store.rewind_watermark(at(0))
        store.close()
        store = Store(path)
    for second in (minute_gone - 30, minute_gone + 10, minute_gone + 3600, reading_gone + 10, 38 * 3600):
        for gpu in [*store.gpus(at(0))["gpu_uuid"]]:
            same_as_in_tables(store, at(second), Where(gpus=(gpu,)))
    store.close()


def test_a_minute_that_is_not_over_yet_is_not_the_latest(store):
    store.write_rollups(ramp(40), minutes(0, 10))
    for second in (540, 590, 599.999999, 600):
        same_as_in_tables(store, at(second))


def test_half_a_total_is_no_total_and_a_reading_as_old_as_the_lookback_no_latest_one(store):
    store.append_samples(frame(*(reading(s, 1, f"memory_{k}_bytes") for s, k in ((0, "used"), (60, "free")))))
    for second in (59, 60, 299, 299.999999, 300, 359):
        same_as_in_tables(store, at(second))


def test_a_series_seen_first_after_the_last_reading_of_others_has_no_value_of_theirs(store):
    store.append_samples(ramp(4))
    store.write_rollups(frame(reading(0, 5, gpu="GPU-b")), minutes(0, 1))
    same_as_in_tables(store, at(90))
    same_as_in_tables(store, at(90), Where(gpus=("GPU-b",)))


seconds = st.builds(lambda hour, n: 3600 * hour + 20 * n, st.sampled_from(HOURS), st.integers(0, 18))
batches = st.lists(
    st.tuples(seconds, st.integers(0, 50), st.sampled_from(METRICS), st.sampled_from(["a", "b"])),
    min_size=1,
    max_size=8,
    unique_by=lambda r: (r[0], r[2], r[3]),
).map(lambda batch: frame(*(reading(t, v, metric, gpu=gpu) for t, v, metric, gpu in batch)))


def _whole(batch: pd.DataFrame) -> Window:
    first, last = batch["sampled_at"].min(), batch["sampled_at"].max()
    return Window(first.to_pydatetime(), last.to_pydatetime() + MINUTE)


def _failing(name: str):
    def write(store, batch):
        def fail(*_):
            raise duckdb.IOException("IO Error: No space left on device")

        with pytest.MonkeyPatch.context() as patch, suppress(StoreError):
            patch.setattr(name, fail)
            store.append_samples(batch)

    return write


def _expire(store, batch):
    store.expire(_whole(batch).until, timedelta(), timedelta(), 400 * DAY)


STEPS = {
    "append": lambda store, batch: store.append_samples(batch),
    "roll up": lambda store, batch: store.roll_up(Window(_whole(batch).until - HOUR, _whole(batch).until)),
    "write": lambda store, batch: store.write_rollups(batch, _whole(batch)),
    "expire": _expire,
    "clock back": lambda store, batch: store.rewind_watermark(_whole(batch).since),
    "fail in the middle": _failing("watchdog.store.samples.insert_samples"),
    "fail at the end": _failing("watchdog.store.samples.mark"),
    "compact": lambda store, _: store.compact(),
}
instants = seconds.map(lambda s: at(s + LOOKBACK.total_seconds() / 3))
steps = st.tuples(st.sampled_from([*STEPS, "append", "write", "open again"]), batches, instants)


@settings(max_examples=15, deadline=None)
@given(st.lists(steps, min_size=2, max_size=8))
def test_memory_and_tables_agree_at_any_instant_after_any_history(history):
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "x.duckdb", threads=1)
        for step, batch, instant in history:
            if step == "open again":
                store.close()
                store = Store(Path(folder) / "x.duckdb", threads=1)
            else:
                STEPS[step](store, batch)
            same_as_in_tables(store, instant)
            same_as_in_tables(store, _whole(batch).until)
        store.close()
