"""Engines on a shelf instead of a database."""

from __future__ import annotations

import pytest

from tests.unit.alerts.stage import Shelf
from watchdog.alerts import engine


@pytest.fixture(autouse=True)
def shelves(monkeypatch):
    """A shelf is its own AlertStore; a real store gets the real one."""
    real = engine.AlertStore
    monkeypatch.setattr(engine, "AlertStore", lambda store: store if isinstance(store, Shelf) else real(store))
