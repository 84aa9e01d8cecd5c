"""Cells answered by the real sandbox: the same words, the same limits, in a process of its own."""

from datetime import timedelta

import pytest

from tests.conftest import NOON
from watchdog.base.clock import FakeClock, SystemClock
from watchdog.model.notebook import Notebook, Parameter, Sql
from watchdog.model.telemetry import Window
from watchdog.services.history import History
from watchdog.services.notebook import editing
from watchdog.services.notebook.outcome import CellState
from watchdog.services.notebook.session import Session
from watchdog.services.sql import SqlService

WINDOW = Window(NOON, NOON + timedelta(hours=1))


@pytest.fixture
def session(tmp_path):
    path = tmp_path / "data" / "watchdog.duckdb"
    history = History(path, FakeClock(NOON))
    service = SqlService(history, path, FakeClock(NOON))
    yield Session(service, None, SystemClock())
    service.close()
    history.close()


def book(*bodies):
    built = Notebook("nb", "t", "ann")
    for body in bodies:
        built = editing.add(built, body)
    return built


def test_cells_are_answered_bound_and_read_each_other(session):
    built = book(
        Parameter("v", value="'; DROP TABLE jobs; --"),
        Sql("SELECT $v AS v, $since AS s, 1.5 AS d"),
        Sql("SELECT v, d, (SELECT count(*) FROM jobs) AS jobs FROM cell_2"),
        Sql("SELECT\n nothing FROM cell_2"),
    )
    session.run_all(built, WINDOW)
    assert [session.outcome(built, each).failure for each in ("c2", "c3")] == [None, None]
    first = session.outcome(built, "c2").frame().iloc[0]
    assert (first["v"], first["s"]) == ("'; DROP TABLE jobs; --", WINDOW.since)
    assert session.outcome(built, "c3").frame().iloc[0].to_list() == ["'; DROP TABLE jobs; --", 1.5, 0]
    assert session.outcome(built, "c4").failure.line == 2


def test_stop_ends_a_question_that_would_not_end(session):
    built = book(Sql("SELECT count(*) FROM range(10000000) a(i), range(10000000) b(j) WHERE hash(i, j) % 7 = 1"))
    session.start(built, WINDOW)
    assert not session.wait(1)
    session.stop()
    assert session.wait(10)
    assert session.state(built, "c1", WINDOW) is CellState.FAILED
    assert session.outcome(built, "c1").failure.kind == "cancelled"
