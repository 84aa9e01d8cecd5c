"""Editing a notebook: each change gives the next one, and a deletion can be taken back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchdog.base.errors import NotebookError
from watchdog.model.notebook import MOST_CELLS, Chart, Markdown, Notebook, Parameter, Sql, problems
from watchdog.services.notebook import editing

EMPTY = Notebook("nb", "Title", "ann")


def notebook(*texts):
    built = EMPTY
    for text in texts:
        built = editing.add(built, Sql(text))
    return built


def names(built):
    return [cell.name for cell in built.cells]


def test_cells_are_named_in_the_order_they_were_made_wherever_they_stand():
    built = editing.add(notebook("a", "b"), Sql("c"), after="c1")
    built = editing.add(built, Markdown("d"), after="")
    assert names(built) == ["cell_4", "cell_1", "cell_3", "cell_2"]


def test_the_name_of_a_deleted_cell_is_never_given_to_another():
    built, _ = editing.delete(notebook("a", "b"), "c2")
    assert names(editing.add(built, Sql("c"))) == ["cell_1", "cell_3"]


def test_moving_stops_at_the_ends():
    built = notebook("a", "b", "c")
    assert names(editing.move(built, "c1", 1)) == ["cell_2", "cell_1", "cell_3"]
    assert names(editing.move(built, "c1", 99)) == ["cell_2", "cell_3", "cell_1"]
    assert names(editing.move(built, "c3", -99)) == ["cell_3", "cell_1", "cell_2"]


def test_a_duplicate_stands_below_and_a_parameters_copy_has_a_name_of_its_own():
    built = editing.add(notebook("a"), Parameter("node", value="n1"))
    built = editing.duplicate(editing.duplicate(built, "c1"), "c2")
    assert [(cell.name, getattr(cell.body, "name", cell.text)) for cell in built.cells] == [
        ("cell_1", "a"), ("cell_3", "a"), ("cell_2", "node"), ("cell_4", "node_2"),
    ]  # fmt: skip


def test_a_deleted_cell_comes_back_to_its_place_with_later_edits_kept():
    built, deleted = editing.delete(notebook("a", "b", "c"), "c2")
    built = editing.edit(built, "c1", Sql("changed"))
    back = editing.restore(built, deleted)
    assert [cell.text for cell in back.cells] == ["changed", "b", "c"]
    assert editing.restore(back, deleted) == back


def test_a_deleted_cell_comes_back_to_the_end_when_its_neighbour_is_gone_too():
    built, second = editing.delete(notebook("a", "b", "c"), "c2")
    built, _ = editing.delete(built, "c1")
    assert names(editing.restore(built, second)) == ["cell_3", "cell_2"]


def test_renaming_a_cell_changes_those_that_read_it_and_nothing_else():
    text = "SELECT 'cell_1', $cell_1, cell_1.x AS \"ü\", cell_10.y -- cell_1\nFROM CELL_1 JOIN cell_10 USING (x)"
    built = editing.add(editing.add(notebook("a"), Sql(text)), Chart(of="cell_1"))
    built = editing.rename(built, "c1", "hot")
    assert built.cells[1].text == (
        "SELECT 'cell_1', $cell_1, hot.x AS \"ü\", cell_10.y -- cell_1\nFROM hot JOIN cell_10 USING (x)"
    )
    assert built.cells[2].body == Chart(of="hot")


@pytest.mark.parametrize("name", ["", "1st", "Upper", "a b", "a;drop", "x" * 41, "since", "until", "é"])
def test_what_no_question_could_use_is_no_name(name):
    with pytest.raises(NotebookError):
        editing.rename(notebook("a"), "c1", name)


def test_two_cells_cannot_have_one_name():
    with pytest.raises(NotebookError, match="a cell called cell_2 already"):
        editing.rename(notebook("a", "b"), "c1", "cell_2")


def test_a_new_cell_does_not_take_a_name_that_a_rename_took():
    built = editing.rename(notebook("a"), "c1", "cell_2")
    assert names(editing.add(built, Sql(""))) == ["cell_2", "cell_3"]


def test_two_parameters_cannot_have_one_name():
    built = editing.add(EMPTY, Parameter("node"))
    with pytest.raises(NotebookError, match=r"two parameters are called \$node"):
        editing.add(built, Parameter("node"))


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (Sql("x" * 100_001), "longer than 100,000"),
        (Parameter("n", "number", "many"), "must be a number"),
        (Parameter("n", "number", float("nan")), "must be a number"),
        (Parameter("w", "window", "today"), "must be a window of time"),
        (Parameter("w", "window", "2026-02-01/2026-01-01"), "must be a window of time"),
        (Sql("\0"), "is not text"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_the_cells_name(body, word):
    with pytest.raises(NotebookError, match=f"cell_1: .*{word}"):
        editing.add(EMPTY, body)


def test_there_is_an_end_to_cells():
    built = EMPTY
    for _ in range(MOST_CELLS):
        built = editing.add(built, Sql(""))
    with pytest.raises(NotebookError, match="more than 200 cells"):
        editing.add(built, Sql(""))


_OPERATION = st.tuples(st.sampled_from(["add", "duplicate", "move", "delete", "restore", "edit"]), st.integers(0, 50))


@settings(max_examples=150, deadline=None)
@given(st.lists(_OPERATION, max_size=30))
def test_no_sequence_of_edits_loses_a_cell_that_was_not_deleted_or_breaks_the_notebook(operations):
    built, bin_, expected = EMPTY, [], {}
    for number, (operation, pick) in enumerate(operations):
        cell = built.cells[pick % len(built.cells)].cell_id if built.cells else ""
        if operation == "add":
            built, identity = editing.added(built, Sql(f"t{number}"))
            expected[identity] = f"t{number}"
        elif operation == "restore" and bin_:
            deleted = bin_.pop()
            built = editing.restore(built, deleted)
            expected[deleted.cell.cell_id] = deleted.cell.text
        elif cell and operation == "duplicate":
            built = editing.duplicate(built, cell)
            expected[f"c{built.next_number - 1}"] = expected[cell]
        elif cell and operation == "move":
            built = editing.move(built, cell, pick - 25)
        elif cell and operation == "delete":
            built, deleted = editing.delete(built, cell)
            bin_.append(deleted)
            del expected[cell]
        elif cell and operation == "edit":
            built = editing.edit(built, cell, Sql(f"e{number}"))
            expected[cell] = f"e{number}"
        assert {each.cell_id: each.text for each in built.cells} == expected
        assert problems(built) == []
