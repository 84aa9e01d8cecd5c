"""History: what can be asked of the past, and what happens to what one writes?"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import streamlit as st
from msgspec.structs import replace
from streamlit.testing.v1 import AppTest

from tests.conftest import NOON, ROOT
from tests.fakes import fake_runtime
from tests.pages.conftest import words
from tests.unit.services.notebook.runners import Prom, Runner
from watchdog.base.errors import ActionError, ConfigError, NotebookError, StoreError
from watchdog.model.notebook import (
    Before,
    CellKind,
    Chart,
    ChartKind,
    Markdown,
    Note,
    Notebook,
    Parameter,
    ParameterKind,
    PromQl,
    Sharing,
    Sql,
)
from watchdog.model.people import Person, Role
from watchdog.model.telemetry import Window
from watchdog.services.exporting import Exports, ExportState
from watchdog.services.history import History
from watchdog.services.notebook import editing
from watchdog.services.notebook.shelf import Shelf
from watchdog.ui import notebook_cells as cells
from watchdog.ui import state
from watchdog.ui.notebook_bar import week
from watchdog.ui.notebook_files import bring_in

HOURS = """SELECT TIMESTAMPTZ '2026-03-01 00:00+00' + INTERVAL 1 HOUR * range AS bucket_at, range * 1.0 AS power_watts
FROM range({})"""
EVIL = "![x](https://evil.example/p.png)<script>alert(1)</script>"


@pytest.fixture
def runtime(tmp_path):
    """The runtime of pages, with notebooks in a store and DuckDB behind the cells."""
    found = fake_runtime()
    found.history = History(tmp_path / "watchdog.duckdb", found.clock)
    found.sql = SimpleNamespace(warm=lambda: None)
    found.runner = Runner()
    found.notebooks = Shelf(found.history, found.runner, None, found.clock)
    found.exports = Exports(_no_snapshot, tmp_path / "exports", found.clock)
    history = found.history
    yield found
    history.close()


def _no_snapshot():
    raise StoreError("the copy of history is away", hint="Bring it back.")


def kept(runtime, *bodies, title="Mine", by="local"):
    """A saved notebook of these cells."""
    built = editing.retitle(Notebook("nb", "", by), title)
    for body in bodies:
        built = editing.add(built, body)
    return runtime.notebooks.store().save(built, by, NOON)


@pytest.fixture
def open_page(monkeypatch):
    """The page's script alone: what app.py puts around it is tried in the first test and in a browser."""

    def opened(runtime, **parameters):
        st.cache_data.clear()
        monkeypatch.setattr("watchdog.ui.data.current", lambda: runtime)
        # AppTest draws nothing by itself later on: what was run is there before the page is.
        monkeypatch.setattr("watchdog.ui.notebook_page._SOON_SECONDS", 10.0)
        page = AppTest.from_file(ROOT / "pages" / "history.py", default_timeout=30)
        for name, value in {"window": "24h", **parameters}.items():
            page.query_params[name] = value
        return page.run()

    return opened


def opened(open_page, runtime, **parameters):
    page = open_page(runtime, **parameters)
    assert not page.exception
    return page


def press(page, key):
    page.button(key=key).click().run()
    assert not page.exception
    return page


def desk(page):
    return page.session_state[state.NOTEBOOK]


def parameter(page, name):
    found = page.query_params[name]
    return found if isinstance(found, str) else found[-1]


def charts(page):
    return page.get("vega_lite_chart")


def app_page(monkeypatch, runtime):
    monkeypatch.setattr("watchdog.ui.data.current", lambda: runtime)
    navigation = SimpleNamespace(uses_pages_directory=False)
    monkeypatch.setattr("streamlit.runtime.scriptrunner.script_runner.PagesManager", navigation)
    page = AppTest.from_file(ROOT / "app.py", default_timeout=30).run()
    return page.switch_page("pages/history.py").run()


def test_somebody_new_sees_a_question_answered_within_the_app(runtime, monkeypatch):
    page = app_page(monkeypatch, runtime)

    assert "How busy were the GPUs?" in words(page)
    assert "not saved yet" in words(page)
    assert len(runtime.runner.asked) == 1
    assert parameter(page, "window") == "24h"


