"""kill -9 while backups are made: whatever bears a backup's name is whole, and the store lost nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT
from watchdog.store.backup import looked_at
from watchdog.store.database import Store

pytestmark = pytest.mark.integration


def test_every_backup_is_whole_however_often_the_app_is_killed(tmp_path):
    path, folder = tmp_path / "watchdog.duckdb", tmp_path / "backups"
    folder.mkdir()
    maker = [sys.executable, str(Path(__file__).with_name("backup_maker.py")), str(path), str(folder)]
    told = 0
    for milliseconds in (5, 60, 130):
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        with subprocess.Popen(maker, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT, env=env) as process:
            process.stdout.readline()
            time.sleep(milliseconds / 1000)
            process.kill()
            told += 1 + len(process.stdout.readlines())

    backups = [*folder.glob("*.duckdb")]
    assert len(backups) >= told >= 3
    for each in backups:
        assert looked_at(each).rows["audit"] % 100 == 0
    Store(path).close()
    assert looked_at(path).rows["audit"] >= 100 * told
