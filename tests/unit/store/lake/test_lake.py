"""The copy of history: the same rows as the store, fresh, written once, and gone when the store's are."""

from __future__ import annotations

from datetime import timedelta

import duckdb
import pandas as pd
import pytest

from tests.conftest import NOON
from tests.unit.store.readings import COUNTER, at, frame, minutes, ramp, reading, rollups, scalar
from watchdog.base.clock import FakeClock
from watchdog.base.errors import StoreFullError
from watchdog.model.tables import TABLES
from watchdog.model.telemetry import Window
from watchdog.store.connection import Database
from watchdog.store.database import Store
from watchdog.store.lake import lake as lakes
from watchdog.store.lake.lake import Lake, lake_folder, latest

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def clock():
    return FakeClock(at(3600 * 30))


@pytest.fixture
def lake(tmp_path, clock):
    return Lake(tmp_path / "history", clock)


def fill(store, hours=30):
    """One reading every ten minutes of a gauge on two GPUs and a counter, from NOON on."""
    series = [{}, {"gpu": "GPU-b", "index": 1}, {"metric": COUNTER}]
    store.write_rollups(
        pd.concat([ramp(6 * hours, step=600, **each) for each in series]).astype(
            dict.fromkeys(("metric", "node", "gpu_uuid", "part", "gpu_model"), "category")
        ),
        minutes(0, 60 * hours),
    )


def read(snapshot, table, sql="SELECT *"):
    files = [str(path) for path in snapshot.files[table]]
    return duckdb.sql(f"{sql} FROM read_parquet({files})").df() if files else pd.DataFrame()


def ids(snapshot, table="gpu_samples_1m"):
    return {path.name for path in snapshot.files[table]}


@pytest.mark.parametrize(("table", "tier"), [("gpu_samples_1m", "rollup_1m"), ("gpu_samples_1h", "rollup_1h")])
def test_samples_are_the_rollups_with_the_words_of_their_series(store, lake, table, tier):
    fill(store)
    got = read(lake.snapshot(store), table)
    want = rollups(store, tier)
    keys = ["metric", "node", "gpu_uuid", "part"]
    got["at"] = got["bucket_at"].astype("datetime64[s]").astype("int64")
    got["sum"] = got["avg"] * got["count"]
    got = got[want.columns].sort_values([*keys, "at"], ignore_index=True)
    want = want.sort_values([*keys, "at"], ignore_index=True)
    pd.testing.assert_frame_equal(got, want, check_dtype=False, rtol=1e-12)


def test_rows_are_sorted_by_metric_then_gpu_then_time(store, lake):
    fill(store)
    for path in lake.snapshot(store).files["gpu_samples_1m"]:
        got = duckdb.sql(f"SELECT metric, gpu_index, bucket_at FROM read_parquet('{path}')").df()
        assert got.equals(got.sort_values(["metric", "gpu_index", "bucket_at"], ignore_index=True))


def test_a_day_that_is_over_is_one_file_and_the_rest_is_cut_by_hours(store, lake):
    fill(store)
    names = sorted(name.rsplit(".", 2)[0] for name in ids(lake.snapshot(store)))
    # NOON is on the first of March; rows go on until 18:00 on the second.
    assert names == ["2026-03-01T12", *(f"2026-03-02T{hour:02}" for hour in range(18))]


def test_a_state_is_kept_for_some_seconds_then_only_what_changed_is_written(store, lake, clock):
    fill(store)
    first = lake.snapshot(store)
    assert lake.snapshot(store) == first
    store.write_rollups(ramp(3, step=60, start=3600 * 30), minutes(1800, 1803))
    assert lake.snapshot(store) == first
    clock.sleep(16)
    second = lake.snapshot(store)
    assert ids(first) < ids(second)
    assert len(ids(second) - ids(first)) == 1
    assert second.rows["gpu_samples_1m"] == first.rows["gpu_samples_1m"] + 3


def test_a_backfill_writes_the_touched_day_again_and_no_other_file(store, lake, clock):
    fill(store)
    first = lake.snapshot(store)
    store.write_rollups(frame(reading(7200 + 30, 77)), minutes(120, 121))
    clock.sleep(60)
    second = lake.snapshot(store)
    (gone,), (new,) = ids(first) - ids(second), ids(second) - ids(first)
    assert gone.startswith("2026-03-01T12")
    assert new.startswith("2026-03-01T12")
    assert read(second, "gpu_samples_1m", "SELECT max(max) AS top")["top"][0] >= 77


def test_a_backfill_while_the_process_was_down_is_noticed(store, tmp_path, clock):
    fill(store)
    folder = tmp_path / "history"
    first = Lake(folder, clock).snapshot(store)
    store.write_rollups(frame(reading(7200 + 30, 77)), minutes(120, 121))
    clock.sleep(60)
    second = Lake(folder, clock).snapshot(store)
    assert len(ids(second) - ids(first)) == 1
    assert len(ids(first) & ids(second)) == 18