def test_a_cell_is_run_and_shows_rows_seconds_table_and_chart(open_page, runtime):
    kept(runtime, Sql(HOURS.format(24)))
    page = opened(open_page, runtime)
    assert "not run yet" in words(page)
    press(page, "notebook.run.c1")

    assert "24 rows, 2 columns" in words(page)
    assert "up to date" in words(page)
    assert len(page.dataframe[0].value) == 24
    assert len(charts(page)) == 1


def test_every_kind_of_cell_is_drawn_and_run_all_runs_them_in_order(open_page, runtime):
    kept(
        runtime,
        Markdown("## Words"),
        Parameter("least", ParameterKind.NUMBER, 5.0),
        Sql(HOURS.format(24)),
        Sql("SELECT * FROM cell_3 WHERE power_watts > $least"),
        Chart(of="cell_4", chart=ChartKind.HISTOGRAM),
    )
    page = press(opened(open_page, runtime), "notebook.run")

    assert "## Words" in words(page)
    assert "18 rows" in words(page)
    # One of cell_3; cell_4 leaves its picture to the chart cell.
    assert len(charts(page)) == 2
    assert runtime.runner.asked[1][1] == {"least": 5.0}


def test_a_changed_parameter_makes_stale_what_reads_it_and_nothing_else(open_page, runtime):
    kept(runtime, Parameter("least", ParameterKind.NUMBER, 5.0), Sql("SELECT $least AS x"), Sql("SELECT 1 AS y"))
    page = press(opened(open_page, runtime), "notebook.run")
    page.number_input(key="notebook.parameter.c1.number").set_value(7.0).run()

    assert words(page).count("changed since it ran") == 1
    press(page, "notebook.run.c2")
    assert "changed since it ran" not in words(page)
    assert page.dataframe[0].value["x"].to_list() == [7.0]


def test_a_failed_cell_says_where_and_the_rest_lives(open_page, runtime):
    kept(runtime, Sql("SELECT nothing_there"), Sql("SELECT 1 AS y"))
    page = press(opened(open_page, runtime), "notebook.run")

    assert "line 2, column 3" in page.error[0].value
    assert "1 row, 1 column" in words(page)
    assert len(page.error) == 1


def test_promql_without_a_prometheus_says_how_to_get_one(open_page, runtime):
    kept(runtime, PromQl("up"))
    page = press(opened(open_page, runtime), "notebook.run.c1")

    assert "No Prometheus is configured" in words(page)
    assert "WATCHDOG_PROMETHEUS_URL" in words(page)
    assert "no Prometheus is configured" in page.error[0].value


def test_promql_is_asked_over_the_window_or_at_its_end(open_page, runtime):
    prom = Prom()
    runtime.notebooks = Shelf(runtime.history, runtime.runner, prom, runtime.clock)
    kept(runtime, PromQl("up"))
    page = press(opened(open_page, runtime), "notebook.run.c1")
    assert "No Prometheus" not in words(page)
    assert prom.asked == [("up", None)]
    page.number_input(key="notebook.step.c1").set_value(60.0).run()
    press(page, "notebook.run.c1")
    assert prom.asked[-1] == ("up", timedelta(minutes=1))


def test_the_windows_of_the_page_are_since_and_until(open_page, runtime):
    kept(runtime, Sql("SELECT $since AS a, $until AS b"))
    page = press(
        opened(open_page, runtime, since="2026-02-16T00:00:00Z", until="2026-02-23T00:00:00Z"), "notebook.run.c1"
    )
    values = runtime.runner.asked[0][1]
    assert (values["since"], values["until"]) == (datetime(2026, 2, 16, tzinfo=UTC), datetime(2026, 2, 23, tzinfo=UTC))

    press(page, "notebook.week.Last week")
    assert parameter(page, "since") == "2026-02-16T00:00:00Z"
    press(page, "notebook.week.This week")
    assert "changed since it ran" in words(page)
    press(page, "notebook.run")
    assert runtime.runner.asked[-1][1]["since"] == datetime(2026, 2, 23, tzinfo=UTC)


