"""The head of the page: which notebook, run and stop, the window, sharing, and what can be taken away."""

from __future__ import annotations

from datetime import datetime, timedelta

import streamlit as st

from watchdog.base.clock import floor_to
from watchdog.base.errors import WatchdogError
from watchdog.model.units import duration_text, instant_text
from watchdog.services.notebook import editing
from watchdog.services.notebook.desk import SaveState
from watchdog.services.notebook.outcome import CellState
from watchdog.store.notebooks import Entry, new_id
from watchdog.ui import state
from watchdog.ui.cards import problem
from watchdog.ui.data import runtime
from watchdog.ui.escape import escape
from watchdog.ui.filters import zoom_to
from watchdog.ui.notebook_files import file_menu
from watchdog.ui.notebook_manage import manage_menu
from watchdog.ui.notebook_marks import marks_menu
from watchdog.ui.notebook_page import Place, act, doing, new_desk, open_desk, open_notebook, run, said
from watchdog.ui.notebook_share import share_menu
from watchdog.ui.who import person

_THIS, _LAST = "This week", "Last week"


def draw_bar(place: Place) -> None:
    """The toolbar, and below it how things stand."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="notebook-bar"):
        _pick(place)
        st.button("New", key="notebook.new", icon=":material/note_add:", on_click=_new)
        _run_or_stop(place)
        for word in (_THIS, _LAST):
            st.button(word, key=f"notebook.week.{word}", on_click=_week, args=(word,), help=_week_help(word))
        marks_menu(place)
        share_menu(place)
        file_menu(place)
        manage_menu(place)
    _standing(place)
    _messages(place)


def _pick(place: Place) -> None:
    entries = {entry.notebook_id: entry for entry in _entries()}
    here = place.notebook
    options = [*dict.fromkeys([here.notebook_id, *entries])]
    st.session_state[state.NOTEBOOK_PICK] = here.notebook_id
    st.selectbox(
        "Notebook", options, key=state.NOTEBOOK_PICK, width=220, label_visibility="collapsed", on_change=_picked,
        format_func=lambda key: here.title if key == here.notebook_id else entries[key].title,
    )  # fmt: skip


def _entries() -> tuple[Entry, ...]:
    try:
        return runtime().notebooks.store().entries(person().name)
    except WatchdogError as error:
        st.session_state[state.NOTEBOOK_ERROR] = error
        return ()


def _picked() -> None:
    act(lambda: open_notebook(str(st.session_state[state.NOTEBOOK_PICK])))


def _new() -> None:
    open_desk(new_desk(editing.first_cells("Untitled", new_id(), person().name)))


def _run_or_stop(place: Place) -> None:
    if place.running:
        st.button("Stop", key="notebook.stop", icon=":material/stop:", on_click=place.stop)
        return
    waits = {CellState.NEVER, CellState.STALE, CellState.FORGOTTEN} & {*place.states().values()}
    st.button(
        "Run all", key="notebook.run", icon=":material/play_arrow:", on_click=run, type="primary" if waits else "secondary",
        help="Every question, in order, with the window up to now.",
    )  # fmt: skip


def week(word: str, now: datetime) -> tuple[datetime, datetime]:
    """This week from Monday, UTC, up to now, or the seven days before it."""
    today = floor_to(now, timedelta(days=1))
    monday = today - timedelta(days=today.weekday())
    if word == _LAST:
        return monday - timedelta(days=7), monday
    return monday, max(floor_to(now, timedelta(minutes=1)), monday + timedelta(minutes=1))


def _week(word: str) -> None:
    zoom_to(*week(word, runtime().clock.now()))


def _week_help(word: str) -> str:
    since, until = week(word, runtime().clock.now())
    return f"{since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC; cells that name \\$since are then run again with Run all."


def _standing(place: Place) -> None:
    """Saved or not, and the window that questions get."""
    window = place.window
    span = f"{window.since:%Y-%m-%d %H:%M} to {window.until:%Y-%m-%d %H:%M} UTC ({duration_text(window.length)})"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{_saved(place)} · window {span}", width="content")
        gone = place.desk.deleted
        if gone:
            st.button(
                f"Bring {escape(gone.cell.name)} back", key="notebook.undelete", icon=":material/undo:", type="tertiary",
                on_click=doing(place.desk.undelete),
            )  # fmt: skip


def _saved(place: Place) -> str:
    saved = place.desk.saved
    if place.desk.locked:
        return f":material/lock: {escape(place.desk.locked, 200)}"
    if saved.state is SaveState.SAVED:
        return f":material/cloud_done: saved {instant_text(saved.at, near=runtime().clock.now())}"
    return saved.state.value


def _messages(place: Place) -> None:
    for error in (said(), st.session_state.pop(state.NOTEBOOK_ERROR, None)):
        if error is not None:
            problem(str(error), error.hint)
    failed = place.desk.saved.error
    if failed is not None:
        problem(f"not saved: {failed}", f"{failed.hint} What you write is kept on screen and tried again.".strip())
    if place.desk.conflict is not None:
        other, conflict = place.desk.conflict
        st.warning(
            f"{escape(conflict, 300)}\n\n{escape(conflict.hint, 400)} You see it now.", icon=":material/call_split:"
        )
        with st.container(horizontal=True):
            st.button("Open the other version", key="notebook.other", on_click=_open_other, args=(place, other))
            st.button("Stay here", key="notebook.stay", on_click=place.desk.dismiss)


def _open_other(place: Place, other: str) -> None:
    if act(lambda: open_notebook(other)):
        place.desk.dismiss()
