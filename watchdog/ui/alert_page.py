"""Which part of the alerts page is on screen; the URL holds it."""

from __future__ import annotations

import streamlit as st

from watchdog.ui import state
from watchdog.ui.alert_address import ACTIVE, TABS, Place, read_place
from watchdog.ui.data import board
from watchdog.ui.escape import escape
from watchdog.ui.filters import set_parameters


def current_place() -> Place:
    """What the URL asks for."""
    return read_place({key: st.query_params.get_all(key) for key in st.query_params})


def choose_tab() -> str:
    """Draw the tabs as the URL has them, and say what in it was wrong; the tab that is on screen."""
    place = current_place()
    for problem in place.problems:
        st.warning(escape(problem, 300), icon=":material/link_off:")
    if st.session_state.get(state.ALERT_TAB) != place.tab:
        st.session_state[state.ALERT_TAB] = place.tab
    st.segmented_control(
        "Show", TABS, key=state.ALERT_TAB, required=True, on_change=_changed, label_visibility="collapsed",
        format_func=_label,
    )  # fmt: skip
    return place.tab


def _label(tab: str) -> str:
    count = len(board(None).unhandled) if tab == ACTIVE else 0
    return f"{tab.capitalize()} {count:,}" if count else tab.capitalize()


def _changed() -> None:
    tab = str(st.session_state[state.ALERT_TAB])
    set_parameters(tab="" if tab == ACTIVE else tab, incident="", rule="", severity="", node="", who="")
