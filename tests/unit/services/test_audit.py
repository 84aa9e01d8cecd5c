"""Every change is kept, whatever becomes of the store."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from tests.conftest import NOON
from watchdog.base.clock import FakeClock
from watchdog.base.errors import StoreError, StoreFullError
from watchdog.model.audit import AuditEntry
from watchdog.model.people import Person, Role
from watchdog.services.audit import LONGEST, Audit
from watchdog.services.history import History
from watchdog.store.audit import AuditStore

ANN = Person("ann", Role.OPERATOR, signed_in=True)


@pytest.fixture
def history(tmp_path):
    kept = History(tmp_path / "watchdog.duckdb", FakeClock(NOON))
    yield kept
    kept.close()


def test_changes_come_back_newest_first(history):
    clock = FakeClock(NOON)
    audit = Audit(history, clock)
    audit.record(ANN, "acknowledge", "incident 1", "on my way")
    audit.record(Person("bo", Role.ADMIN, signed_in=False), "save rule", "rule hot")
    clock.sleep(60)
    audit.record(ANN, "note", "incident 1")

    assert [each.act for each in audit.newest()] == ["note", "save rule", "acknowledge"]
    assert audit.newest()[2] == AuditEntry(NOON, "ann", True, "acknowledge", "incident 1", "on my way")
    assert audit.newest(1)[0].at == NOON + timedelta(minutes=1)


def test_what_the_store_refuses_waits_and_is_kept_later_once(history, monkeypatch, caplog):
    audit = Audit(history, FakeClock(NOON))
    add = AuditStore.add

    def full(*_):
        raise StoreFullError("the disk is full")

    monkeypatch.setattr(AuditStore, "add", full)
    with caplog.at_level(logging.INFO):
        audit.record(ANN, "acknowledge", "incident 1")
    assert "audit: 'acknowledge' by 'ann'" in caplog.text
    assert len(audit.newest()) == 1
    monkeypatch.setattr(AuditStore, "add", add)
    audit.record(ANN, "note", "incident 1")

    assert [each.act for each in audit.newest()] == ["note", "acknowledge"]
    assert len(AuditStore(history.store()).newest(10)) == 2


def test_a_log_that_cannot_be_read_is_an_error_and_never_an_empty_one(tmp_path):
    (tmp_path / "watchdog.duckdb").write_text("not a database")
    with pytest.raises(StoreError):
        Audit(History(tmp_path / "watchdog.duckdb", FakeClock(NOON)), FakeClock(NOON)).newest()


def test_hostile_words_are_kept_as_they_are_within_bounds(history):
    audit = Audit(history, FakeClock(NOON))
    evil = "'); DROP TABLE audit; --\n<script>"
    audit.record(Person(evil, Role.VIEWER, signed_in=True), evil, "x" * 10_000, "\ud800")

    (entry,) = audit.newest()
    assert (entry.by, entry.act, len(entry.subject), entry.details) == (evil, evil, LONGEST, "?")


def test_a_line_of_the_log_cannot_be_forged_by_a_line_break(history, caplog):
    with caplog.at_level(logging.INFO):
        Audit(history, FakeClock(NOON)).record(ANN, "note", "x\nINFO audit: 'delete rule' by 'bo'")
    assert "\n" not in caplog.records[-1].getMessage()
