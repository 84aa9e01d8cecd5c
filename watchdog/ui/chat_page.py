"""The assistant's page in the order it is drawn."""

from __future__ import annotations

import streamlit as st

from watchdog.base.errors import ChatError
from watchdog.ui import state
from watchdog.ui.cards import problem
from watchdog.ui.chat_messages import draw_messages, draw_problem
from watchdog.ui.chat_place import Place, ask
from watchdog.ui.chat_start import draw_about, draw_start


def conversation(place: Place) -> None:
    """What is wrong, what it is about, and what was said; or what can be asked."""
    if place.error is not None:
        hint = place.error.hint
        if not isinstance(place.error, ChatError):
            hint = f"{hint} Questions are answered all the same, and kept once it works again."
        problem(_sentence(str(place.error)), hint)
    draw_about(place)
    if place.messages:
        draw_messages(place)
    else:
        draw_start(place)
    draw_problem(place)


def question_box(place: Place) -> None:
    """Where questions are typed; what is half typed stays through everything but a reload."""
    # No max_chars: Streamlit would cut a longer question without a word.
    hint = "Ask about GPUs, jobs, the queue, cost, or what changed"
    text = st.chat_input(hint, key=state.CHAT_QUESTION)
    if text:
        ask(place, text)
        st.rerun()


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
