"""A chat as it is read: questions, answers, and what can be done with each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from watchdog.assistant.kept import answer_of
from watchdog.assistant.records import Answer, Ending, Notice
from watchdog.base.errors import WatchdogError
from watchdog.model.units import instant_text
from watchdog.store.chats import MOST_NOTE_CHARS, Message
from watchdog.ui import state
from watchdog.ui.cards import guarded, problem
from watchdog.ui.chat_answer import draw_answer
from watchdog.ui.chat_live import draw_live
from watchdog.ui.chat_place import Place, ask, chats
from watchdog.ui.data import runtime
from watchdog.ui.escape import escape

_MOST_SHOWN = 20
_CUT = Notice(
    "This answer was cut off: the server ended while it was written.",
    "What it had said is here; ask again for the rest.",
)


def draw_messages(place: Place) -> None:
    """Everything that was said in this chat, and the answer that is being written."""
    run = runtime().assistant.running(place.chat_id)
    shown = _shown(place)
    for number, message in enumerate(shown, len(place.messages) - len(shown)):
        live = run is not None and run.asked.message_id == message.asked.message_id
        _question(message)
        with st.chat_message("assistant", avatar=":material/monitor_heart:"), guarded():
            if live and run is not None:
                draw_live(place, run)
            else:
                answer = _answer(message)
                draw_answer(message, answer)
                _actions(place, message, last=number == len(place.messages) - 1)
    waiting = st.session_state.get(state.CHAT_NEXT, "")
    if run is not None and waiting:
        st.caption(f"Next: {escape(waiting, 300)}")


def _shown(place: Place) -> tuple[Message, ...]:
    """The newest, and a way to all of them: a long chat takes seconds to draw."""
    hidden = len(place.messages) - _MOST_SHOWN
    if hidden <= 0 or st.session_state.get(state.CHAT_WHOLE) == place.chat_id:
        return place.messages
    st.button(f"Show {hidden:,} earlier", key="assistant.whole", type="tertiary", on_click=_show_all, args=(place,))
    return place.messages[hidden:]


def _show_all(place: Place) -> None:
    st.session_state[state.CHAT_WHOLE] = place.chat_id


def _question(message: Message) -> None:
    with st.chat_message("user", avatar=":material/person:"):
        st.text(message.asked.question)
        if message.asked.view_at is not None:
            st.caption(f"asked of {instant_text(message.asked.view_at)}")


def _answer(message: Message) -> Answer:
    answer = answer_of(message.reply.body, model=message.reply.model)
    if message.reply.ended_at is None:
        return replace(answer, ending=Ending.STOPPED, notices=(*answer.notices, _CUT))
    return answer


def _actions(place: Place, message: Message, *, last: bool) -> None:
    identity = message.asked.message_id
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        _thumbs(place, message)
        if last:
            st.button(
                "Ask again", key=f"assistant.again.{identity}", type="tertiary", icon=":material/refresh:",
                on_click=_again, args=(place, message), help="Asks the same question anew; this answer goes.",
            )  # fmt: skip
        st.button(
            "Edit question", key=f"assistant.change.{identity}", type="tertiary", icon=":material/edit:",
            on_click=_edit, args=(message,),
        )  # fmt: skip
    if st.session_state.get(state.CHAT_EDIT, ("",))[0] == identity:
        edit_form(place, message.asked.question, identity, last=last)


def _thumbs(place: Place, message: Message) -> None:
    identity = message.asked.message_id
    key = f"assistant.thumb.{identity}"
    default = {1: 1, -1: 0}.get(message.thumb)
    st.feedback("thumbs", key=key, default=default, on_change=_rate, args=(place, message, key))
    label = "Note" if not message.note else "Note (1)"
    with st.popover(label, icon=":material/edit_note:", key=f"assistant.note.{identity}", type="tertiary"):
        text = st.text_area(
            "What was right or wrong?", message.note, key=f"{key}.note", max_chars=MOST_NOTE_CHARS, height=90
        )
        if st.button("Keep note", key=f"{key}.keep"):
            with guarded():
                chats().rate(identity, place.owner, message.thumb, text)
                st.rerun()


def _rate(place: Place, message: Message, key: str) -> None:
    picked = st.session_state.get(key)
    thumb = 0 if picked is None else 1 if picked else -1
    _attempt(lambda: chats().rate(message.asked.message_id, place.owner, thumb, message.note))


def _attempt(action: Callable[[], None]) -> bool:
    try:
        action()
    except WatchdogError as error:
        st.session_state[state.CHAT_PROBLEM] = (str(error), error.hint)
        return False
    return True


def _again(place: Place, message: Message) -> None:
    _replace(place, message.asked.message_id, message.asked.question)


def _edit(message: Message) -> None:
    st.session_state[state.CHAT_EDIT] = (message.asked.message_id, message.asked.question)


def _replace(place: Place, message_id: str, text: str) -> None:
    """Ask this in place of that question and all that followed it."""
    if runtime().assistant.running(place.chat_id) is not None:
        st.session_state[state.CHAT_PROBLEM] = ("This chat is still being answered.", "Stop the answer first.")
        return
    dropped = not message_id or _attempt(lambda: chats().drop_from(message_id, place.owner, runtime().clock.now()))
    if dropped:
        st.session_state.pop(state.CHAT_EDIT, None)
        ask(place, text)


def edit_form(place: Place, text: str, message_id: str, *, last: bool = True) -> None:
    """The question to be changed. What is typed stays until it is asked or cancelled."""
    key = f"assistant.edit.{message_id or 'new'}"
    with st.form(f"{key}.form"):
        changed = st.text_area("Question", text, key=key)
        if not last:
            st.caption("What was said after it goes with the old answer.")
        with st.container(horizontal=True):
            wanted = st.form_submit_button("Ask this", type="primary", key=f"{key}.ask")
            cancelled = st.form_submit_button("Cancel", key=f"{key}.cancel")
    if wanted:
        _replace(place, message_id, changed)
        st.rerun()
    if cancelled:
        st.session_state.pop(state.CHAT_EDIT, None)
        st.rerun()


def draw_problem(place: Place) -> None:
    """What could not be done just now, and the words that could not be asked."""
    found = st.session_state.pop(state.CHAT_PROBLEM, None)
    if found:
        problem(found[0][:1].upper() + found[0][1:], found[1])
    edited = st.session_state.get(state.CHAT_EDIT)
    if edited and not edited[0]:
        edit_form(place, edited[1], "")
