"""Job: why does it wait or how did it end, how well did it use its GPUs, and what should change?"""

import streamlit as st

from watchdog.ui import job_blocks as blocks
from watchdog.ui.cards import section
from watchdog.ui.filters import current_view
from watchdog.ui.job_page import choose_job, this_job
from watchdog.ui.job_verdict import job_verdict
from watchdog.ui.live import live

st.title("Job", anchor=False)

if choose_job():

    @live
    def now() -> None:
        """The job in a line, and its numbers."""
        view = current_view()
        with section("", question="How is it, and why?"):
            job_verdict(this_job(view), view)

    @live
    def change() -> None:
        """What to change next time."""
        view = current_view()
        with section("What to change", question="What do its numbers say, and which line would be better?"):
            blocks.job_advice(this_job(view))

    @live
    def gpus() -> None:
        """Its GPUs, side by side and over its life."""
        view = current_view()
        with section("GPUs", question="Did all of its GPUs work, and equally? A row opens its GPU."):
            blocks.job_gpus(this_job(view))
        with section("Over its life", question="When did its GPUs work?"):
            blocks.job_charts(this_job(view), view)

    @live
    def asked() -> None:
        """Request against use, and steps."""
        view = current_view()
        with section("Asked and used", question="Did it ask for what it needs?"):
            blocks.job_request(this_job(view))
        with section("Steps", question="What did its steps do, and how did they end?"):
            blocks.job_steps(this_job(view))
