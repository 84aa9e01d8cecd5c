"""Exports in the background: watched, cancelled, and failed in words, with nothing left behind."""

from __future__ import annotations

import threading
import zipfile
from datetime import timedelta

import pytest

from tests.conftest import NOON
from tests.history_store import SINCE, UNTIL
from watchdog.base.clock import FakeClock
from watchdog.base.errors import StoreError
from watchdog.model.telemetry import Window
from watchdog.services import exporting
from watchdog.services.exporting import Exports, ExportState
from watchdog.store.lake.lake import Lake

WINDOW = Window(SINCE, UNTIL)


@pytest.fixture(scope="module")
def snapshot(history_store, tmp_path_factory):
    return Lake(tmp_path_factory.mktemp("lake") / "history", FakeClock(NOON)).snapshot(history_store)


@pytest.fixture
def clock():
    return FakeClock(NOON)


def ended(exports):
    assert exports.wait(20)
    return exports.current


def test_a_bundle_is_a_folder_and_one_file_to_download(snapshot, tmp_path, clock):
    exports = Exports(lambda: snapshot, tmp_path / "out", clock)
    exports.start(WINDOW, ["jobs", "gpus"], "ann")
    found = ended(exports)
    assert (found.state, found.by, {*found.rows}) == (ExportState.DONE, "ann", {"jobs", "gpus"})
    assert found.done == found.of > 0
    assert (found.folder / "schema.json").is_file()
    names = zipfile.ZipFile(found.archive).namelist()
    assert {"README.md", "schema.json"} <= {*names}
    exports.dismiss()
    assert exports.current is None
    assert found.folder.is_dir()


def test_a_bundle_too_large_for_a_browser_stays_a_folder(snapshot, tmp_path, clock, monkeypatch):
    monkeypatch.setattr(exporting, "MOST_DOWNLOAD_BYTES", 10)
    exports = Exports(lambda: snapshot, tmp_path / "out", clock)
    exports.start(WINDOW, ["jobs"], "ann")
    assert ended(exports).archive is None
    assert [path.suffix for path in (tmp_path / "out").iterdir()] == [""]


def test_cancelling_leaves_nothing_and_two_do_not_run_at_once(snapshot, tmp_path, clock):
    go_on = threading.Event()

    def waiting():
        assert go_on.wait(10)
        return snapshot

    exports = Exports(waiting, tmp_path / "out", clock)
    exports.start(WINDOW, [], "ann")
    with pytest.raises(StoreError, match="ann is exporting already"):
        exports.start(WINDOW, [], "bo")
    exports.dismiss()
    assert exports.current.state is ExportState.RUNNING
    exports.cancel()
    go_on.set()
    assert ended(exports).state is ExportState.CANCELLED
    assert not [*(tmp_path / "out").glob("*")]


@pytest.mark.parametrize("where", ["empty", "unreadable"])
def test_a_failure_is_told_and_leaves_nothing(snapshot, tmp_path, clock, where):
    def broken():
        raise StoreError("the disk is gone", hint="Bring it back.")

    exports = Exports(broken if where == "unreadable" else lambda: snapshot, tmp_path / "out", clock)
    exports.start(Window(NOON + timedelta(days=900), NOON + timedelta(days=901)), ["gpu_samples_1m"], "ann")
    found = ended(exports)
    assert found.state is ExportState.FAILED
    assert ("the disk is gone" if where == "unreadable" else "there is no history") in str(found.error)
    assert not [*(tmp_path / "out").glob("*")]


def test_old_bundles_make_room(snapshot, tmp_path, clock):
    exports = Exports(lambda: snapshot, tmp_path, clock)
    for _ in range(exporting.MOST_KEPT + 2):
        exports.start(WINDOW, ["gpus"], "ann")
        newest = ended(exports)
        clock.sleep(60)
    kept = sorted(tmp_path.iterdir())
    assert len(kept) == 2 * exporting.MOST_KEPT
    assert newest.folder in kept


def test_another_one_may_begin_only_once_what_failed_is_gone(snapshot, tmp_path, clock, monkeypatch):
    seen = []
    monkeypatch.setattr(exporting, "_remove", lambda _: seen.append(exports.current.state))

    def broken():
        raise StoreError("the disk is gone")

    exports = Exports(broken, tmp_path / "out", clock)
    exports.start(WINDOW, [], "ann")
    assert ended(exports).state is ExportState.FAILED
    assert seen == [ExportState.RUNNING]
