"""Alerts: what is wrong, since when, who has it, and what is to be done?"""

import streamlit as st

from watchdog.ui import alert_acts as acts
from watchdog.ui.alert_channels import channels_tab
from watchdog.ui.alert_foreign import foreign_block
from watchdog.ui.alert_history import history_block
from watchdog.ui.alert_list import active_block
from watchdog.ui.alert_page import choose_tab
from watchdog.ui.alert_rule_form import rule_form
from watchdog.ui.alert_rules import rules_block
from watchdog.ui.alert_silences import new_silence, silence_ending, silences_block
from watchdog.ui.cards import section
from watchdog.ui.data import runtime
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

    if runtime().alertmanager is not None:

        @live
        def foreign() -> None:
            """What others have found."""
            with section("Alertmanager", question="What do others say is wrong?"):
                foreign_block()


if tab == "history":

    @live
    def history() -> None:
        """What was."""
        with section("", question="What fired, who took it and how long did it last?"):
            history_block(current_view())


if tab == "rules":

    @live
    def rules() -> None:
        """How the rules stand."""
        with section("", question="What is watched, how does it stand, and what is off?"):
            rules_block()

    # Forms stand outside of what draws itself again, so that half-typed words stay.
    rule_form()


if tab == "silences":

    @live
    def silences() -> None:
        """What is planned."""
        with section("", question="What is silenced, by whom and until when?"):
            silences_block()

    with section("New silence", question="What is planned?"):
        new_silence()
    silence_ending()


if tab == "channels":
    channels_tab()

acts.draw_dialog()
