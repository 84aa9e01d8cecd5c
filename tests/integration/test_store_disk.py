"""A full or read-only disk is one clear error, and no committed row is lost; writing goes on once there is space."""

from __future__ import annotations

import multiprocessing
import shutil
import subprocess
from contextlib import contextmanager

import pytest

from tests.integration.store_writer import batch, fill_and_recover, stored_batches
from watchdog.base.errors import StoreFullError
from watchdog.store.database import Store

pytestmark = pytest.mark.integration


def test_a_full_disk_refuses_clearly_and_recovers_with_everything_committed(tmp_path):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(fill_and_recover, (tmp_path / "x.duckdb",)) == ""


@contextmanager
def _small_disk(folder, size):
    folder.mkdir()
    if shutil.which("mount") is None or not _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder):
        pytest.skip("needs the right to mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def _mount(*words):
    return subprocess.run(["mount", *map(str, words)], capture_output=True, check=False).returncode == 0


def _write_until_refused(store):
    number = 0
    while True:
        try:
            store.append_samples(batch(number))
        except StoreFullError as error:
            return number, error
        number += 1


def test_a_disk_without_space_refuses_clearly_and_recovers(tmp_path):
    with _small_disk(tmp_path / "disk", "1500k") as disk, Store(disk / "x.duckdb", threads=1) as store:
        written, refusal = _write_until_refused(store)
        assert "No space left" in str(refusal)
        with pytest.raises(StoreFullError):
            store.checkpoint()
        assert len(stored_batches(store)) == written
        assert _mount("-o", "remount,size=50m", disk)
        store.append_samples(batch(written))
        store.checkpoint()
        assert len(stored_batches(store)) == written + 1


def test_a_read_only_disk_refuses_clearly_and_opens_once_it_is_writable(tmp_path):
    with _small_disk(tmp_path / "disk", "20m") as disk:
        with Store(disk / "x.duckdb", threads=1) as store:
            store.append_samples(batch(0))
        assert _mount("-o", "remount,ro", disk)
        for name in ("x.duckdb", "new.duckdb", "folder/new.duckdb"):
            with pytest.raises(StoreFullError, match="Read-only") as caught:
                Store(disk / name)
            assert "writable" in caught.value.hint
        assert _mount("-o", "remount,rw", disk)
        with Store(disk / "x.duckdb", threads=1) as store:
            assert len(stored_batches(store)) == 1
