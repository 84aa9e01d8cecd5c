"""Running cells: what is bound, what is stale, what fails and what lives on."""

import threading
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import NOON
from tests.unit.services.notebook.runners import Prom, Runner
from watchdog.base.clock import FakeClock
from watchdog.base.errors import NotebookError
from watchdog.model.notebook import Chart, Markdown, Notebook, Parameter, PromMode, PromQl, Sql
from watchdog.model.telemetry import Window
from watchdog.services.notebook import editing
from watchdog.services.notebook.outcome import CellState
from watchdog.services.notebook.session import MOST_BYTES, Session
from watchdog.services.notebook.sessions import MOST_TOTAL_BYTES, Sessions

WINDOW = Window(NOON, NOON + timedelta(hours=1))
LATER = Window(NOON + timedelta(hours=1), NOON + timedelta(hours=2))


def book(*bodies):
    built = Notebook("nb", "t", "ann")
    for body in bodies:
        built = editing.add(built, body)
    return built


def session(prom=None, **more):
    return Session(Runner(), prom, FakeClock(NOON), **more)


def states(one, built, window=WINDOW):
    return [state.name for state in one.states(built, window).values()]


def test_a_cell_reads_an_earlier_cells_answer_by_its_name():
    built, one = book(Sql("SELECT 20 AS x"), Sql("SELECT x + 1 AS y FROM cell_1")), session()
    one.run_all(built, WINDOW)
    assert one.outcome(built, "c2").frame()["y"].to_list() == [21]
    assert states(one, built) == ["FRESH", "FRESH"]


def test_running_one_cell_runs_what_it_needs_and_nothing_else():
    built, one = book(Sql("SELECT 1 AS x"), Sql("SELECT 2"), Sql("FROM cell_1"), Chart(of="cell_3")), session()
    one.run(built, "c4", WINDOW)
    assert states(one, built) == ["FRESH", "NEVER", "FRESH", "FRESH"]
    assert one.outcome(built, "c4").rows == 1
    one.run(built, "c3", WINDOW)
    assert [sql for sql, _, _ in one._answering.runner.asked] == ["SELECT 1 AS x", "FROM cell_1", "FROM cell_1"]


def test_an_edit_makes_stale_what_reads_it_and_nothing_else():
    built, one = book(Sql("SELECT 1 AS x"), Sql("FROM cell_1"), Sql("SELECT 3"), Chart(of="cell_2")), session()
    one.run_all(built, WINDOW)
    changed = editing.edit(built, "c1", Sql("SELECT 2 AS x"))
    assert states(one, changed) == ["STALE", "STALE", "FRESH", "STALE"]
    assert states(one, built) == ["FRESH", "FRESH", "FRESH", "FRESH"]
    one.run(changed, "c1", WINDOW)
    assert states(one, changed) == ["FRESH", "STALE", "FRESH", "STALE"]


def test_a_cell_that_ran_again_to_the_same_answer_makes_nothing_stale():
    built, one = book(Sql("SELECT 1 AS x"), Sql("FROM cell_1")), session()
    one.run_all(built, WINDOW)
    one.run(built, "c1", WINDOW)
    assert states(one, built) == ["FRESH", "FRESH"]


def test_another_window_makes_stale_what_names_it():
    built, one = book(Sql("SELECT $since AS s, $until AS u"), Sql("SELECT 1"), Sql("FROM cell_1")), session()
    one.run_all(built, WINDOW)
    assert states(one, built, LATER) == ["STALE", "FRESH", "STALE"]
    row = one.outcome(built, "c1").frame().iloc[0]
    assert (row["s"], row["u"]) == (WINDOW.since, WINDOW.until)


def test_another_value_of_a_parameter_makes_stale_what_names_it():
    built, one = book(Parameter("node", value="n1"), Sql("SELECT $node AS n"), Sql("SELECT 1")), session()
    one.run_all(built, WINDOW)
    changed = editing.edit(built, "c1", Parameter("node", value="n2"))
    assert states(one, changed) == ["FRESH", "STALE", "FRESH"]
    assert one.run(changed, "c2", WINDOW).frame()["n"].to_list() == ["n2"]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80))
