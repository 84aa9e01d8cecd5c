"""What is done to a whole notebook: another title, a copy, an older version, deleting."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from watchdog.base.errors import WatchdogError
from watchdog.model.notebook import MOST_TITLE_CHARS, Notebook
from watchdog.model.people import Role
from watchdog.model.units import instant_text
from watchdog.services.notebook import editing
from watchdog.store.notebooks import new_id
from watchdog.ui import state
from watchdog.ui.audited import Deed, carry_out
from watchdog.ui.cards import problem
from watchdog.ui.data import runtime
from watchdog.ui.escape import escape
from watchdog.ui.notebook_page import Place, act, doing, new_desk, open_desk, open_notebook
from watchdog.ui.who import guarded_button, person

_MOST_VERSIONS = 50


def manage_menu(place: Place) -> None:
    """The menu, and the way back from deleting."""
    notebook, name = place.notebook, person().name
    with st.popover("", icon=":material/more_horiz:", help="Title, copy, versions, delete."):
        key = f"notebook.title.{notebook.notebook_id}"
        st.session_state[key] = notebook.title
        st.text_input(
            "Title", key=key, max_chars=MOST_TITLE_CHARS, disabled=bool(place.desk.locked),
            on_change=doing(lambda: place.desk.change(lambda book: editing.retitle(book, str(st.session_state[key])))),
        )  # fmt: skip
        guarded_button(
            "Make a copy", Role.OPERATOR, key="notebook.copy", icon=":material/content_copy:", on_click=_copy,
            args=(lambda: notebook, notebook.notebook_id), width="stretch",
        )  # fmt: skip
        if notebook.author == name and notebook.version:
            _versions(place)
            st.button(
                "Delete this notebook", key="notebook.delete", icon=":material/delete:", on_click=_delete, args=(place,),
                width="stretch", disabled=bool(place.desk.locked),
            )  # fmt: skip
    gone = st.session_state.get(state.NOTEBOOK_GONE)
    if gone:
        st.button(
            "Undelete",
            key="notebook.restore",
            icon=":material/undo:",
            on_click=_restore,
            args=(gone[0],),
            help=escape(gone[1]),
        )


def _copy(wanted: Callable[[], Notebook], notebook_id: str) -> None:
    """Open a copy of one's own of that notebook, as it is or was."""
    name, now = person().name, runtime().clock.now()

    def copied() -> None:
        open_notebook(runtime().notebooks.store().copy(wanted(), name, now).notebook_id)

    act(lambda: carry_out(Deed("copy notebook", f"notebook {notebook_id}"), copied))


def _versions(place: Place) -> None:
    identity, name = place.notebook.notebook_id, person().name
    try:
        found = runtime().notebooks.store().versions(identity, name)[:_MOST_VERSIONS]
    except WatchdogError as error:
        problem(f"older versions cannot be read: {error}", error.hint)
        return
    words = {each.version: f"{instant_text(each.saved_at)}, {each.cells} cells, {each.saved_by}" for each in found}
    key = f"notebook.version.{identity}"

    def taken() -> None:
        version = st.session_state[key]
        if version is not None:
            _copy(lambda: runtime().notebooks.store().load(identity, name, version=version), identity)

    st.selectbox(
        "Older versions", list(words), index=None, key=key, format_func=lambda version: words.get(version, str(version)),
        placeholder=f"{len(words)} kept", on_change=taken, help="Opens the chosen one as a copy.",
    )  # fmt: skip


def _delete(place: Place) -> None:
    notebook = place.notebook

    def gone() -> None:
        place.desk.settle(2.0)
        runtime().notebooks.store().delete(notebook.notebook_id, person().name, runtime().clock.now())
        st.session_state[state.NOTEBOOK_GONE] = (notebook.notebook_id, notebook.title)
        entries = runtime().notebooks.store().entries(person().name)
        if entries:
            open_notebook(entries[0].notebook_id)
        else:
            open_desk(new_desk(editing.first_cells("Untitled", new_id(), person().name)))

    act(lambda: carry_out(Deed("delete notebook", f"notebook {notebook.notebook_id}", details=notebook.title), gone))


def _restore(notebook_id: str) -> None:
    def back() -> None:
        runtime().notebooks.store().restore(notebook_id, person().name)
        st.session_state.pop(state.NOTEBOOK_GONE, None)
        open_notebook(notebook_id)

    act(lambda: carry_out(Deed("bring notebook back", f"notebook {notebook_id}"), back))
