"""The answer that is being written: each word is shown as it comes, while the rest of the page stands still."""

from __future__ import annotations

import time

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from watchdog.assistant.runs import Run
from watchdog.model.units import duration_text
from watchdog.ui.chat_answer import notices, timeline
from watchdog.ui.chat_markdown import safe_markdown
from watchdog.ui.chat_place import Place
from watchdog.ui.data import runtime

# How soon the browser asks again once a tick has ended; a click elsewhere on the page waits for the end of a tick.
_AGAIN_SECONDS, _TICK_SECONDS = 0.25, 1.0
# A word is drawn at once, but the browser is not given more than so many pictures a second; a click is seen as often.
_PICTURE_SECONDS = 0.06
_LONGEST_THOUGHT = 1_500


def draw_live(place: Place, run: Run) -> None:
    """The answer so far, until it is whole: then the whole page is drawn."""
    whole_page = True

    def tick() -> None:
        nonlocal whole_page
        if run.answer is not None:
            st.rerun(scope="app")
        # The first picture is part of the page, the rest of which must not wait.
        _draw(run, 0.0 if whole_page else _TICK_SECONDS)
        whole_page = False

    st.button(
        "Stop", key=f"assistant.stop.{run.asked.message_id}", icon=":material/stop:", on_click=_stop,
        args=(run.asked.message_id,), help="What it has said so far stays.",
    )  # fmt: skip
    st.fragment(tick, run_every=_AGAIN_SECONDS)()


def _stop(message_id: str) -> None:
    runtime().assistant.stop(message_id)


def _draw(run: Run, seconds: float) -> None:
    """Draw what there is, then what comes within so many seconds; an answer that is whole or looks anew ends it."""
    shown, began = run.version, time.monotonic()
    tools, told = run.draft.tools, run.draft.notices
    timeline(tools, label="Looking", expanded=True)
    words = st.empty()
    notices(told)
    doing = st.empty()
    while True:
        _draw_words(run, words, doing)
        left = seconds - (time.monotonic() - began)
        if left <= 0:
            return
        time.sleep(_PICTURE_SECONDS)
        shown = run.wait(shown, min(left, _AGAIN_SECONDS))
        if run.answer is not None or (run.draft.tools, run.draft.notices) != (tools, told):
            st.rerun(scope="fragment")


def _draw_words(run: Run, words: DeltaGenerator, doing: DeltaGenerator) -> None:
    draft = run.draft
    if draft.text:
        numbers = {each.number for each in draft.evidence}
        words.markdown(safe_markdown(draft.text, numbers=numbers, message_id=run.asked.message_id))
    elif draft.thought:
        with words.expander("Thinking"):
            st.markdown(safe_markdown(draft.thought[-_LONGEST_THOUGHT:]))
    took = runtime().clock.now() - run.asked.asked_at
    what = "Stopping" if run.stopping else "Writing" if draft.text else "Thinking" if draft.thought else "Working"
    doing.caption(f"{what} for {duration_text(took)}")