def test_a_value_is_bound_and_comes_back_whatever_it_is(value):
    if "\0" in value:
        return
    built, one = book(Parameter("v", value=value), Sql("SELECT $v AS v, 1 AS one")), session()
    outcome = one.run(built, "c2", WINDOW)
    assert outcome.failure is None
    assert outcome.frame()["v"].to_list() == [value]
    assert one._answering.runner.asked == [("SELECT $v AS v, 1 AS one", {"v": value}, [])]


@pytest.mark.parametrize("value", ["'; DROP TABLE t; --", "$since", "x' OR '1'='1", '"', "\\", "{{7*7}}", "%(a)s"])
def test_hostile_values_stay_values(value):
    built, one = (
        book(Parameter("v", value=value), Sql("SELECT count(*) AS n FROM (SELECT 'n1' AS x) WHERE x = $v")),
        session(),
    )
    assert one.run(built, "c2", WINDOW).frame()["n"].to_list() == [0]


def test_numbers_and_instants_keep_their_types():
    built = book(Parameter("n", "number", "2.5"), Sql("SELECT typeof($n) AS n, typeof($since) AS s"))
    row = session().run(built, "c2", WINDOW).frame().iloc[0]
    assert (row["n"], row["s"]) == ("DOUBLE", "TIMESTAMP WITH TIME ZONE")


def test_a_failed_cell_keeps_its_error_with_the_line_and_the_rest_lives():
    built, one = book(Sql("SELECT\n nothing"), Sql("FROM cell_1"), Sql("SELECT 3 AS x")), session()
    one.run_all(built, WINDOW)
    failure = one.outcome(built, "c1").failure
    assert "nothing" in failure.message
    assert (failure.line, failure.column) == (2, 3)
    assert "cell_1, which this reads, has no answer" in one.outcome(built, "c2").failure.message
    assert states(one, built) == ["FAILED", "FAILED", "FRESH"]


@pytest.mark.parametrize(
    ("bodies", "word"),
    [
        ([Sql("FROM cell_2"), Sql("SELECT 1")], "cell_2 comes later"),
        ([Sql("SELECT $who")], r"no value for \$who"),
        ([Markdown("x"), Sql("FROM cell_1")], "cell_1 has no rows to read: it is a markdown cell"),
        ([Sql("  ")], "there is no question yet"),
        ([PromQl("up")], "no Prometheus is configured"),
    ],
)
def test_what_cannot_be_asked_says_why(bodies, word):
    built, one = book(*bodies), session()
    one.run_all(built, WINDOW)
    failures = [one.outcome(built, cell.cell_id) for cell in built.cells]
    with pytest.raises(AssertionError, match=word):
        raise AssertionError([each.failure.message for each in failures if each and each.failure])


def test_promql_is_asked_over_the_window_or_at_its_end_and_its_answer_can_be_read():
    prom = Prom()
    one = session(prom)
    built = book(
        Parameter("node", value='n"1'),
        PromQl("up{node=$node}", step_seconds=30),
        PromQl("up", mode=PromMode.INSTANT),
        Sql("SELECT a.value + b.value AS v FROM cell_2 a, cell_3 b"),
    )
    one.run_all(built, WINDOW)
    assert prom.asked == [('up{node="n\\"1"}', timedelta(seconds=30)), ("up", WINDOW.until)]
    assert one.outcome(built, "c4").frame()["v"].to_list() == [3.0]
    assert one.outcome(built, "c3").notes == ("partial",)
    assert states(one, built, LATER) == ["FRESH", "STALE", "STALE", "STALE"]


def test_what_is_asked_for_during_a_run_comes_after_it_as_it_was_when_asked_for():
    built, one = book(Sql("SELECT wait_for_stop"), Sql("SELECT 1 AS x"), Sql("SELECT 3 AS x")), session()
    one.start(built, WINDOW, "c1")
    assert one._answering.runner.waiting.wait(10)
    one.start(built, WINDOW, "c2")
    changed = editing.edit(built, "c2", Sql("SELECT 2 AS x"))
    one.start(changed, WINDOW, "c2")
    one.start(changed, WINDOW, "c3")
    assert states(one, changed) == ["RUNNING", "WAITING", "WAITING"]
    one._run.task.cancel()
    assert one.wait(10)
    assert [one.outcome(changed, cell_id).frame()["x"].to_list() for cell_id in ("c2", "c3")] == [[2], [3]]
    assert len(one._answering.runner.asked) == 3


