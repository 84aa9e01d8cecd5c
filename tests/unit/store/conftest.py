"""A store in a fresh folder."""

from __future__ import annotations

import pytest

from watchdog.store.database import Store


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "watchdog.duckdb"


@pytest.fixture
def store(path):
    with Store(path, threads=2) as opened:
        yield opened