def test_weeks_begin_on_monday():
    sunday = datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)
    assert week("This week", sunday) == (datetime(2026, 2, 23, tzinfo=UTC), datetime(2026, 3, 1, 12, 34, tzinfo=UTC))
    monday = datetime(2026, 3, 2, 0, 0, 10, tzinfo=UTC)
    since, until = week("This week", monday)
    assert until - since == timedelta(minutes=1)
    assert week("Last week", monday) == (datetime(2026, 2, 23, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))


def test_time_alone_makes_no_answer_stale(open_page, runtime):
    kept(runtime, Sql("SELECT $since AS a"))
    page = press(opened(open_page, runtime), "notebook.run.c1")
    runtime.clock.sleep(900)
    page.run()

    assert "up to date" in words(page)
    press(page, "notebook.run")
    assert runtime.runner.asked[-1][1]["since"] > runtime.runner.asked[0][1]["since"]


def test_cells_are_added_moved_copied_deleted_and_brought_back(open_page, runtime):
    kept(runtime, Sql("SELECT 1 AS a"), Sql("SELECT 2 AS b"))
    page = press(opened(open_page, runtime), "notebook.add.markdown")
    assert [cell.name for cell in desk(page).notebook.cells] == ["cell_1", "cell_2", "cell_3"]

    assert _choose(page, lambda: cells.do_to_cell("Move up", "c2")) == ["cell_2", "cell_1", "cell_3"]
    assert _choose(page, lambda: cells.do_to_cell("Duplicate", "c2")) == ["cell_2", "cell_4", "cell_1", "cell_3"]
    added = _choose(page, lambda: cells.add_cell(CellKind.CHART, "c1"))
    assert added == ["cell_2", "cell_4", "cell_1", "cell_5", "cell_3"]
    assert desk(page).notebook.cell("c5").body.of == "cell_1"
    assert _choose(page, lambda: cells.do_to_cell("Delete", "c4")) == ["cell_2", "cell_1", "cell_5", "cell_3"]
    press(page, "notebook.undelete")
    kept_cells = runtime.notebooks.store().load("nb", "local").cells
    assert [cell.name for cell in kept_cells] == added


