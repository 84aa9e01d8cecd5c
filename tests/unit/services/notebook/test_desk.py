"""An open notebook: saved as it is edited, kept when it cannot be, never overwriting anybody."""

import threading

import pytest

from tests.conftest import NOON
from watchdog.base.clock import FakeClock
from watchdog.base.errors import NotebookError, StoreError
from watchdog.model.notebook import Chart, Sharing, Sql
from watchdog.model.questions import QUESTIONS
from watchdog.services.history import History
from watchdog.services.notebook import editing
from watchdog.services.notebook.desk import Desk, SaveState
from watchdog.services.notebook.library import place_below, starting, with_question
from watchdog.services.notebook.reading import inputs
from watchdog.services.notebook.shelf import Shelf
from watchdog.store.notebooks import NotebookStore


@pytest.fixture
def shelf(tmp_path):
    history = History(tmp_path / "watchdog.duckdb", FakeClock(NOON))
    yield Shelf(history, None, None, FakeClock(NOON))
    history.close()


def typed(text, cell_id="c2"):
    return lambda notebook: editing.edit(notebook, cell_id, Sql(text))


def text(notebook):
    return notebook.cell("c2").text


def test_what_is_typed_is_saved_without_being_asked_for(shelf):
    desk = shelf.desk(starting("nb", "ann"), "ann")
    assert desk.saved.state is SaveState.NEW
    for word in ("S", "SE", "SELECT 7"):
        desk.change(typed(word))
    assert desk.settle(5)

    assert text(shelf.store().load("nb", "ann")) == "SELECT 7"
    assert desk.saved.state is SaveState.SAVED
    assert desk.notebook.version == shelf.store().load("nb", "ann").version


def test_two_tabs_never_overwrite_each_other_and_the_second_goes_on_in_its_copy(shelf):
    first = shelf.desk(starting("nb", "ann"), "ann")
    first.change(typed("SELECT 1"))
    assert first.settle(5)
    second = shelf.desk(shelf.store().load("nb", "ann"), "ann")
    first.change(typed("SELECT 11"))
    assert first.settle(5)
    second.change(typed("SELECT 2"))
    assert second.settle(5)

    other, error = second.conflict
    assert (other, error.by) == ("nb", "ann")
    assert text(shelf.store().load("nb", "ann")) == "SELECT 11"
    assert second.notebook.notebook_id == error.copy_id
    second.change(typed("SELECT 22"))
    assert second.settle(5)
    assert text(shelf.store().load(error.copy_id, "ann")) == "SELECT 22"
    assert second.saved.state is SaveState.SAVED


def test_a_store_that_refuses_loses_nothing_and_is_asked_again(shelf):
    broken = threading.Event()
    broken.set()

    def store() -> NotebookStore:
        if broken.is_set():
            raise StoreError("the disk is full", hint="Make room.")
        return shelf.store()

    desk = Desk(starting("nb", "ann"), "ann", store, FakeClock(NOON), retry_seconds=0.02)
    desk.change(typed("SELECT 3"))
    assert not desk.settle(0.1)
    assert desk.saved.state is SaveState.FAILED
    assert "full" in str(desk.saved.error)
    broken.clear()
    assert desk.settle(5)
    assert desk.saved.state is SaveState.SAVED
    assert text(shelf.store().load("nb", "ann")) == "SELECT 3"


def test_deleted_cells_come_back_the_last_one_first(shelf):
    desk = shelf.desk(starting("nb", "ann"), "ann")
    whole = desk.notebook.cells
    desk.delete("c1")
    desk.delete("c2")
    assert desk.notebook.cells == ()
    desk.undelete()
    assert desk.deleted.cell.cell_id == "c1"
    desk.undelete()
    assert desk.notebook.cells == whole
    assert desk.deleted is None
    desk.undelete()


def test_a_cell_that_cannot_come_back_can_still_be_brought_back_later(shelf):
    desk = shelf.desk(starting("nb", "ann"), "ann")
    desk.delete("c1")
    desk.change(lambda notebook: editing.rename(notebook, "c2", "cell_1"))
    with pytest.raises(NotebookError, match="two cells are called cell_1"):
        desk.undelete()
    desk.change(lambda notebook: editing.rename(notebook, "c2", "other"))
    desk.undelete()
    assert [cell.cell_id for cell in desk.notebook.cells] == ["c1", "c2"]


def test_a_change_that_cannot_be_changes_nothing(shelf):
    desk = shelf.desk(starting("nb", "ann"), "ann")
    with pytest.raises(NotebookError):
        desk.change(lambda notebook: editing.rename(notebook, "c2", "DROP TABLE"))
    assert desk.saved.state is SaveState.NEW


def test_who_may_only_read_cannot_change_it(shelf):
    shelf.store().save(starting("nb", "ann"), "ann", NOON)
    token = shelf.store().share("nb", "ann", Sharing.READ).token
    desk = shelf.desk(shelf.store().by_token(token), "bo", token=token, locked="ann shares it to be read")
    with pytest.raises(NotebookError, match="to be read"):
        desk.change(typed("SELECT 1"))


def test_a_right_that_was_taken_back_is_said_and_the_text_stays_on_screen(shelf):
    shelf.store().save(starting("nb", "ann"), "ann", NOON)
    token = shelf.store().share("nb", "ann", Sharing.EDIT).token
    desk = shelf.desk(shelf.store().by_token(token), "bo", token=token)
    shelf.store().share("nb", "ann", Sharing.READ)
    desk.change(typed("SELECT 5"))
    assert desk.settle(5)
    assert desk.saved.state is SaveState.FAILED
    assert text(desk.notebook) == "SELECT 5"


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=str)
def test_a_worked_question_comes_with_its_parameters_and_chart(question):
    built, asked = with_question(starting("nb", "ann"), question, after="c2")
    assert inputs(built, built.cell(asked)).unknown == ()
    again, second = with_question(built, question, after=asked)
    assert inputs(again, again.cell(second)).unknown == ()
    charts = [cell.body.chart.value for cell in built.cells if cell.kind == "chart"]
    assert charts == ([question.chart] if question.chart == "heat map" else [])


def test_what_is_new_stands_below_a_cell_and_its_pictures():
    notebook = starting("nb", "ann")
    for body, after in ((Sql("SELECT 1"), None), (Chart(of="cell_2"), "c2"), (Chart(of="cell_2"), "c4")):
        notebook = editing.add(notebook, body, after=after)
    assert [cell.cell_id for cell in notebook.cells] == ["c1", "c2", "c4", "c5", "c3"]
    found = [place_below(notebook, cell_id) for cell_id in ("c1", "c2", "c4", "c3", "gone", "")]
    assert found == ["c1", "c5", "c4", "c3", None, None]
