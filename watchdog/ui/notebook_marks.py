"""Events on time charts: which kinds are marked, and the notes of people, written and taken back here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import streamlit as st
from msgspec.structs import replace

from watchdog.base.clock import floor_to
from watchdog.base.errors import StoreError, WatchdogError
from watchdog.model.notebook import Note
from watchdog.model.people import Role
from watchdog.model.telemetry import Window
from watchdog.model.units import instant_text
from watchdog.services.notebook.marks import KINDS
from watchdog.store.notes import MOST_NOTE_CHARS, new_note_id
from watchdog.ui import state
from watchdog.ui.audited import Deed, carry_out
from watchdog.ui.cards import problem
from watchdog.ui.data import history_marks, runtime
from watchdog.ui.escape import escape
from watchdog.ui.filters import set_parameters
from watchdog.ui.notebook_page import Place
from watchdog.ui.who import guarded_button, person

WORDS = {"alert": "Alerts that fired", "job start": "Starts of jobs", "drain": "Drains", "note": "Notes"}
# Starts of jobs are many, and hide the rest.
DEFAULT = ("alert", "drain", "note")
_PARAMETER, _NO_KIND = "marks", "none"
_MOST_SHOWN = 20


def kinds() -> tuple[str, ...]:
    """What the address says is marked."""
    asked = st.query_params.get(_PARAMETER, "")
    if not asked:
        return DEFAULT
    return tuple(kind for kind in KINDS if kind in asked.split(","))


def marks_over(window: Window | None) -> tuple[pd.DataFrame | None, str]:
    """Events that a chart over this time marks, and what stands for them in a key; none while the store is away."""
    chosen = kinds()
    if window is None or not chosen:
        return None, ""
    try:
        return history_marks(window.since, window.until, chosen)
    except StoreError:
        return None, ""  # the menu says why


def marks_menu(place: Place) -> None:
    """The menu, and the dialog of the note that is written."""
    with st.popover(
        "Events", icon=":material/flag:", help="What is marked on charts over time, and notes.", key=state.NOTEBOOK_EVENTS,
        on_change="rerun",
    ):  # fmt: skip
        st.session_state[state.NOTEBOOK_MARKS] = [*kinds()]
        st.pills(
            "Marked on charts over time", KINDS, selection_mode="multi", key=state.NOTEBOOK_MARKS,
            format_func=lambda kind: WORDS[kind], on_change=_chosen,
        )  # fmt: skip
        guarded_button(
            "Write a note", Role.OPERATOR, key="notebook.note.new", icon=":material/add_comment:", on_click=_begin,
            args=(_empty(place.window),), width="stretch",
        )  # fmt: skip
        _notes(place.window)
    draft: Note | None = st.session_state.get(state.NOTEBOOK_NOTE)
    if draft is not None:
        title = "Change a note" if draft.text else "Write a note"
        st.dialog(title, on_dismiss=_forget)(_form)(draft)


def _chosen() -> None:
    picked = [kind for kind in KINDS if kind in (st.session_state[state.NOTEBOOK_MARKS] or [])]
    value = ",".join(picked) or _NO_KIND
    set_parameters(**{_PARAMETER: "" if tuple(picked) == DEFAULT else value})


def _notes(window: Window) -> None:
    try:
        found = runtime().notebooks.notes().notes(window)
    except WatchdogError as error:
        problem(f"events and notes cannot be read: {error}", error.hint)
        return
    if not found:
        st.caption("No notes in this window. Everybody sees them, on every chart over time.")
        return
    newest = found[::-1][:_MOST_SHOWN]
    st.caption(
        f"The newest {len(newest)} of {len(found)} notes in this window." if len(newest) < len(found) else "Notes"
    )
    with st.container(height=min(320, 92 * len(newest)), border=False):
        for note in newest:
            _shown(note)


def _shown(note: Note) -> None:
    about = " · ".join(filter(None, (note.node, note.gpu_uuid, note.job_id and f"job {note.job_id}")))
    head = f"{instant_text(note.since, near=runtime().clock.now())}, {note.by}" + (f", {about}" if about else "")
    st.markdown(f":small[:gray[{escape(head)}]]  \n{escape(note.text, 400)}")
    if note.by == person().name:
        with st.container(horizontal=True):
            guarded_button(
                "Change", Role.OPERATOR, key=f"notebook.note.edit.{note.note_id}", type="tertiary", on_click=_begin, args=(note,)
            )  # fmt: skip
            guarded_button(
                "Delete", Role.OPERATOR, key=f"notebook.note.delete.{note.note_id}", type="tertiary", on_click=delete_note,
                args=(note,),
            )  # fmt: skip


def _empty(window: Window) -> Note:
    # The end itself lies outside of what is drawn.
    at = floor_to(window.until - timedelta(seconds=1), timedelta(minutes=1))
    return Note(new_note_id(), at, at, "", person().name, at)


def _begin(note: Note) -> None:
    st.session_state[state.NOTEBOOK_NOTE] = note
    st.session_state[state.NOTEBOOK_EVENTS] = False


def _forget() -> None:
    st.session_state.pop(state.NOTEBOOK_NOTE, None)


def _form(draft: Note) -> None:
    with st.form(f"notebook.note.{draft.note_id}", border=False):
        text = st.text_area(
            "Note", draft.text, max_chars=MOST_NOTE_CHARS, placeholder="What happened, and what was done."
        )
        left, right = st.columns(2)
        since = left.datetime_input("From, UTC", _naive(draft.since), step=60, format="YYYY-MM-DD")
        until = right.datetime_input("To, UTC", _naive(draft.until), step=60, format="YYYY-MM-DD")
        node = left.text_input("Node", draft.node, max_chars=200, placeholder="any")
        job = right.text_input("Job", draft.job_id, max_chars=100, placeholder="any")
        if st.form_submit_button("Keep", type="primary"):
            now = runtime().clock.now()
            begins, ends = _aware(since) or draft.since, _aware(until) or draft.until
            note = replace(
                draft, text=text, since=begins, until=max(begins, ends) if draft.since == draft.until else ends, node=node.strip(),
                job_id=job.strip(), written_at=now,
            )  # fmt: skip
            _kept(note, is_new=not draft.text)


def _kept(note: Note, *, is_new: bool) -> None:
    try:
        keep_note(note, is_new=is_new)
    except WatchdogError as error:
        problem(str(error), error.hint)
        return
    _forget()
    st.rerun()


def keep_note(note: Note, *, is_new: bool) -> None:
    """Add or change a note of one's own; may raise ActionError, NotebookError or StoreError."""
    store = runtime().notebooks.notes()
    deed = Deed("write note" if is_new else "change note", f"note {note.note_id}", details=note.text[:200])
    carry_out(deed, lambda: store.add(note) if is_new else store.edit(note))
    history_marks.clear()


def delete_note(note: Note) -> None:
    """Take a note of one's own off the time line; why not is told by the page."""
    now, by = runtime().clock.now(), person().name
    deed = Deed("delete note", f"note {note.note_id}", details=note.text[:200])
    try:
        carry_out(deed, lambda: runtime().notebooks.notes().delete(note.note_id, by, now))
    except WatchdogError as error:
        st.session_state[state.NOTEBOOK_ERROR] = error
    history_marks.clear()


def _naive(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None)


def _aware(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at else None
