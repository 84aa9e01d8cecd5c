"""A checkpoint that ended while a block of DuckDB's metadata was half written leaves the state before it."""

from __future__ import annotations

import errno
import logging
import subprocess
import sys
from contextlib import contextmanager

import pytest

from tests.integration.store_writer import ROWS, batch, stored_batches
from watchdog.base.errors import StoreError, StoreFullError
from watchdog.store import connection, torn
from watchdog.store.database import Store

PAGE = 4096
KEPT = [(number, ROWS) for number in range(4)]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """The file and its log right before a checkpoint and right after it, and what was kept for the time between."""
    path = tmp_path_factory.mktemp("images") / "x.duckdb"
    with pytest.MonkeyPatch.context() as patch, Store(path, threads=1) as store:
        patch.setattr(torn, "forget", lambda _: None)
        for number in range(4):
            store.append_samples(batch(number))
            if number == 1:
                store.checkpoint()
        before, log = path.read_bytes(), path.with_name("x.duckdb.wal").read_bytes()
        store.checkpoint()
        return before, log, path.read_bytes(), path.with_name("x.duckdb.blocks").read_bytes()


@pytest.fixture
def put(images, tmp_path):
    """A file as a kill leaves it: everything of the checkpoint but its header, and so many pages of block 0."""
    before, log, after, kept = images

    def made(pages, *, aside=kept, file=before):
        path = tmp_path / "x.duckdb"
        whole = torn.HEADERS_BYTES
        first = after[whole : whole + pages * PAGE] + file[whole + pages * PAGE : whole + torn.BLOCK_BYTES]
        path.write_bytes(file[:whole] + first + file[whole + torn.BLOCK_BYTES :])
        path.with_name("x.duckdb.wal").write_bytes(log)
        if aside is not None:
            path.with_name("x.duckdb.blocks").write_bytes(aside)
        return path

    return made


def batches(path):
    with Store(path, threads=1) as store:
        return stored_batches(store)


@pytest.mark.parametrize("pages", [0, 1, 2, 5, 64])
def test_every_row_is_there_wherever_the_block_was_cut(put, pages):
    path = put(pages)
    assert batches(path) == KEPT
    assert batches(path) == KEPT


def test_without_what_was_kept_the_file_would_be_lost(put):
    with pytest.raises(StoreError, match="Corrupt"):
        batches(put(1, aside=None))


def test_what_was_put_back_is_told(put, caplog):
    with caplog.at_level(logging.WARNING):
        batches(put(1))
    assert "a checkpoint had left blocks (0,) half written" in caplog.text


def test_blocks_of_another_state_are_never_put_back(put, images):
    after = images[2]
    path = put(0, file=after)
    spoilt = bytearray(after)
    spoilt[torn.HEADERS_BYTES + 100] ^= 1
    path.write_bytes(spoilt)
    assert torn.mend(path) == ()
    assert path.read_bytes() == spoilt


def test_a_sound_block_stays_whatever_was_kept(put, images):
    path = put(64)
    found = path.read_bytes()
    assert torn.mend(path) == ()
    assert path.read_bytes() == found


@pytest.mark.parametrize("cut", [0, 3, 100, -1])
def test_a_copy_that_was_not_written_whole_counts_as_none(put, images, cut):
    assert torn.mend(put(1, aside=images[3][:cut])) == ()


HOLD = """
import fcntl, sys
file = open(sys.argv[1], "r+b")
fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_elsewhere(path):
    command = [sys.executable, "-I", "-S", "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield
        process.stdin.close()


def test_a_file_that_another_process_has_open_is_left_to_it(put):
    path = put(1)
    with held_elsewhere(path):
        assert torn.mend(path) == ()
    assert torn.mend(path) == (0,)


def test_keeping_does_not_take_the_lock_from_the_open_file(tmp_path):
    path = tmp_path / "x.duckdb"
    with Store(path, threads=1) as store:
        store.append_samples(batch(0))
        store.checkpoint()
        code = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
        done = subprocess.run([sys.executable, "-I", "-c", code, str(path)], capture_output=True, check=False)
        assert b"BlockingIOError" in done.stderr


def test_a_log_that_has_grown_large_is_folded_in_and_what_was_kept_goes(tmp_path, monkeypatch):
    path = tmp_path / "x.duckdb"
    with Store(path, threads=1) as store:
        store.append_samples(batch(0))
        assert path.with_name("x.duckdb.wal").stat().st_size
        monkeypatch.setattr(connection, "_LOG_BYTES", 0)
        store.append_samples(batch(1))
        log = path.with_name("x.duckdb.wal")
        assert not log.exists() or not log.stat().st_size
    assert [each.name for each in tmp_path.iterdir()] == ["x.duckdb"]
    assert batches(path) == KEPT[:2]


def test_a_log_that_cannot_be_folded_in_for_want_of_space_costs_no_write(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "x.duckdb"
    with Store(path, threads=1) as store:
        monkeypatch.setattr(connection, "_LOG_BYTES", 0)
        with monkeypatch.context() as patch:
            patch.setattr(torn.os, "fsync", full)
            store.append_samples(batch(0))
            with pytest.raises(StoreFullError, match="No space left"):
                store.checkpoint()
        assert sorted(each.name for each in tmp_path.iterdir()) == ["x.duckdb", "x.duckdb.wal"]
        store.append_samples(batch(1))
    assert batches(path) == KEPT[:2]
