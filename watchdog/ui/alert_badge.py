"""How many incidents need somebody, in the navigation."""

from __future__ import annotations

import streamlit as st

from watchdog.base.errors import WatchdogError
from watchdog.model.findings import Severity
from watchdog.ui import state
from watchdog.ui.alert_words import LOOKS
from watchdog.ui.data import board

_COUNTED = (Severity.CRITICAL, Severity.WARNING)


def draw_title() -> str:
    """`alerts_title`, remembered as what the navigation shows now."""
    st.session_state[state.ALERT_TITLE] = alerts_title()
    return str(st.session_state[state.ALERT_TITLE])


def renew_title() -> None:
    """Within a live block: run the whole page where the navigation's counts are old, but not under an open dialog."""
    drawn = st.session_state.get(state.ALERT_TITLE)
    if drawn is not None and drawn != alerts_title() and state.ALERT_ACT not in st.session_state:
        st.rerun(scope="app")


def alerts_title() -> str:
    """The page's name with what nobody has yet: "Alerts (2 ⬣, 1 ▲)"; of this moment, however far the page is rewound."""
    try:
        now = board(None)
    except WatchdogError:
        # Said by the page itself, which cannot be drawn either.
        return "Alerts"
    counts = [(now.count(severity), LOOKS[severity].shape) for severity in _COUNTED]
    words = ", ".join(f"{count:,} {shape}" for count, shape in counts if count)
    return f"Alerts ({words})" if words else "Alerts"
