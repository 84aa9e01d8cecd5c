"""Opening a file: ours, new, foreign, newer, locked."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest

from tests.conftest import ROOT
from tests.unit.store.readings import GAUGE, at, frame, minutes, ramp, reading, rollups, scalar
from watchdog.base.errors import StoreError, StoreFullError, StoreLockedError, StoreVersionError
from watchdog.model.frames import SAMPLES, concat
from watchdog.model.telemetry import Window
from watchdog.store.connection import rows
from watchdog.store.database import Store
from watchdog.store.schema import MIGRATIONS, migrate


def test_a_new_store_makes_its_folder_and_is_empty(path):
    with Store(path) as store:
        assert store.watermark() is None
        assert store.gpus(at(0)).empty
        assert store.scrapes() == ()
        assert [table.rows for table in store.stats().tables] == [0, 0, 0, 0]
    assert os.listdir(path.parent) == [path.name]


def test_a_closed_store_opens_as_it_was(path):
    with Store(path) as store:
        store.append_samples(ramp(8, index=3))
        store.roll_up(minutes(0, 2))
        before = rollups(store)
    with Store(path) as store:
        assert rollups(store).equals(before)
        store.append_samples(ramp(8, start=120, index=3))
        assert scalar(store, "SELECT count(*) FROM series") == 1
        got = store.gpus(at(0)).iloc[0]
    assert (got["node"], got["gpu_index"], got["gpu_model"]) == ("n1", 3, "H100")
    assert (got["first_seen_at"], got["last_seen_at"]) == (at(0), at(225))


@pytest.mark.parametrize("content", [b"hi", b"SQLite format 3\0" * 1000, b"\0" * 20000])
def test_a_file_of_another_kind_is_refused_and_left_alone(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(StoreVersionError, match="not a DuckDB file"):
        Store(path)
    assert path.read_bytes() == content


def test_an_empty_file_left_by_a_crash_is_a_new_store(path):
    path.parent.mkdir()
    path.touch()
    with Store(path) as store:
        assert store.stats().series == 0


def test_a_duckdb_file_of_another_program_is_refused(path):
    path.parent.mkdir()
    with duckdb.connect(str(path)) as other:
        other.execute("CREATE TABLE theirs (x INTEGER)").fetchall()
    with pytest.raises(StoreVersionError, match="another program"):
        Store(path)


def test_a_file_of_a_newer_program_is_refused_with_both_versions(path):
    with Store(path) as store:
        newer = len(MIGRATIONS) + 1
        with store._database.write() as cursor:
            rows(cursor, "INSERT INTO schema_version VALUES (?)", [newer])
    with pytest.raises(StoreVersionError, match=f"version {newer}, this program knows {newer - 1}") as caught:
        Store(path)
    assert "newer GPU Watchdog" in caught.value.hint


def test_migrations_go_forward_one_by_one_and_a_failing_one_leaves_the_file_as_it_was(tmp_path):
    file = tmp_path / "x.duckdb"
    second = ("CREATE TABLE more (x INTEGER)",)
    broken = ("CREATE TABLE even_more (x INTEGER)", "nonsense")
    with duckdb.connect(str(file)) as connection:
        migrate(connection, file)
        migrate(connection, file, (*MIGRATIONS, second))
        migrate(connection, file, (*MIGRATIONS, second))
        with pytest.raises(duckdb.Error):
            migrate(connection, file, (*MIGRATIONS, second, broken))
        rows(connection, "ROLLBACK")
        tables = {name for (name,) in rows(connection, "SELECT table_name FROM duckdb_tables()")}
        assert rows(connection, "SELECT version FROM schema_version ORDER BY 1") == [
            (n + 1,) for n in range(len(MIGRATIONS) + 1)
        ]
    assert "more" in tables
    assert "even_more" not in tables


def test_a_file_open_in_another_process_is_refused_with_its_number(path):
    code = f"import sys; from pathlib import Path; from watchdog.store.database import Store; kept = Store(Path({str(path)!r}))"
    code += "; print('open', flush=True); sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as holder:
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(StoreLockedError, match=f"process {holder.pid} ") as caught:
            Store(path)
        assert "WATCHDOG_DATA_DIR" in caught.value.hint
        holder.communicate("")
    Store(path).close()


def test_a_folder_in_the_place_of_the_file_or_a_file_in_the_place_of_the_folder_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "x.duckdb"):
        with pytest.raises(StoreError):
            Store(path)


def test_a_closed_store_says_so(path):
    store = Store(path)
    store.close()
    with pytest.raises(StoreError):
        store.scrapes()


def test_a_write_that_fails_leaves_nothing_behind(store, monkeypatch):
    def fail(cursor):
        raise duckdb.IOException("IO Error: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("watchdog.store.samples.insert_samples", fail)
        with pytest.raises(StoreError):
            store.append_samples(ramp(4))
    assert store.stats().series == 0
    store.append_samples(ramp(4))
    assert scalar(store, "SELECT count(*) FROM series") == 1


def test_an_error_after_the_commit_doubles_neither_series_nor_readings(store, monkeypatch):
    def commit_then_fail(cursor, sql, values=()):
        got = rows(cursor, sql, values)
        if sql == "COMMIT":
            raise duckdb.FatalException("FATAL Error: Failed to create checkpoint: No space left on device")
        return got

    with monkeypatch.context() as patch:
        patch.setattr("watchdog.store.connection.rows", commit_then_fail)
        with pytest.raises(StoreFullError):
            store.append_samples(ramp(4))
    store.append_samples(concat(SAMPLES, [ramp(5), ramp(5, gpu="GPU-b")]))
    assert scalar(store, "SELECT count(*) FROM series") == 2
    assert scalar(store, "SELECT count(*) FROM samples") == 10


def test_sql_from_outside_cannot_reach_files(store):
    with pytest.raises(StoreError), store.read() as (cursor, _):
        cursor.execute(f"SELECT * FROM read_text('{Path(__file__)}')").fetchall()


def test_hostile_words_come_back_as_they_were(store):
    words = ["'; DROP TABLE series; --", "emoji 🔥\n\"quoted\" 'and' more", "x" * 10_000, "<b>bold</b> **md** $1 {}"]
    store.append_samples(frame(*(reading(i, i, gpu=f"{word}{i}", node=word) for i, word in enumerate(words))))
    assert {*store.gpus(at(0))["node"]} == {*words}
    assert scalar(store, "SELECT count(*) FROM series") == len(words)


def test_threads_read_true_answers_while_others_write(store):
    wrong, stop = [], threading.Event()

    def read(gpu):
        while not stop.is_set():
            with store.read() as (cursor, series):
                ids = series.ids_of([GAUGE], gpus=[gpu])
                got = (
                    rows(cursor, "SELECT DISTINCT value FROM samples WHERE series_id = ?", [int(ids[0])])
                    if len(ids)
                    else []
                )
            wrong.extend(v for (v,) in got if f"{v:.0f}" != gpu)

    readers = [threading.Thread(target=read, args=(str(n),)) for n in range(6)]
    for thread in readers:
        thread.start()
    for second in range(32):
        store.append_samples(frame(*(reading(second * 15, n, gpu=str(n)) for n in range(6))))
        if second % 8 == 7:
            window = store.pending(at(second * 15))
            store.roll_up(window or Window(at(0), at(60)))
            store.compact()
    stop.set()
    for thread in readers:
        thread.join()
    assert wrong == []
    assert scalar(store, "SELECT count(*) FROM samples") == 192
