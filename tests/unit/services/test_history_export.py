"""An export: whole, described, readable by other tools, and never half there."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from tests.conftest import NOON, ROOT
from tests.history_store import SINCE, UNTIL
from watchdog.base.clock import FakeClock
from watchdog.base.errors import ConfigError, StoreError, StoreFullError
from watchdog.cli import main
from watchdog.model.tables import TABLES
from watchdog.model.telemetry import Window
from watchdog.services import export_command, history_export
from watchdog.services.export_command import instant
from watchdog.services.history_export import export_history
from watchdog.store.database import Store
from watchdog.store.lake.lake import Lake

WINDOW = Window(SINCE, UNTIL)


@pytest.fixture(scope="module")
def snapshot(history_store, tmp_path_factory):
    return Lake(tmp_path_factory.mktemp("lake") / "history", FakeClock(NOON)).snapshot(history_store)


@pytest.fixture(scope="module")
def bundle(snapshot, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out") / "bundle"
    return export_history(snapshot, WINDOW, folder)


def count(folder: Path, table: str, where: str = "true") -> int:
    sql = f"SELECT count(*) FROM read_parquet('{folder}/{table}/**/*.parquet', hive_partitioning = true) WHERE {where}"
    return duckdb.sql(sql).fetchall()[0][0]


def test_every_row_of_the_window_is_there(bundle, snapshot):
    assert {name: count(bundle.folder, name) for name in TABLES} == bundle.rows
    # The day's bucket began before the window.
    assert bundle.rows == {**snapshot.rows, "gpu_samples_1d": 0}


def test_tables_with_time_are_cut_by_day(bundle):
    days = sorted(path.name for path in (bundle.folder / "gpu_samples_1m").iterdir())
    assert days == ["day=2026-02-28", "day=2026-03-01"]
    assert count(bundle.folder, "gpu_samples_1m", "day <> bucket_at::DATE") == 0
    assert [path.name for path in (bundle.folder / "gpus").iterdir()] == ["part-0.parquet"]


def test_the_schema_file_describes_every_column_as_it_is(bundle):
    schema = json.loads((bundle.folder / "schema.json").read_text())
    assert (schema["since"], schema["until"]) == ("2026-02-28T22:00:00Z", "2026-03-01T12:00:00Z")
    for name, table in schema["tables"].items():
        found = duckdb.sql(
            f"DESCRIBE FROM read_parquet('{bundle.folder}/{name}/**/*.parquet', hive_partitioning = false)"
        )
        assert [(row[0], row[1]) for row in found.fetchall()] == [(c["name"], c["type"]) for c in table["columns"]]
        assert table["rows"] == bundle.rows[name]


def test_pandas_reads_it_with_its_types(bundle):
    jobs = pd.read_parquet(bundle.folder / "jobs")
    assert len(jobs) == bundle.rows["jobs"]
    assert str(jobs["submitted_at"].dtype).startswith("datetime64")
    hours = pd.read_parquet(bundle.folder / "gpu_samples_1h", filters=[("metric", "==", "power_watts")])
    assert set(hours["metric"]) == {"power_watts"}


@pytest.mark.skipif(importlib.util.find_spec("polars") is None, reason="Polars is not installed")
def test_polars_reads_it(bundle):
    import polars

    lazy = polars.scan_parquet(f"{bundle.folder}/gpu_samples_1m/**/*.parquet", hive_partitioning=True)
    assert lazy.select(polars.len()).collect().item() == bundle.rows["gpu_samples_1m"]


def test_the_readme_names_every_table(bundle):
    text = (bundle.folder / "README.md").read_text()
    assert all(f"`{name}`" in text for name in TABLES)


def test_a_window_takes_instants_in_it_and_what_was_going_on(snapshot, tmp_path, history_store):
    since, until = NOON - timedelta(hours=5), NOON - timedelta(hours=3)
    done = export_history(snapshot, Window(since, until), tmp_path / "x", ["gpu_samples_1m", "jobs", "node_states"])
    naive = [f"TIMESTAMP '{at:%Y-%m-%d %H:%M:%S}'" for at in (since, until)]
    assert set(done.rows) == {"gpu_samples_1m", "jobs", "node_states"}
    assert count(done.folder, "gpu_samples_1m", f"bucket_at < {naive[0]} OR bucket_at >= {naive[1]}") == 0
    with history_store.read() as (cursor, _):
        going_on = cursor.execute(
            "SELECT count(*) FROM jobs WHERE submitted_at < ? AND coalesce(ended_at >= ?, true)", [until, since]
        ).fetchone()[0]
    assert done.rows["jobs"] == going_on
    assert done.rows["node_states"] == 2


def test_progress_is_told_from_nothing_to_all(snapshot, tmp_path):
    told = []
    export_history(snapshot, WINDOW, tmp_path / "x", ["jobs"], lambda done, of: told.append((done, of)))
    assert told[0][0] == 0
    assert told[-1][0] == told[-1][1]


def test_a_folder_that_is_not_empty_is_left_as_it_is(snapshot, tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(ConfigError, match="is not empty"):
        export_history(snapshot, WINDOW, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_place_that_cannot_be_a_folder_is_told(snapshot, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        export_history(snapshot, WINDOW, tmp_path / "file" / "x")


def test_an_unknown_table_is_told_with_those_there_are(snapshot, tmp_path):
    with pytest.raises(ConfigError, match="no table job") as caught:
        export_history(snapshot, WINDOW, tmp_path / "x", ["job"])
    assert "job_gpus" in caught.value.hint
    assert not (tmp_path / "x").exists()


def test_a_window_without_history_leaves_an_empty_folder(snapshot, tmp_path):
    with pytest.raises(StoreError, match="no history between"):
        export_history(snapshot, Window(NOON - timedelta(days=99), NOON - timedelta(days=98)), tmp_path / "x", ["jobs"])
    assert not any((tmp_path / "x").iterdir())


def test_a_full_disk_leaves_an_empty_folder(snapshot, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(history_export, "_describe", full)
    with pytest.raises((StoreFullError, OSError)):
        export_history(snapshot, WINDOW, tmp_path / "x", ["jobs"])
    assert not any((tmp_path / "x").iterdir())


def test_files_that_go_meanwhile_are_no_matter(snapshot, history_store, tmp_path):
    own = Lake(tmp_path / "history", FakeClock(NOON)).snapshot(history_store)

    def removes(done, of):
        for paths in own.files.values():
            for path in paths:
                path.unlink(missing_ok=True)

    done = export_history(own, WINDOW, tmp_path / "x", ["gpu_samples_1h", "jobs"], removes)
    assert done.rows["jobs"] == own.rows["jobs"]
    assert not list((tmp_path / "history").glob("export-*"))


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("2026-02-01", datetime(2026, 2, 1, tzinfo=UTC)),
        ("2026-02-01T12:30", datetime(2026, 2, 1, 12, 30, tzinfo=UTC)),
        ("2026-02-01T12:30+02:00", datetime(2026, 2, 1, 10, 30, tzinfo=UTC)),
        ("7d", NOON - timedelta(days=7)),
        ("36h", NOON - timedelta(hours=36)),
        ("now", NOON),
    ],
)
def test_instants_are_read_as_people_write_them(text, want):
    assert instant(text, NOON, "--since") == want


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "", "-7d", "1e9d", "123456d", "2026-02-30"])
def test_a_bad_instant_is_told_by_its_option(text):
    with pytest.raises(ConfigError, match="--since"):
        instant(text, NOON, "--since")


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A data folder with a small store in it."""
    from tests.unit.store.readings import minutes, ramp

    monkeypatch.setenv("WATCHDOG_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "data" / "watchdog.duckdb"
    with Store(path) as store:
        store.write_rollups(ramp(40), minutes(0, 10))
    return path


def test_the_command_writes_a_bundle_and_says_what_is_in_it(served, tmp_path, capsys):
    assert main(["export", "--since", "2026-03-01", "--until", "2026-03-02", "--to", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "gpu_samples_1m               10 rows" in said
    assert (tmp_path / "out" / "schema.json").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--since", "gestern"], 2, "--since 'gestern' is no instant"),
        (["--since", "2026-03-02", "--until", "2026-03-01"], 2, "is not before"),
        (["--since", "2026-03-01", "--until", "2026-03-02", "--tables", "nope"], 2, "there is no table nope"),
        (["--since", "2020-01-01", "--until", "2020-02-01"], 3, "there is no history between"),
        (["--since", "2026-03-01", "--demo"], 2, "there is no history in"),
    ],
)
def test_the_command_refuses_in_words(served, tmp_path, capsys, words, code, said):
    assert main(["export", *words, "--to", str(tmp_path / "out")]) == code
    assert said in capsys.readouterr().err


HOLD = """
import sys
from watchdog.store.database import Store
store = Store(__import__("pathlib").Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def server(served):
    """Another process that has the store open."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(served)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        process.stdout.readline()
        yield process
        process.kill()


def test_beside_a_running_server_its_copy_is_exported(served, tmp_path, capsys, request):
    folder = export_command.lake_folder(served)
    with Store(served) as store:
        Lake(folder, FakeClock(NOON + timedelta(minutes=11))).snapshot(store)
    request.getfixturevalue("server")
    assert main(["export", "--since", "2026-03-01", "--until", "2026-03-02", "--to", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "History is as of 2026-03-01 12:11:00 UTC" in said
    assert count(tmp_path / "out", "gpu_samples_1m") == 10


def test_beside_a_server_without_a_copy_it_says_what_to_do(server, tmp_path, capsys):
    assert main(["export", "--since", "2026-03-01", "--to", str(tmp_path / "out")]) == 3
    said = capsys.readouterr().err
    assert f"process {server.pid}" in said
    assert "try again" in said
