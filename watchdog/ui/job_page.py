"""Which job the job page is about, and the way there."""

from __future__ import annotations

import streamlit as st

from watchdog.base.errors import SourceUnavailableError, WatchdogError
from watchdog.model.units import instant_text
from watchdog.services.jobs import JobDetail
from watchdog.ui import state
from watchdog.ui.address import View
from watchdog.ui.cards import empty_state, problem
from watchdog.ui.data import job_detail, slurm
from watchdog.ui.escape import escape
from watchdog.ui.filters import current_view, set_parameters, shared_parameters
from watchdog.ui.frame_cells import has

JOB_PAGE = "pages/job.py"


def open_job(job_id: str) -> None:
    """Leave for a job's page, with the shared filters."""
    st.switch_page(JOB_PAGE, query_params={**shared_parameters(), "job": job_id})


def choose_job() -> str:
    """Draw the job's id as a field that mirrors the URL; "waiting" or "started", or "" where there is nothing to show."""
    view = current_view()
    _picker(view)
    job_id = view.address.job
    if not job_id:
        empty_state("No job is chosen.", "Write a job's id above, or click a row of the queue on the Slurm page.")
        return ""
    try:
        found = job_detail(job_id, view.at)
    except WatchdogError as error:
        problem(str(error), error.hint)
        return ""
    if found is None:
        empty_state(f"Job {escape(job_id, 64)} is not known.", _unknown_hint(view))
        return ""
    return "started" if has(found.job["started_at"]) else "waiting"


def this_job(view: View) -> JobDetail:
    """The chosen job; SourceUnavailableError if it has been forgotten since it was chosen."""
    found = job_detail(view.address.job, view.at)
    if found is None:
        raise SourceUnavailableError(f"Job {view.address.job} is not known any more", hint="Choose another one.")
    return found


def _unknown_hint(view: View) -> str:
    if slurm() is None:
        return "No Slurm is read here: WATCHDOG_SLURM and docs/settings.md say how."
    return (
        f"Neither Slurm nor the history has seen it by {instant_text(view.at)}. Ids are written as squeue writes them: "
        "123, 123_4 for a task of an array, 123+1 for a part of a heterogeneous job."
    )


def _picker(view: View) -> None:
    st.session_state[state.JOB] = view.address.job
    st.text_input(
        "Job id", key=state.JOB, on_change=_job_changed, placeholder="123, 123_4 or 123+1", max_chars=64, width=240
    )


def _job_changed() -> None:
    set_parameters(job=st.session_state[state.JOB].strip())
