"""Job: why does it wait or how did it end, how well did it use its GPUs, and what should change?"""

import streamlit as st

from watchdog.ui import job_blocks as blocks
from watchdog.ui.cards import section
from watchdog.ui.chat_links import ask_why_job
from watchdog.ui.filters import current_view
from watchdog.ui.job_page import choose_job, this_job
from watchdog.ui.job_verdict import job_verdict
from watchdog.ui.live import live

st.title("Job", anchor=False)
stage = choose_job()

if stage:

    @live
    def now() -> None:
        """The job in a line, and its numbers."""
        view = current_view()
        with section("", question="How is it, and why?"):
            job_verdict(this_job(view), view)
            ask_why_job(view)


if stage == "started":

    @live
    def change() -> None:
        """What to change next time."""
        with section("What to change", question="What do its numbers say, and which line would be better?"):
            blocks.job_advice(this_job(current_view()))

    @live
    def gpus() -> None:
        """Its GPUs, side by side and over its life."""
        view = current_view()
        with section("GPUs", question="Did all of its GPUs work, and equally? A row opens its GPU."):
            blocks.job_gpus(this_job(view))
        with section("Over its life", question="When did its GPUs work?"):
            blocks.job_charts(this_job(view), view)


if stage:

    @live
    def asked() -> None:
        """Request against use."""
        with section("Asked and used", question="Did it ask for what it needs?"):
            blocks.job_request(this_job(current_view()))


if stage == "started":

    @live
    def steps() -> None:
        """Its steps."""
        with section("Steps", question="What did its steps do, and how did they end?"):
            blocks.job_steps(this_job(current_view()))
