"""Ways from other pages to the assistant, each with what was on screen there."""

from __future__ import annotations

import streamlit as st

from watchdog.ui import state
from watchdog.ui.address import View
from watchdog.ui.alert_links import has_assistant
from watchdog.ui.chat_place import ASSISTANT_PAGE, ask_elsewhere
from watchdog.ui.filters import shared_parameters


def ask_why_job(view: View) -> None:
    """A link to the assistant about the job on screen."""
    _ask_why({"job": view.address.job})


def ask_why_gpu(view: View) -> None:
    """A link to the assistant about the GPU on screen."""
    _ask_why({"node": view.address.node, "gpu": view.address.gpu})


def _ask_why(about: dict[str, str]) -> None:
    if has_assistant():
        st.page_link(
            ASSISTANT_PAGE, label="Ask why", icon=":material/forum:", query_params={**shared_parameters(), **about}
        )


def ask_box() -> None:
    """A question typed here is asked on the assistant's page, in a chat of its own."""
    if not has_assistant():
        return
    with st.container(border=True):
        st.header("Ask", anchor=False, help="What is wrong, why, and what to do? The assistant answers, with evidence.")
        text = st.chat_input("Which GPUs need attention?", key=state.OVERVIEW_ASK)
        if text:
            ask_elsewhere(text)