def _choose(page, done):
    """AppTest opens no menus: do what their callbacks do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cells, "place_now", lambda: SimpleNamespace(desk=desk(page)))
        patch.setattr(cells, "act", lambda action, *_: action())
        done()
    desk(page).settle(5)
    page.run()
    assert not page.exception
    return [cell.name for cell in desk(page).notebook.cells]


def test_two_tabs_on_one_notebook_are_told_and_both_texts_are_kept(open_page, runtime):
    kept(runtime, Sql("SELECT 1"))
    page = opened(open_page, runtime)
    other = runtime.notebooks.store().load("nb", "local")
    runtime.notebooks.store().save(editing.edit(other, "c1", Sql("SELECT 'theirs'")), "local", NOON)
    desk(page).change(lambda notebook: editing.edit(notebook, "c1", Sql("SELECT 'ours'")))
    assert desk(page).settle(5)
    page.run()

    assert "saved this notebook" in page.warning[0].value
    assert desk(page).notebook.cells[0].text == "SELECT 'ours'"
    assert parameter(page, "notebook") == desk(page).notebook.notebook_id
    press(page, "notebook.other")
    assert desk(page).notebook.cells[0].text == "SELECT 'theirs'"
    assert parameter(page, "notebook") == "nb"
    assert not page.warning


def test_what_is_typed_is_there_after_a_reload(open_page, runtime):
    kept(runtime, Sql("SELECT 1"))
    page = opened(open_page, runtime)
    desk(page).change(lambda notebook: editing.edit(notebook, "c1", Sql("SELECT 12345")))
    assert desk(page).settle(5)

    again = opened(open_page, runtime, notebook="nb")
    assert desk(again).notebook.cells[0].text == "SELECT 12345"
    assert "saved" in words(again)


def test_a_store_that_is_away_is_said_and_writing_goes_on(open_page, runtime):
    good = runtime.history

    def store():
        raise StoreError("the disk is full", hint="Make room.")

    runtime.history = SimpleNamespace(store=store, error=None)
    runtime.notebooks = Shelf(runtime.history, runtime.runner, None, runtime.clock, retry_seconds=0.05)
    page = opened(open_page, runtime)
    assert "the disk is full" in page.error[0].value
    desk(page).change(lambda notebook: editing.retitle(notebook, "Kept in mind"))
    desk(page).settle(0.1)
    page.run()
    assert "not saved" in words(page)
    runtime.history.store = good.store
    assert desk(page).settle(8)
    assert [entry.title for entry in runtime.notebooks.store().entries("local")] == ["Kept in mind"]


def test_an_address_of_no_notebook_is_said_and_ones_own_is_shown(open_page, runtime):
    kept(runtime, Sql("SELECT 1"))
    for parameters in ({"notebook": EVIL}, {"shared": "x" * 500}):
        page = opened(open_page, runtime, **parameters)
        assert page.error
        assert "evil.example/p.png)" not in words(page)
        assert desk(page).notebook.notebook_id == "nb"


def test_an_empty_notebook_says_what_to_do(open_page, runtime):
    kept(runtime)
    assert "has no cells" in words(opened(open_page, runtime))


def test_hostile_text_stays_text(open_page, runtime):
    kept(
        runtime, Markdown(EVIL), Sql(f"SELECT '{EVIL}' AS \"{EVIL}\""), Sql("SELECT error('" + EVIL + "')"), title=EVIL
    )
    page = press(opened(open_page, runtime), "notebook.run")
    said = words(page).replace("!\u2060[", "")

    assert "![x](" not in said
    assert EVIL in page.dataframe[0].value.columns


def test_an_answer_of_a_million_rows_is_paged(open_page, runtime):
    kept(runtime, Sql("SELECT range AS x_count, range * 2.0 AS y_watts FROM range(1000000)"))
    page = press(opened(open_page, runtime), "notebook.run.c1")

    assert len(page.dataframe[0].value) == 200
    assert "rows 1 to 200 of 1,000,000" in words(page)
    spec = charts(page)[0].proto
    sent = len(json.dumps(spec.spec)) + sum(len(each.data.data) for each in spec.datasets)
    assert sent < 1_000_000
    assert "Every 207th of 1,000,000 rows is drawn" in words(page) or "drawn" in words(page)


def test_a_cut_answer_says_so(open_page, runtime):
    runtime.runner.cut = "the answer was cut at 1,000,000 rows"
    kept(runtime, Sql("SELECT 1 AS x"))
    page = press(opened(open_page, runtime), "notebook.run.c1")
    assert "Incomplete: the answer was cut" in page.warning[0].value.replace("\\", "")


def test_columns_of_one_name_are_told_apart(open_page, runtime):
    kept(runtime, Sql("SELECT 1 AS x, 2 AS x"))
    page = press(opened(open_page, runtime), "notebook.run.c1")
    assert len({*page.dataframe[0].value.columns}) == 2


def test_a_worked_question_becomes_a_cell_that_runs(open_page, runtime):
    kept(runtime, Sql("SELECT 1 AS x"))
    page = press(opened(open_page, runtime), "notebook.take.one-job")
    kinds = [cell.kind.value for cell in desk(page).notebook.cells]
    assert kinds == ["sql", "parameter", "sql"]
    assert len(runtime.runner.asked) == 1
    page.text_input(key="notebook.search.Questions").set_value("xid").run()
    assert {b.key for b in page.button if str(b.key).startswith("notebook.take.")} == {"notebook.take.xids"}


def test_what_is_taken_stands_beside_the_cell_that_was_run_last(open_page, runtime):
    kept(runtime, Sql("SELECT 1 AS x"), Sql("SELECT 2 AS y"))
    page = press(opened(open_page, runtime), "notebook.run.c1")
    press(page, "notebook.take.one-job")
    assert [cell.cell_id for cell in desk(page).notebook.cells] == ["c1", "c3", "c4", "c2"]
    page.session_state[state.NOTEBOOK_SIDE] = "Tables"
    press(page.run(), "notebook.example")
    assert [cell.cell_id for cell in desk(page).notebook.cells] == ["c1", "c3", "c4", "c5", "c2"]


def test_the_first_notebook_is_asked_again_until_history_has_an_answer(open_page, runtime, monkeypatch):
    answers = iter([0, 0, 3])
    start = runtime.runner.start
    monkeypatch.setattr(runtime.runner, "start", lambda _, *rest: start(HOURS.format(next(answers)), *rest))
    page = opened(open_page, runtime)
    assert "No rows" in words(page)
    for _ in range(3):
        page.run()
    assert len(runtime.runner.asked) == 1
    for asked in (2, 3, 3):
        runtime.clock.sleep(20)
        page.run()
        assert len(runtime.runner.asked) == asked
    assert "3 rows, 2 columns" in words(page)
    assert "not saved yet" in words(page)


def test_tables_are_described_and_their_example_is_a_cell(open_page, runtime):
    kept(runtime)
    page = opened(open_page, runtime)
    page.session_state[state.NOTEBOOK_SIDE] = "Tables"
    page.run()
    page.selectbox(key="notebook.table.name").set_value("jobs").run()
    assert "`wait_seconds` :gray[seconds]" in words(page)
    press(page, "notebook.example")
    assert "FROM jobs" in desk(page).notebook.cells[-1].text


def test_sharing_gives_a_link_that_opens_it_for_others_to_read_or_edit(open_page, runtime, monkeypatch):
    kept(runtime, Sql("SELECT 1 AS x"))
    page = opened(open_page, runtime)
    _share(page, Sharing.READ)
    token = desk(page).notebook.token
    assert f"?shared={token}" in page.code[0].value

    monkeypatch.setattr("watchdog.ui.notebook_page.person", lambda: Person("bo", Role.OPERATOR, signed_in=True))
    monkeypatch.setattr("watchdog.ui.notebook_share.person", lambda: Person("bo", Role.OPERATOR, signed_in=True))
    monkeypatch.setattr("watchdog.ui.notebook_bar.person", lambda: Person("bo", Role.OPERATOR, signed_in=True))
    monkeypatch.setattr("watchdog.ui.notebook_manage.person", lambda: Person("bo", Role.OPERATOR, signed_in=True))
    theirs = opened(open_page, runtime, shared=token)
    assert "local shares this notebook to be read" in words(theirs)
    assert not [b for b in theirs.button if str(b.key).startswith("notebook.add.")]
    press(theirs, "notebook.run.c1")
    assert len(theirs.dataframe[0].value) == 1
    press(theirs, "notebook.copy")
    assert desk(theirs).notebook.author == "bo"
    assert [b for b in theirs.button if str(b.key).startswith("notebook.add.")]

    runtime.notebooks.store().share("nb", "local", Sharing.EDIT)
    editor = opened(open_page, runtime, shared=token)
    press(editor, "notebook.add.sql")
    assert len(runtime.notebooks.store().load("nb", "local").cells) == 2
    runtime.notebooks.store().share("nb", "local", Sharing.PRIVATE)
    gone = opened(open_page, runtime, shared=token)
    assert "leads to no notebook" in gone.error[0].value


def _share(page, sharing):
    group = next(each for each in page.get("button_group") if each.key == "notebook.share.nb")
    group.set_value(sharing).run()


def test_a_viewer_may_run_but_not_write(open_page, runtime, monkeypatch):
    kept(runtime, Sql("SELECT 1 AS x"))
    monkeypatch.setattr("watchdog.ui.who.person", lambda: Person("local", Role.VIEWER, signed_in=True))
    page = opened(open_page, runtime)
    assert "Only an operator may" in words(page).replace("\\", "")
    press(page, "notebook.run.c1")
    assert len(page.dataframe[0].value) == 1
    with pytest.raises(NotebookError):
        desk(page).change(lambda notebook: editing.retitle(notebook, "x"))


def test_a_notebook_is_renamed_deleted_and_brought_back(open_page, runtime):
    kept(runtime, Sql("SELECT 1"))
    page = opened(open_page, runtime)
    page.text_input(key="notebook.title.nb").set_value("A better name").run()
    assert runtime.notebooks.store().load("nb", "local").title == "A better name"
    press(page, "notebook.delete")
    assert runtime.notebooks.store().entries("local") == ()
    press(page, "notebook.restore")
    assert desk(page).notebook.title == "A better name"
    press(page, "notebook.new")
    assert desk(page).notebook.title == "Untitled"


def test_sharing_copying_and_deleting_are_kept_with_who_did_and_refused_to_a_viewer(open_page, runtime, monkeypatch):
    kept(runtime, Sql("SELECT 1"))
    page = opened(open_page, runtime)
    _share(page, Sharing.READ)
    press(page, "notebook.copy")
    press(opened(open_page, runtime, notebook="nb"), "notebook.delete")
    acts = [(each.by, each.act, each.subject) for each in runtime.audit.newest()]
    assert acts == [("local", f"{act} notebook", "notebook nb") for act in ("delete", "copy", "share")]

    page = opened(open_page, runtime)
    copied = desk(page).notebook.notebook_id
    monkeypatch.setattr("watchdog.ui.who.person", lambda: Person("local", Role.VIEWER, signed_in=True))
    press(page, "notebook.delete")
    assert page.error
    assert runtime.audit.newest()[0].act == "refused: delete notebook"
    assert [entry.notebook_id for entry in runtime.notebooks.store().entries("local")] == [copied]


def test_a_notebook_is_taken_away_and_brought_in(open_page, runtime, monkeypatch):
    kept(runtime, Markdown("# Hi"), Sql("SELECT 1 AS x"))
    page = opened(open_page, runtime)
    labels = {each.proto.label for each in page.get("download_button")}
    assert {"Report as HTML", "Report as PDF", "Jupyter notebook", "SQL file"} <= labels

    from watchdog.ui import notebook_files as files

    place = SimpleNamespace(
        notebook=desk(page).notebook, window=page.session_state[state.NOTEBOOK_WINDOW][1],
        session=SimpleNamespace(outcome=lambda *_: None),
    )  # fmt: skip
    monkeypatch.setattr("watchdog.ui.data.current", lambda: runtime)
    for name, content in (("a.sql", files.to_sql(place.notebook)), ("a.ipynb", files.as_ipynb(place))):
        found, _ = files._read(name, content.encode())
        assert [cell.body for cell in found.cells] == [cell.body for cell in place.notebook.cells]
    assert "<h1>Mine</h1>" in files.report(place)


@pytest.mark.parametrize(
    ("name", "content"),
    [("x.ipynb", b"{"), ("x.ipynb", b"\xff\xfe\x00"), ("x.sql", b"SELECT FROM WHERE"), ("x.ipynb", b"[]")],
)
def test_a_broken_file_gets_a_clear_word(runtime, monkeypatch, name, content):
    monkeypatch.setattr("watchdog.ui.data.current", lambda: runtime)
    with pytest.raises(NotebookError):
        bring_in(name, content)


SHIFTED = """SELECT $since + INTERVAL 1 HOUR * range AS bucket_at, epoch($since) / 1e6 + range AS power_watts
FROM range(24)"""


def test_a_cell_is_laid_over_the_week_before_and_the_comparison_survives_a_reload(open_page, runtime):
    kept(runtime, Sql(SHIFTED))
    page = press(opened(open_page, runtime), "notebook.run")
    desk(page).change(lambda notebook: editing.compare(notebook, "c1", Before.WEEK))
    assert desk(page).settle(5)
    assert "was not asked yet" in words(page.run())
    press(page, "notebook.earlier.c1")
    assert page.session_state[state.NOTEBOOK].notebook.cell("c1").before is Before.WEEK

    # Another browser has no answers yet, but the comparison.
    again = _until_compared(press(opened(open_page, runtime, notebook="nb"), "notebook.run"))
    since = {values["since"] for _, values, _ in runtime.runner.asked}
    assert {max(since) - each for each in since} == {timedelta(0), timedelta(weeks=1)}
    table = again.dataframe[0].value
    assert [*table] == ["bucket_at", "power_watts", "power_watts_before", "power_watts_change"]
    assert table["power_watts_change"].round(4).unique().tolist() == [0.6048]
    assert "a week before: " in json.dumps(charts(again)[0].proto.spec)


def _until_compared(page):
    """The earlier window is asked in the background."""
    for _ in range(50):
        if page.dataframe and "power_watts_change" in page.dataframe[0].value:
            break
        time.sleep(0.1)
        page.run()
    return page


def test_a_comparison_that_failed_or_says_nothing_is_told_and_the_answer_stays(open_page, runtime):
    kept(runtime, Sql("SELECT 1 AS x"), Sql("SELECT 1 / nothing_there AS y, $since AS a"))
    page = opened(open_page, runtime)
    for cell_id in ("c1", "c2"):
        desk(page).change(lambda notebook, each=cell_id: editing.compare(notebook, each, Before.DAY))
    assert desk(page).settle(5)
    press(page, "notebook.run")
    for _ in range(50):
        if "names neither" in words(page.run()):
            break
        time.sleep(0.1)
    assert "names neither" in words(page)
    assert [*page.dataframe[0].value["x"]] == [1]
    assert len(page.error) == 1


def test_events_are_marked_by_kind_and_the_address_keeps_which(open_page, runtime):
    kept(runtime, Sql(HOURS.format(24)))
    note = Note("n1", datetime(2026, 3, 1, 5, tzinfo=UTC), datetime(2026, 3, 1, 5, tzinfo=UTC), EVIL, "ann", NOON)
    runtime.notebooks.notes().add(note)
    page = press(opened(open_page, runtime), "notebook.run.c1")
    assert "diamond" in json.dumps(charts(page)[0].proto.spec)

    page.session_state[state.NOTEBOOK_MARKS] = []
    none = press(opened(open_page, runtime, marks="none"), "notebook.run.c1")
    assert "diamond" not in json.dumps(charts(none)[0].proto.spec)
    assert "![x](" not in words(none)


def test_notes_are_written_changed_and_deleted_by_who_may(runtime, monkeypatch):
    from watchdog.ui import notebook_marks as events

    monkeypatch.setattr("watchdog.ui.data.current", lambda: runtime)
    note = Note("n1", NOON, NOON, "fan swapped", "local", NOON)
    events.keep_note(note, is_new=True)
    events.keep_note(replace(note, text="fan and cable swapped"), is_new=False)
    window = Window(NOON, NOON + timedelta(hours=1))
    assert [each.text for each in runtime.notebooks.notes().notes(window)] == ["fan and cable swapped"]
    with pytest.raises(NotebookError, match="not yours"):
        events.keep_note(replace(note, by="bo", text="mine now"), is_new=False)
    with pytest.raises(NotebookError, match="characters"):
        events.keep_note(replace(note, text="  "), is_new=False)
    monkeypatch.setattr("watchdog.ui.who.person", lambda: Person("vi", Role.VIEWER, signed_in=True))
    with pytest.raises(ActionError):
        events.keep_note(replace(note, note_id="n2"), is_new=True)
    monkeypatch.undo()
    monkeypatch.setattr("watchdog.ui.data.current", lambda: runtime)
    events.delete_note(note)
    assert runtime.notebooks.notes().notes(window) == ()


def test_an_export_is_begun_by_who_may_and_says_why_not(open_page, runtime, monkeypatch):
    from watchdog.ui.notebook_export import start_export

    kept(runtime, Sql("SELECT 1"))
    page = press(opened(open_page, runtime), "notebook.export")
    assert "description of every column" in words(page)
    monkeypatch.setattr("watchdog.ui.data.current", lambda: runtime)
    day = datetime(2026, 3, 1)  # noqa: DTZ001 (as a widget gives it)
    with pytest.raises(ConfigError, match="before it begins"):
        start_export(day, day, [])
    start_export(day, day + timedelta(days=1), [])
    assert runtime.exports.wait(10)
    assert runtime.exports.current.state is ExportState.FAILED
    assert "the copy of history is away" in page.run().error[0].value.replace("\\", "")
    monkeypatch.setattr("watchdog.ui.who.person", lambda: Person("vi", Role.VIEWER, signed_in=True))
    with pytest.raises(ActionError):
        start_export(day, day + timedelta(days=1), [])
