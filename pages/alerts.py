"""Alerts: what is wrong, since when, who has it, and what is to be done?"""

import streamlit as st

from watchdog.ui import alert_acts as acts
from watchdog.ui.alert_list import active_block
from watchdog.ui.alert_page import choose_tab
from watchdog.ui.cards import section
from watchdog.ui.filters import current_view
from watchdog.ui.live import live

st.title("Alerts", anchor=False)
acts.arrive()
tab = choose_tab()

if tab == "active":

    @live
    def active() -> None:
        """What is open."""
        with section("", question="What is wrong now, worst first?"):
            active_block(current_view())


acts.draw_dialog()
