"""The line above a chat: the other chats, a new one, and what can be done with this one."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from watchdog.base.errors import WatchdogError
from watchdog.model.units import duration_text
from watchdog.store.chats import MOST_LISTED, MOST_TITLE_CHARS, ChatEntry
from watchdog.ui import state
from watchdog.ui.cards import guarded
from watchdog.ui.chat_export import as_markdown
from watchdog.ui.chat_place import Place, chats, leave_chat, open_chat
from watchdog.ui.data import runtime
from watchdog.ui.escape import escape

_LONGEST_LABEL = 60


def draw_bar(place: Place) -> None:
    """Chats, new, this one's menu, and its name."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.popover("Chats", icon=":material/forum:", key="assistant.chats"), guarded():
            _list(place)
        st.button("New chat", icon=":material/add:", key="assistant.new", on_click=leave_chat)
        if place.chat_id:
            with (
                st.popover("This chat", icon=":material/more_horiz:", key=f"assistant.menu.{place.chat_id}"),
                guarded(),
            ):
                _menu(place)
            st.markdown(f"**{escape(place.title, 90)}**", width="content")


def _list(place: Place) -> None:
    search = st.text_input("Search", key=state.CHAT_SEARCH, placeholder="words of a title, question or answer")
    found = chats().chats(place.owner, search)
    busy = runtime().assistant.busy_chats(place.owner)
    if not found:
        st.caption("No chat has all these words." if search else "None yet: ask something below.")
    with st.container(gap="xxsmall", height=360 if len(found) > 9 else "content", border=False):
        for entry in found:
            _entry(entry, current=entry.chat_id == place.chat_id, busy=entry.chat_id in busy)
    if len(found) == MOST_LISTED:
        st.caption(f"The {MOST_LISTED} that changed last; search finds older ones.")


def _entry(entry: ChatEntry, *, current: bool, busy: bool) -> None:
    icon = ":material/progress_activity:" if busy else ":material/check:" if current else None
    age = f" :gray[{_ago(entry.changed_at)}]"
    label = escape(entry.title, _LONGEST_LABEL) + age
    st.button(
        label,
        key=f"assistant.open.{entry.chat_id}",
        type="tertiary",
        icon=icon,
        on_click=open_chat,
        args=(entry.chat_id,),
    )


def _ago(at: datetime) -> str:
    return f"{duration_text(runtime().clock.now() - at).split(' ')[0]} ago"


def _menu(place: Place) -> None:
    key = f"assistant.title.{place.chat_id}"
    with st.form(f"{key}.form", border=False):
        name = st.text_input("Name", place.title, key=key, max_chars=MOST_TITLE_CHARS)
        if st.form_submit_button("Rename", key=f"{key}.rename"):
            chats().rename(place.chat_id, place.owner, name)
            st.rerun()
    st.download_button(
        "Export as Markdown", lambda: as_markdown(place.title, place.messages), "chat.md", "text/markdown",
        key=f"assistant.export.{place.chat_id}", on_click="ignore", icon=":material/download:",
    )  # fmt: skip
    st.divider()
    sure = st.checkbox("Erase it with all its answers", key=f"assistant.sure.{place.chat_id}")
    st.button(
        "Delete this chat", key=f"assistant.delete.{place.chat_id}", icon=":material/delete:", disabled=not sure,
        on_click=_delete, args=(place,),
    )  # fmt: skip


def _delete(place: Place) -> None:
    try:
        chats().delete(place.chat_id, place.owner)
    except WatchdogError as error:
        st.session_state[state.CHAT_PROBLEM] = (str(error), error.hint)
        return
    runtime().assistant.forget(place.chat_id)
    leave_chat()