def test_stop_ends_what_runs_and_what_waits_and_the_next_run_works():
    built, one = book(Sql("SELECT 1"), Sql("SELECT wait_for_stop"), Sql("SELECT 3")), session()
    one.start(built, WINDOW)
    assert one._answering.runner.waiting.wait(10)
    assert states(one, built) == ["FRESH", "RUNNING", "WAITING"]
    with pytest.raises(NotebookError, match="running already"):
        one.run(built, "c1", WINDOW)
    one.stop()
    assert one.wait(10)
    assert states(one, built) == ["FRESH", "FAILED", "NEVER"]
    assert one.outcome(built, "c2").failure.kind == "cancelled"
    one.run(built, "c3", WINDOW)
    assert states(one, built)[2] == "FRESH"


def test_answers_beyond_the_limit_are_dropped_the_oldest_first_and_said_to_be():
    big = "SELECT i, repeat('x', 100) AS t FROM range(1000) r(i)"
    built, one = (
        book(Sql(big), Sql(big + " ORDER BY i"), Sql("SELECT count(*) AS n FROM cell_1")),
        session(most_bytes=200_000),
    )
    one.run(built, "c1", WINDOW)
    one.run(built, "c2", WINDOW)
    assert states(one, built) == ["FORGOTTEN", "FRESH", "NEVER"]
    assert one.size() <= 200_000
    assert one.run(built, "c3", WINDOW).frame()["n"].to_list() == [1000]


def test_a_cut_answer_says_so():
    one = session()
    one._answering.runner.cut = "cut at 1,000,000 rows"
    assert one.run(book(Sql("SELECT 1")), "c1", WINDOW).notes == ("cut at 1,000,000 rows",)


def test_whole_numbers_with_gaps_stay_whole_and_days_are_instants():
    frame = (
        session()
        .run(book(Sql("SELECT * FROM (VALUES (1, DATE '2026-01-01'), (NULL, NULL)) t(n, d)")), "c1", WINDOW)
        .frame()
    )
    assert str(frame["n"].dtype) == "Int64"
    assert frame["d"].dtype.kind == "M"


def test_a_deleted_cell_that_comes_back_has_its_answer_still():
    built, one = book(Sql("SELECT 1")), session()
    one.run_all(built, WINDOW)
    without, deleted = editing.delete(built, "c1")
    assert states(one, without) == []
    assert states(one, editing.restore(without, deleted)) == ["FRESH"]


def test_the_session_used_longest_ago_gives_way():
    sessions = Sessions(lambda kept: session(kept=kept), most=2)
    first = sessions.get("a", "nb")
    sessions.get("b", "nb")
    assert sessions.get("a", "nb") is first
    sessions.get("c", "nb")
    assert sessions.get("a", "nb") is first
    assert sessions.get("b", "nb") is not first


def test_all_sessions_together_hold_no_more_than_they_may_and_the_one_used_longest_ago_drops_its_answers():
    sessions = Sessions(lambda kept: session(kept=kept), most_bytes=20_000)
    built = book(Sql("SELECT range AS x FROM range(1000)"), Sql("SELECT range AS x FROM range(200)"))
    for browser in ("a", "b", "c"):
        sessions.get(browser, "nb").run_all(built, WINDOW)
        assert sessions.size() <= 20_000

    assert states(sessions.get("a", "nb"), built) == ["FORGOTTEN", "FORGOTTEN"]
    assert states(sessions.get("b", "nb"), built) == ["FRESH", "FRESH"]
    assert states(sessions.get("c", "nb"), built) == ["FRESH", "FRESH"]


def test_a_gibibyte_is_enough_for_all_sessions():
    assert MOST_TOTAL_BYTES <= 1 << 30
    assert MOST_BYTES <= MOST_TOTAL_BYTES


def test_many_threads_may_look_while_cells_run():
    built, one = book(*(Sql(f"SELECT {n} AS x") for n in range(10))), session()
    wrong = []

    def look():
        while not done.is_set():
            found = one.states(built, WINDOW)
            wrong.extend(state for state in found.values() if not isinstance(state, CellState))

    done = threading.Event()
    threads = [threading.Thread(target=look, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        one.run_all(built, WINDOW)
    finally:
        done.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert isinstance(one.outcome(built, "c1").began_at, datetime)
