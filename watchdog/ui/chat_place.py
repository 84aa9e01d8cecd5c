"""Which chat is on screen, what the question is about, and asking it. The URL holds the chat, so a reload finds it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

import streamlit as st

from watchdog.assistant.kept import about_of
from watchdog.assistant.records import About
from watchdog.base.errors import ChatError, StoreError, WatchdogError
from watchdog.store.chats import ChatStore, Message, new_chat_id
from watchdog.ui import state
from watchdog.ui.data import runtime
from watchdog.ui.filters import current_view, set_parameters, shared_parameters
from watchdog.ui.who import person

ASSISTANT_PAGE = "pages/assistant.py"
_CHAT_ID = re.compile(r"[0-9a-f]{16}")
_NOTHING = About()


@dataclass(frozen=True)
class Place:
    """The chat on screen ("" before its first question), its owner, and what a question is about."""

    chat_id: str
    owner: str
    about: About
    messages: tuple[Message, ...] = ()
    title: str = ""
    error: WatchdogError | None = None


def chats() -> ChatStore:
    """Where chats are kept; StoreError."""
    return ChatStore(runtime().history.store())


def current_place() -> Place:
    """The chat that the URL names, else the one that was on screen last, unless somebody comes with something to ask about."""
    address = current_view().address
    about = About(address.incident, address.job, address.gpu, "" if address.gpu else address.node)
    owner, chat_id = person().name, _chat_id(about)
    if not chat_id:
        return Place("", owner, about)
    try:
        messages = runtime().assistant.messages(chat_id, owner)
        title = chats().title(chat_id, owner)
    except ChatError as error:
        leave_chat()
        return Place("", owner, about, error=error)
    except StoreError as error:
        said = runtime().assistant.unkept(chat_id, owner)
        return Place(chat_id, owner, about, said, error=error)
    before = about_of(messages[-1].asked.about) if messages else _NOTHING
    return Place(chat_id, owner, about if about != _NOTHING else before, messages, title)


def _chat_id(about: About) -> str:
    named = st.query_params.get("chat", "")
    if _CHAT_ID.fullmatch(named):
        st.session_state[state.CHAT] = named
        return named
    last = str(st.session_state.get(state.CHAT, ""))
    if last and about == _NOTHING:
        set_parameters(chat=last)
        return last
    return ""


def open_chat(chat_id: str) -> None:
    """Put a chat on screen."""
    st.session_state[state.CHAT] = chat_id
    _forget_what_is_open()
    set_parameters(chat=chat_id, incident="", job="", gpu="", node="")


def leave_chat() -> None:
    """An empty page for a new chat; what was said stays in the list."""
    st.session_state.pop(state.CHAT, None)
    _forget_what_is_open()
    set_parameters(chat="", incident="", job="", gpu="", node="")


def _forget_what_is_open() -> None:
    for key in (state.CHAT_EDIT, state.CHAT_EVIDENCE, state.CHAT_NEXT, state.CHAT_PROBLEM):
        st.session_state.pop(key, None)


def ask(place: Place, text: str, about: About | None = None) -> None:
    """Begin to answer in this chat, or in a new one; what cannot be asked is told, and stays to be changed."""
    runs, chat_id = runtime().assistant, place.chat_id or new_chat_id()
    if place.chat_id and runs.running(place.chat_id) is not None:
        st.session_state[state.CHAT_NEXT] = text
        return
    asked_about = place.about if about is None else about
    try:
        runs.ask(place.owner, chat_id, text, about=asked_about, view_at=_asked_of())
    except ChatError as error:
        st.session_state[state.CHAT_PROBLEM] = (str(error), error.hint)
        st.session_state[state.CHAT_EDIT] = ("", text)
        return
    open_chat(chat_id)


def _asked_of() -> datetime | None:
    return current_view().past


def ask_elsewhere(text: str) -> None:
    """From another page: go to the assistant and ask this in a new chat."""
    st.session_state.pop(state.CHAT, None)
    st.session_state[state.CHAT_ASK] = text
    st.switch_page(ASSISTANT_PAGE, query_params=shared_parameters())


def ask_what_waits(place: Place) -> None:
    """Ask what was typed on another page, or while the last answer was being written."""
    busy = bool(place.chat_id) and runtime().assistant.running(place.chat_id) is not None
    waiting = st.session_state.pop(state.CHAT_ASK, "")
    if not waiting and not busy:
        waiting = st.session_state.pop(state.CHAT_NEXT, "")
    if waiting:
        ask(place, str(waiting))
        st.rerun()
