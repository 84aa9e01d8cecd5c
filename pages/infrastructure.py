"""Infrastructure: what is rented, what does it cost, until when, and is it used?"""

import streamlit as st

from watchdog.ui.cards import section
from watchdog.ui.infra_acts import draw_dialog
from watchdog.ui.infra_deed import deed_block
from watchdog.ui.infra_live import live_at_pace
from watchdog.ui.infra_market import market_block
from watchdog.ui.infra_now import now_block
from watchdog.ui.infra_spend import spend_block
from watchdog.ui.infra_trail import trail_block

st.title("Infrastructure", anchor=False)


@live_at_pace
def now() -> None:
    """What is rented, and what is being done about it."""
    with section("", question="What is rented, what does it cost, and until when?"):
        deed_block()
        now_block()


with section("Spend", question="What has it cost, whose work was it for, and what was idle?"):
    spend_block()

with section("What if", question="What would a cluster cost, and is it to be had?"):
    market_block()

with section("Who did what", question="Which steps were taken, when and by whom?"):
    trail_block()

draw_dialog()
