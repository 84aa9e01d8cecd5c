"""The store is opened once, however many ask for it at the same moment."""

import threading
import time

import pytest

from tests.conftest import NOON
from watchdog.base.clock import FakeClock
from watchdog.base.errors import StoreError
from watchdog.services import history as module
from watchdog.services.history import History


def test_who_asks_while_it_is_opened_waits_for_it(tmp_path, monkeypatch):
    real, opening = module.Store, threading.Event()

    def slow(path):
        opening.set()
        time.sleep(0.2)
        return real(path)

    monkeypatch.setattr(module, "Store", slow)
    kept = History(tmp_path / "x.duckdb", FakeClock(NOON))
    first = threading.Thread(target=kept.store)
    first.start()
    assert opening.wait(5)
    try:
        assert kept.store() is kept.store()
    finally:
        first.join()
        kept.close()


def test_a_store_that_refuses_is_not_tried_again_at_once(tmp_path, monkeypatch):
    tried = []

    def refuse(path):
        tried.append(path)
        raise StoreError("locked")

    monkeypatch.setattr(module, "Store", refuse)
    clock = FakeClock(NOON)
    kept = History(tmp_path / "x.duckdb", clock)
    for _ in range(3):
        with pytest.raises(StoreError, match="locked"):
            kept.store()
    assert len(tried) == 1
    clock.sleep(16)
    with pytest.raises(StoreError, match="locked"):
        kept.store()
    assert len(tried) == 2
