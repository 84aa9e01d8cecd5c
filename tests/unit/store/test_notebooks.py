"""Notebooks in the store: versions, conflicts, sharing; no sequence of saves loses a cell."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.conftest import NOON
from watchdog.base.errors import ConflictError, NotebookError
from watchdog.model.notebook import Note, Parameter, ParameterKind, Sharing, Sql
from watchdog.model.telemetry import Window
from watchdog.services.notebook import editing
from watchdog.store.connection import rows
from watchdog.store.notebooks import MOST_VERSIONS, NotebookStore, new_id
from watchdog.store.notes import NoteStore, new_note_id

SECOND = timedelta(seconds=1)


@pytest.fixture
def notebooks(store):
    return NotebookStore(store)


def fresh(title="Heat"):
    return editing.first_cells(title, new_id(), "ann")


def saved_texts(store):
    """Every text of every cell in any kept version, of any notebook."""
    with store.read() as (cursor, _):
        return "\n".join(body for (body,) in rows(cursor, "SELECT body FROM notebook_versions"))


def test_a_notebook_comes_back_as_it_was_saved(notebooks):
    hostile = Parameter("node", ParameterKind.NODE, "'; DROP TABLE notebooks; -- \U0001f525")
    notebook = editing.add(editing.add(fresh(), Sql("SELECT 'ü'\n")), hostile)
    saved = notebooks.save(notebook, "ann", NOON)
    assert (saved.version, saved.created_at, saved.author) == (1, NOON, "ann")
    assert notebooks.load(notebook.notebook_id, "ann") == saved
    assert saved.cells == notebook.cells


def test_saving_what_is_saved_makes_no_version(notebooks):
    saved = notebooks.save(fresh(), "ann", NOON)
    assert notebooks.save(saved, "ann", NOON + SECOND * 60) == saved


def test_saves_within_thirty_seconds_are_one_version_and_later_ones_another(notebooks):
    notebook = notebooks.save(fresh(), "ann", NOON)
    for second in (5, 10, 29, 31, 40):
        notebook = editing.edit(notebook, "c2", Sql(f"SELECT {second}"))
        notebook = notebooks.save(notebook, "ann", NOON + second * SECOND)
    kept = [version.saved_at for version in notebooks.versions(notebook.notebook_id, "ann")]
    assert kept == [NOON + 40 * SECOND, NOON + 29 * SECOND]
    assert notebook.version == 6


def test_a_version_that_has_a_cell_the_next_one_lacks_is_kept_even_within_a_burst(notebooks):
    notebook = notebooks.save(fresh(), "ann", NOON)
    notebook = notebooks.save(editing.edit(notebook, "c2", Sql("SELECT 'dear'")), "ann", NOON + SECOND)
    without, _ = editing.delete(notebook, "c2")
    notebooks.save(without, "ann", NOON + 2 * SECOND)
    old = notebooks.load(notebook.notebook_id, "ann", version=2)
    assert old.cell("c2").text == "SELECT 'dear'"


def test_two_tabs_conflict_and_both_texts_are_kept(notebooks):
    first = second = notebooks.save(fresh(), "ann", NOON)
    notebooks.save(editing.edit(first, "c2", Sql("SELECT 'one'")), "ann", NOON + SECOND)
    with pytest.raises(ConflictError, match=r"ann saved this notebook at 2\d+-.* UTC") as caught:
        notebooks.save(editing.edit(second, "c2", Sql("SELECT 'two'")), "ann", NOON + 2 * SECOND)
    assert (caught.value.by, caught.value.at) == ("ann", NOON + SECOND)
    assert notebooks.load(first.notebook_id, "ann").cell("c2").text == "SELECT 'one'"
    assert notebooks.load(caught.value.copy_id, "ann").cell("c2").text == "SELECT 'two'"


def test_two_tabs_with_the_same_text_do_not_conflict(notebooks):
    first = second = notebooks.save(fresh(), "ann", NOON)
    changed = notebooks.save(editing.edit(first, "c2", Sql("SELECT 1")), "ann", NOON + SECOND)
    assert notebooks.save(editing.edit(second, "c2", Sql("SELECT 1")), "ann", NOON + 2 * SECOND) == changed


def test_text_saved_into_a_deleted_notebook_is_kept_as_a_copy(notebooks):
    notebook = notebooks.save(fresh(), "ann", NOON)
    notebooks.delete(notebook.notebook_id, "ann", NOON + SECOND)
    with pytest.raises(ConflictError, match="ann deleted this notebook") as caught:
        notebooks.save(editing.edit(notebook, "c2", Sql("SELECT 'late'")), "ann", NOON + 2 * SECOND)
    assert notebooks.load(caught.value.copy_id, "ann").cell("c2").text == "SELECT 'late'"


def test_a_deleted_notebook_can_be_restored(notebooks):
    notebook = notebooks.save(fresh(), "ann", NOON)
    notebooks.delete(notebook.notebook_id, "ann", NOON)
    assert notebooks.entries("ann") == ()
    assert [entry.title for entry in notebooks.entries("ann", deleted=True)] == ["Heat"]
    notebooks.restore(notebook.notebook_id, "ann")
    assert notebooks.load(notebook.notebook_id, "ann") == notebook


def test_a_private_notebook_does_not_exist_for_others(notebooks):
    notebook = notebooks.save(fresh(), "ann", NOON)
    attempts = [
        lambda: notebooks.load(notebook.notebook_id, "bob"),
        lambda: notebooks.load(notebook.notebook_id, "bob", token=""),
        lambda: notebooks.save(editing.retitle(notebook, "Mine"), "bob", NOON),
        lambda: notebooks.versions(notebook.notebook_id, "bob"),
        lambda: notebooks.share(notebook.notebook_id, "bob", Sharing.EDIT),
        lambda: notebooks.delete(notebook.notebook_id, "bob", NOON),
        lambda: notebooks.by_token(""),
    ]
    for attempt in attempts:
        with pytest.raises(NotebookError, match=r"no (such )?notebook"):
            attempt()
    assert notebooks.entries("bob") == ()


def test_a_link_opens_it_to_read_or_to_edit_until_it_is_revoked(notebooks):
    notebook = notebooks.save(fresh(), "ann", NOON)
    token = notebooks.share(notebook.notebook_id, "ann", Sharing.READ).token
    assert notebooks.by_token(token).title == "Heat"
    seen = notebooks.load(notebook.notebook_id, "bob", token=token)
    changed = editing.retitle(seen, "Cold")
    with pytest.raises(NotebookError, match="shares this notebook to be read"):
        notebooks.save(changed, "bob", NOON, token=token)
    assert notebooks.share(notebook.notebook_id, "ann", Sharing.EDIT).token == token
    assert notebooks.save(changed, "bob", NOON, token=token).title == "Cold"
    notebooks.share(notebook.notebook_id, "ann", Sharing.PRIVATE)
    with pytest.raises(NotebookError):
        notebooks.by_token(token)
    assert notebooks.share(notebook.notebook_id, "ann", Sharing.READ).token not in ("", token)


def test_the_conflict_names_the_other_author(notebooks):
    notebook = notebooks.save(fresh(), "ann", NOON)
    token = notebooks.share(notebook.notebook_id, "ann", Sharing.EDIT).token
    notebooks.save(editing.retitle(notebook, "Cold"), "bob", NOON + SECOND, token=token)
    with pytest.raises(ConflictError, match="bob saved this notebook"):
        notebooks.save(editing.retitle(notebook, "Warm"), "ann", NOON + 2 * SECOND)


def test_a_copy_is_private_and_ones_own(notebooks):
    notebook = notebooks.save(fresh(), "ann", NOON)
    notebooks.share(notebook.notebook_id, "ann", Sharing.READ)
    copied = notebooks.copy(notebook, "bob", NOON)
    assert notebooks.load(copied.notebook_id, "bob") == copied
    assert (copied.shared, copied.token, copied.cells) == (Sharing.PRIVATE, "", notebook.cells)


def test_old_versions_are_thinned_but_none_that_alone_has_a_cell(notebooks, monkeypatch):
    monkeypatch.setattr("watchdog.store.notebooks.MOST_VERSIONS", 5)
    assert MOST_VERSIONS == 200
    notebook = notebooks.save(editing.add(fresh(), Sql("SELECT 'alone'")), "ann", NOON)
    notebook = notebooks.save(editing.delete(notebook, "c3")[0], "ann", NOON + timedelta(minutes=1))
    for minute in range(2, 30):
        changed = editing.edit(notebook, "c2", Sql(f"SELECT {minute}"))
        notebook = notebooks.save(changed, "ann", NOON + timedelta(minutes=minute))
    versions = notebooks.versions(notebook.notebook_id, "ann")
    assert len(versions) <= 7
    assert versions[-1].version == 1
    assert notebooks.load(notebook.notebook_id, "ann", version=1).cell("c3").text == "SELECT 'alone'"


def test_what_breaks_a_limit_is_refused_and_nothing_is_changed(notebooks):
    notebook = notebooks.save(fresh(), "ann", NOON)
    with pytest.raises(NotebookError, match="cell_2: longer than 100,000 characters"):
        notebooks.save(replace(notebook, cells=(replace(notebook.cells[1], body=Sql("x" * 100_001)),)), "ann", NOON)
    with pytest.raises(NotebookError, match="cell_2: text is not text"):
        notebooks.save(replace(notebook, cells=(replace(notebook.cells[1], body=Sql("\ud800")),)), "ann", NOON)
    assert notebooks.load(notebook.notebook_id, "ann") == notebook


_STEPS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(["add", "edit", "delete", "save", "crash"])), max_size=20
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_STEPS, st.lists(st.integers(0, 40), min_size=20, max_size=20))
def test_no_sequence_of_edits_saves_and_crashes_in_two_tabs_loses_a_saved_cell(store, steps, pauses):
    """Every cell that a save was told of is in some kept version, of the notebook or of a copy."""
    notebooks = NotebookStore(store)
    start = notebooks.save(fresh(), "ann", NOON)
    tabs, told, at = {"a": start, "b": start}, set(), NOON
    for number, ((tab, step), pause) in enumerate(zip(steps, pauses, strict=False)):
        at += pause * SECOND
        notebook = tabs[tab]
        if step == "save":
            told |= {cell.text for cell in notebook.cells}
            tabs[tab] = _saved_or_copied(notebooks, notebook, at)
        else:
            tabs[tab] = _changed(notebooks, notebook, step, f"{start.notebook_id} {number} {tab}")
    kept = saved_texts(store)
    assert [text for text in told if text not in kept] == []


def _changed(notebooks, notebook, step, text):
    if step == "add":
        return editing.add(notebook, Sql(text))
    if step == "delete" and notebook.cells:
        return editing.delete(notebook, notebook.cells[-1].cell_id)[0]
    return notebooks.load(notebook.notebook_id, "ann") if step == "crash" else editing.retitle(notebook, text)


def _saved_or_copied(notebooks, notebook, at):
    try:
        return notebooks.save(notebook, "ann", at)
    except ConflictError as conflict:
        return notebooks.load(conflict.copy_id, "ann")


def test_notes_are_seen_by_all_in_their_window_and_taken_back_by_their_author(store):
    notes = NoteStore(store)
    note = Note(new_note_id(), NOON, NOON + 60 * SECOND, "fan <b>swapped</b>", "ann", NOON, node="n1")
    notes.add(note)
    around = Window(NOON - SECOND, NOON + SECOND)
    assert notes.notes(around) == (note,)
    assert notes.notes(around, node="n2") == ()
    assert notes.notes(Window(NOON + 61 * SECOND, NOON + 90 * SECOND)) == ()
    with pytest.raises(NotebookError, match="not yours"):
        notes.delete(note.note_id, "bob", NOON)
    notes.delete(note.note_id, "ann", NOON)
    assert notes.notes(around) == ()


def test_a_note_without_words_is_refused(store):
    with pytest.raises(NotebookError, match="between 1 and"):
        NoteStore(store).add(Note(new_note_id(), NOON, NOON, "  ", "ann", NOON))


def test_one_that_a_newer_release_saved_is_said_and_the_others_open(notebooks, store):
    newer, own = notebooks.save(fresh(), "ann", NOON), notebooks.save(fresh("Own"), "ann", NOON)
    with store.write() as cursor:
        sql = 'UPDATE notebook_versions SET body = replace(body, \'"cell_id"\', \'"colour":1,"cell_id"\') WHERE notebook_id = ?'
        rows(cursor, sql, [newer.notebook_id])
    with pytest.raises(NotebookError, match="unknown field `colour`") as said:
        notebooks.load(newer.notebook_id, "ann")
    assert "update" in said.value.hint
    assert notebooks.load(own.notebook_id, "ann") == own
    assert len(notebooks.entries("ann")) == 2
