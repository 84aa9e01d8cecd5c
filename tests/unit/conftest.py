"""Fixtures of several folders."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def history_store(tmp_path_factory):
    """A store with half a day of history: made once, never written by tests."""
    from tests.history_store import fill

    store = fill(tmp_path_factory.mktemp("history") / "watchdog.duckdb")
    yield store
    store.close()
