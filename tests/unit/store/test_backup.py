"""A backup holds what the store held, and comes back whatever happens in between."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from datetime import timedelta

import duckdb
import pytest

from tests.conftest import NOON
from watchdog.base.errors import StoreError, StoreFullError, StoreLockedError, StoreVersionError
from watchdog.model.audit import AuditEntry
from watchdog.store.audit import AuditStore
from watchdog.store.backup import looked_at, put_back
from watchdog.store.connection import rows
from watchdog.store.database import Store


def entry(number: int) -> AuditEntry:
    return AuditEntry(NOON + timedelta(seconds=number), "ann", True, f"act {number}", "x" * 200)


def acts(path) -> list[str]:
    with Store(path) as store:
        return [each.act for each in AuditStore(store).newest(100_000)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "watchdog.duckdb"


def test_a_copy_of_an_open_store_has_every_row_and_the_store_goes_on(path, tmp_path):
    with Store(path) as store:
        AuditStore(store).add([entry(i) for i in range(3)])
        store.copy_to(tmp_path / "copy.duckdb")
        AuditStore(store).add([entry(3)])

    assert looked_at(tmp_path / "copy.duckdb").rows["audit"] == 3
    assert acts(tmp_path / "copy.duckdb") == ["act 2", "act 1", "act 0"]
    assert len(acts(path)) == 4
    assert [p.name for p in tmp_path.glob("copy*")] == ["copy.duckdb"]


def test_a_copy_is_one_moment_of_the_store_while_others_write_and_read(path, tmp_path):
    stop = threading.Event()
    with Store(path) as store:

        def write():
            number = 0
            while not stop.is_set():
                # Two rows at once: a copy has both or neither.
                AuditStore(store).add([entry(number), entry(number)])
                number += 1

        def read():
            while not stop.is_set():
                AuditStore(store).newest(1000)

        threads = [threading.Thread(target=each) for each in (write, read)]
        for thread in threads:
            thread.start()
        counts = []
        for i in range(4):
            store.copy_to(tmp_path / f"copy{i}.duckdb")
            counts.append(looked_at(tmp_path / f"copy{i}.duckdb").rows["audit"])
        stop.set()
        for thread in threads:
            thread.join()

    assert counts == sorted(counts)
    assert [count % 2 for count in counts] == [0] * 4
    assert counts[-1] > counts[0]


def test_a_reader_that_holds_an_old_moment_takes_nothing_from_the_copy(path, tmp_path):
    with Store(path) as store:
        AuditStore(store).add([entry(0)])
        with store.read() as (cursor, _):
            rows(cursor, "SELECT count(*) FROM audit")
            AuditStore(store).add([entry(1)])
            store.copy_to(tmp_path / "copy.duckdb")
    assert acts(tmp_path / "copy.duckdb") == ["act 1", "act 0"]


def test_a_copy_that_cannot_be_written_leaves_nothing_behind(path, tmp_path):
    with Store(path) as store, pytest.raises(StoreFullError, match="No such file or directory"):
        store.copy_to(tmp_path / "nowhere" / "copy.duckdb")
    assert not list(tmp_path.glob("*copy*"))


def test_after_a_copy_no_other_process_can_open_the_store(path, tmp_path):
    code = "import duckdb, sys; duckdb.connect(sys.argv[1])"
    with Store(path) as store:
        store.copy_to(tmp_path / "copy.duckdb")
        other = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
    assert "Could not set lock" in other.stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A store of three rows and a backup of it that has two."""
    folder = tmp_path_factory.mktemp("made")
    with Store(folder / "watchdog.duckdb") as store:
        AuditStore(store).add([entry(0), entry(1)])
        store.copy_to(folder / "backup.duckdb")
        AuditStore(store).add([entry(2)])
    return folder


@pytest.fixture
def backup(made, path, tmp_path):
    path.parent.mkdir()
    shutil.copyfile(made / "watchdog.duckdb", path)
    shutil.copyfile(made / "backup.duckdb", tmp_path / "backup.duckdb")
    return tmp_path / "backup.duckdb"


