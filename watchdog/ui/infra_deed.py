"""What is being done at RunPod on somebody's word, and what came of it."""

from __future__ import annotations

import streamlit as st

from infra.deeds import Deed
from watchdog.model.units import duration_text
from watchdog.ui import state
from watchdog.ui.data import runtime
from watchdog.ui.escape import escape


def deed_block() -> None:
    """The newest deed: its progress, or its end until it is put away."""
    deed = runtime().rental.deeds.newest
    if deed is None or st.session_state.get(state.INFRA_SEEN) == deed.began_at:
        return
    if deed.ended_at is None:
        _under_way(deed)
        return
    if st.session_state.pop(state.INFRA_RUNNING, None):
        st.rerun(scope="app")
    with st.container(horizontal=True, vertical_alignment="center"):
        _outcome(deed)
        if st.button("Put away", key="infra.seen"):
            st.session_state[state.INFRA_SEEN] = deed.began_at
            st.rerun(scope="app")


def _under_way(deed: Deed) -> None:
    st.session_state[state.INFRA_RUNNING] = True
    age = duration_text(runtime().clock.now() - deed.began_at)
    st.info(f"**{escape(deed.what)}**, by {escape(deed.by)}, for {age}.", icon=":material/hourglass_top:")
    if deed.said:
        st.code(deed.said, language=None)


def _outcome(deed: Deed) -> None:
    who = f"**{escape(deed.what)}**, by {escape(deed.by)}"
    if deed.error:
        st.error(f"{who} failed: {escape(deed.error, 600)}\n\n{escape(deed.hint, 300)}", icon=":material/error:")
    else:
        st.success(f"{who}: {escape(deed.said, 1200)}", icon=":material/check_circle:")
