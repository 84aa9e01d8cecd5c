"""The answer that is being written: drawn again several times a second, while the rest of the page stands still."""

from __future__ import annotations

import streamlit as st

from watchdog.assistant.runs import Run
from watchdog.model.units import duration_text
from watchdog.ui.chat_answer import notices, timeline
from watchdog.ui.chat_markdown import safe_markdown
from watchdog.ui.chat_place import Place
from watchdog.ui.data import runtime

# What arrives is seen after half of it on average; a tick costs some milliseconds.
POLL_SECONDS = 0.25
_LONGEST_THOUGHT = 1_500


def draw_live(place: Place, run: Run) -> None:
    """The answer so far, until it is whole: then the whole page is drawn."""

    def tick() -> None:
        if run.answer is not None:
            st.rerun(scope="app")
        _draw(run)

    st.button(
        "Stop", key=f"assistant.stop.{run.asked.message_id}", icon=":material/stop:", on_click=_stop,
        args=(run.asked.message_id,), help="What it has said so far stays.",
    )  # fmt: skip
    st.fragment(tick, run_every=POLL_SECONDS)()


def _stop(message_id: str) -> None:
    runtime().assistant.stop(message_id)


def _draw(run: Run) -> None:
    draft = run.draft
    timeline(draft.tools, label="Looking", expanded=True)
    if draft.thought and not draft.text:
        tail = draft.thought[-_LONGEST_THOUGHT:]
        with st.expander("Thinking"):
            st.markdown(safe_markdown(tail))
    if draft.text:
        numbers = {each.number for each in draft.evidence}
        st.markdown(safe_markdown(draft.text, numbers=numbers, message_id=run.asked.message_id))
    notices(draft.notices)
    took = runtime().clock.now() - run.asked.asked_at
    doing = "Stopping" if run.stopping else "Writing" if draft.text else "Thinking" if draft.thought else "Working"
    st.caption(f"{doing} for {duration_text(took)}")