def test_files_of_an_older_state_stay_for_five_minutes(store, lake, clock):
    fill(store)
    first = lake.snapshot(store)
    store.write_rollups(frame(reading(7200 + 30, 77)), minutes(120, 121))
    clock.sleep(60)
    lake.snapshot(store)
    assert all(path.exists() for paths in first.files.values() for path in paths)
    clock.sleep(301)
    last = lake.snapshot(store)
    there = set(lake.folder.rglob("*.parquet"))
    assert not [
        path for path in first.files["gpu_samples_1m"] if path.name.startswith("2026-03-01T12") and path in there
    ]
    assert {path for paths in last.files.values() for path in paths} <= there


def test_what_retention_drops_is_dropped_here(store, lake, clock):
    fill(store, hours=60)
    clock.jump(30 * HOUR)
    before = lake.snapshot(store)
    store.expire(at(3600 * 60), DAY, DAY, 400 * DAY)
    clock.sleep(60)
    after = lake.snapshot(store)
    oldest = scalar(store, "SELECT make_timestamp(min(bucket)::BIGINT * 60000000) FROM rollup_1m")
    assert read(after, "gpu_samples_1m", "SELECT min(bucket_at) AS t")["t"][0] == oldest
    assert after.rows["gpu_samples_1m"] < before.rows["gpu_samples_1m"]
    assert after.rows["gpu_samples_1h"] == before.rows["gpu_samples_1h"]


def test_spans_that_are_over_can_be_written_ahead(store, lake):
    fill(store)
    assert lake.tend(store, most=2) == 2
    assert latest(lake.folder) is None
    ahead = {path.name for path in lake.folder.rglob("*.parquet")}
    while lake.tend(store, most=50):
        pass
    snapshot = lake.snapshot(store)
    assert ahead <= {path.name for paths in snapshot.files.values() for path in paths}
    assert snapshot.rows["gpu_samples_1m"] == scalar(store, "SELECT count(*) FROM rollup_1m")


def test_tending_renews_a_state_that_is_old_for_those_who_cannot_ask(store, lake, clock):
    fill(store)
    first = lake.snapshot(store)
    assert lake.tend(store) == 0
    assert latest(lake.folder).taken_at == first.taken_at
    clock.sleep(601)
    lake.tend(store)
    assert latest(lake.folder).taken_at == clock.now()


def test_progress_is_told(store, lake):
    fill(store)
    told = []
    lake.snapshot(store, lambda done, of: told.append((done, of)))
    assert told[0][0] == 0
    assert [done for done, _ in told] == list(range(told[0][1]))


def test_a_kill_while_writing_leaves_nothing_for_good(store, lake, clock, tmp_path, monkeypatch):
    fill(store)
    kept = lakes.read_samples

    def fails(*args):
        yield from kept(*args)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(lakes, "read_samples", fails)
    with pytest.raises(StoreFullError):
        lake.snapshot(store)
    monkeypatch.undo()
    (lake.folder / "jobs").mkdir(parents=True, exist_ok=True)
    (lake.folder / "jobs" / "all.99.parquet.new").write_bytes(b"half")
    snapshot = Lake(tmp_path / "history", clock).snapshot(store)
    named = {path for paths in snapshot.files.values() for path in paths}
    assert {path for path in lake.folder.rglob("*") if path.is_file() and path.name != "manifest.json"} == named


def test_another_store_in_the_same_place_is_copied_anew(store, lake, tmp_path, clock, new_stores, monkeypatch):
    monkeypatch.setattr(Database, "_create", new_stores.made_anew)
    fill(store)
    lake.snapshot(store)
    with Store(tmp_path / "other.duckdb") as other:
        other.write_rollups(ramp(10), minutes(0, 3))
        assert lake.snapshot(other).rows["gpu_samples_1m"] < 10
        assert Lake(tmp_path / "history", clock).snapshot(other).rows["gpu_samples_1m"] < 10


def test_a_damaged_manifest_is_as_none(store, lake, tmp_path, clock):
    fill(store)
    first = lake.snapshot(store)
    (lake.folder / "manifest.json").write_text("{half")
    assert latest(lake.folder) is None
    assert Lake(tmp_path / "history", clock).snapshot(store).rows == first.rows


def test_an_empty_store_gives_tables_without_files(store, lake):
    snapshot = lake.snapshot(store)
    assert [name for name, paths in snapshot.files.items() if paths] == ["metrics"]
    assert set(snapshot.files) == set(TABLES)


def test_the_demo_has_a_folder_of_its_own(tmp_path):
    assert lake_folder(tmp_path / "watchdog.duckdb").name == "history"
    assert lake_folder(tmp_path / "demo.duckdb").name == "demo-history"


def test_writes_go_on_while_a_state_is_read(store, lake):
    fill(store)
    told = []

    def write_meanwhile(done, of):
        if done == 3:
            store.write_rollups(
                frame(reading(3600 * 30 + 30, 5)), Window(NOON + 30 * HOUR, NOON + 30 * HOUR + HOUR / 60)
            )
            told.append(of)

    before = scalar(store, "SELECT count(*) FROM rollup_1m")
    lake.snapshot(store, write_meanwhile)
    assert told
    assert scalar(store, "SELECT count(*) FROM rollup_1m") == before + 1
