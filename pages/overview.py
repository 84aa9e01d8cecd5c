"""Overview: what needs you now, is anything wrong with the GPUs, and how well are they used?"""

import streamlit as st

from watchdog.ui import alert_acts as acts
from watchdog.ui.alert_overview import alert_headline, needs_you, since_last_look
from watchdog.ui.cards import guarded, section
from watchdog.ui.chat_links import ask_box
from watchdog.ui.data import fleet, idle_hours
from watchdog.ui.filters import current_view
from watchdog.ui.fleet_blocks import grid_block, idle_block, verdict
from watchdog.ui.live import live
from watchdog.ui.slurm_blocks import queue_strip

st.title("Overview", anchor=False)
acts.arrive()


@live
def now() -> None:
    """The verdict, what to look at, and where."""
    view = current_view()
    with guarded():
        answer = fleet(view.at)
        with section("", question="Are all GPUs there, and is anything wrong?"):
            verdict(answer, view, alert_headline(answer, view))
        needs_you(answer, view)
        with section("GPU grid", question="Which GPUs are busy, idle or in trouble? Click one to open it."):
            grid_block(answer, "overview.grid")
        queue_strip(view)


@live
def waste() -> None:
    """What did nothing."""
    view = current_view()
    with section("Idle and waste", question="How many GPU-hours did nothing, and what did they cost?"):
        idle_block(idle_hours(view.window.since, view.window.until))


@live
def meanwhile() -> None:
    """What happened while nobody looked."""
    since_last_look(current_view())


ask_box()
acts.draw_dialog()