def test_a_restored_store_has_the_rows_of_the_backup_and_the_old_one_is_kept(path, backup, tmp_path):
    found = put_back(backup, path, tmp_path / "aside.duckdb")

    assert found == looked_at(path)
    assert acts(path) == ["act 1", "act 0"]
    assert len(acts(tmp_path / "aside.duckdb")) == 3
    assert backup.exists()


def test_a_backup_goes_where_no_store_is_yet(backup, tmp_path):
    put_back(backup, tmp_path / "new" / "watchdog.duckdb", tmp_path / "aside.duckdb")
    assert acts(tmp_path / "new" / "watchdog.duckdb") == ["act 1", "act 0"]
    assert not (tmp_path / "aside.duckdb").exists()


@pytest.mark.parametrize("step", ["copied", "set aside"])
def test_a_restore_that_is_cut_off_leaves_the_old_store_whole_and_can_be_made_again(path, backup, tmp_path, step):
    def cut(at):
        if at == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        put_back(backup, path, tmp_path / "aside.duckdb", checkpoint=cut)
    assert len(acts(path)) == 3
    put_back(backup, path, tmp_path / "aside.duckdb")
    assert acts(path) == ["act 1", "act 0"]


def test_the_log_of_the_old_store_is_never_played_into_the_new_one(path, backup, tmp_path):
    path.with_name("watchdog.duckdb.wal").write_bytes(b"garbage of a process that was killed")
    path.unlink()
    put_back(backup, path, tmp_path / "aside.duckdb")
    assert acts(path) == ["act 1", "act 0"]


def test_a_store_that_an_app_has_open_is_not_replaced(path, backup, tmp_path, monkeypatch):
    def locked(self, *_, **__):
        raise StoreLockedError("another process has it open")

    monkeypatch.setattr(Store, "__init__", locked)
    with pytest.raises(StoreLockedError):
        put_back(backup, path, tmp_path / "aside.duckdb")
    monkeypatch.undo()
    assert len(acts(path)) == 3


def _other(path):
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE x (a INTEGER)")


def _newer(path):
    Store(path).close()
    with duckdb.connect(str(path)) as connection:
        connection.execute("INSERT INTO schema_version VALUES (999)")


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (_other, StoreVersionError),
        (_newer, StoreVersionError),
        (lambda path: path.write_text("not a database, but long enough to have a header of its own"), StoreError),
        (lambda path: path.write_bytes(b""), StoreError),
        (lambda path: path.mkdir(), StoreError),
        (lambda path: None, StoreError),
    ],
)
def test_what_is_no_backup_of_ours_is_refused_and_changes_nothing(path, backup, tmp_path, make, error):
    make(tmp_path / "bad.duckdb")
    with pytest.raises(error):
        put_back(tmp_path / "bad.duckdb", path, tmp_path / "aside.duckdb")
    assert len(acts(path)) == 3


@pytest.mark.parametrize("share", [0.001, 0.5, 0.9])
def test_a_backup_cut_short_is_refused(path, backup, tmp_path, share):
    whole = backup.read_bytes()
    (tmp_path / "cut.duckdb").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(StoreError):
        put_back(tmp_path / "cut.duckdb", path, tmp_path / "aside.duckdb")
    assert len(acts(path)) == 3


def test_a_backup_with_a_flipped_bit_is_refused(path, tmp_path):
    with Store(path) as store:
        AuditStore(store).add([entry(i) for i in range(3)])
        store.copy_to(tmp_path / "backup.duckdb")
    whole = bytearray((tmp_path / "backup.duckdb").read_bytes())
    whole[whole.index(b"act 1")] ^= 1
    (tmp_path / "bad.duckdb").write_bytes(whole)
    with pytest.raises(StoreError):
        put_back(tmp_path / "bad.duckdb", path, tmp_path / "aside.duckdb")
