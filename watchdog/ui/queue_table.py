"""The queue as a table: filters, search, states in words, and a way into every job."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
import streamlit as st

from watchdog.model.slurm.records import ACTIVE, WAITING
from watchdog.model.units import duration_text, instant_text
from watchdog.services.queue import Queue
from watchdog.ui import state
from watchdog.ui.address import View
from watchdog.ui.data import ended_jobs
from watchdog.ui.job_page import open_job
from watchdog.ui.queue_address import ALL, ENDED, LONGEST_NAME, PENDING, RUNNING, Chosen
from watchdog.ui.queue_filters import current_filters, draw_filters
from watchdog.ui.slurm_words import job_text

MOST_ROWS = 500
_STATES = {ALL: None, PENDING: WAITING, RUNNING: ACTIVE}


def queue_table(answer: Queue, view: View) -> None:
    """Filters, and the jobs that they let through, the longest wait first; a row opens its job.

    Ended jobs are those of the page's window. The filters stand in the URL.
    """
    at, chosen = answer.at, current_filters()
    ended = chosen.show == ENDED
    jobs = ended_jobs(view.window.since, view.window.until) if ended else answer.jobs
    draw_filters(chosen, answer.jobs, jobs)
    picked = matching(jobs, chosen)
    shown = picked.head(MOST_ROWS)
    # The picked row counts in the table that was on screen, which a refresh may have sorted anew.
    before = st.session_state.get(state.QUEUE_ORDER, [])
    st.session_state[state.QUEUE_ORDER] = list(shown["job_id"])
    event = st.dataframe(
        _table(shown, at), hide_index=True, key=state.QUEUE_TABLE, on_select="rerun", selection_mode="single-row",
        column_config=_COLUMNS, height=430 if len(shown) > 11 else "auto", placeholder="n/a",
        alt=f"Table of {len(shown)} jobs, the longest wait first",
    )  # fmt: skip
    _caption(len(shown), len(picked), len(jobs), view if ended else None)
    rows = event.get("selection", {}).get("rows", [])
    if rows and rows[0] < len(before):
        open_job(str(before[rows[0]]))


def matching(jobs: pd.DataFrame, chosen: Chosen) -> pd.DataFrame:
    """The jobs that the filters let through; the search looks at id, name, user, account, reason and nodes."""
    keep = pd.Series(True, index=jobs.index)
    states = _STATES.get(chosen.show)
    if states is not None:
        keep &= jobs["state"].isin([one.value for one in states])
    for column, values in (("user", chosen.users), ("account", chosen.accounts), ("partition", chosen.partitions)):
        if values:
            keep &= jobs[column].str.slice(0, LONGEST_NAME).isin(values)
    for word in chosen.search.lower().split():
        keep &= _contains(jobs, word)
    return jobs[keep.to_numpy(dtype=bool)]


def _contains(jobs: pd.DataFrame, word: str) -> pd.Series:
    found = pd.Series(False, index=jobs.index)
    for column in ("job_id", "name", "user", "account", "reason", "nodes"):
        found |= jobs[column].str.lower().str.contains(word, regex=False, na=False).astype(bool)
    return found


def _table(jobs: pd.DataFrame, at: datetime) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "state": [job_text(value) for value in jobs["state"]],
            "for": [_for(*row) for row in zip(jobs["state"], *_instants(jobs, at), strict=True)],
            "why": _cut(jobs["why"]),
            "job": jobs["job_id"].astype("string"),
            "user": _cut(jobs["user"]),
            "gpus": jobs["gpus"],
            "partition": _cut(jobs["partition"]),
            "name": _cut(jobs["name"]),
            "nodes": _cut(jobs["nodes"]),
            "account": _cut(jobs["account"]),
            "unblock": _cut(jobs["unblock"]),
        }
    )


def _cut(texts: pd.Series) -> pd.Series:
    cut: pd.Series = texts.astype("string").str.slice(0, LONGEST_NAME)
    return cut


def _instants(jobs: pd.DataFrame, at: datetime) -> tuple[list[timedelta | None], list[timedelta | None]]:
    """Since it may start, and since it started, until it ended or now."""
    begun = jobs["eligible_at"].fillna(jobs["submitted_at"])
    waited = pd.Timestamp(at) - begun
    ran = jobs["ended_at"].fillna(pd.Timestamp(at)) - jobs["started_at"]
    return _lengths(waited), _lengths(ran)


def _lengths(lengths: pd.Series) -> list[timedelta | None]:
    return [None if pd.isna(length) else length.to_pytimedelta() for length in lengths]


def _for(current: str, waited: timedelta | None, ran: timedelta | None) -> str:
    if current in WAITING:
        return "not yet eligible" if waited and waited < timedelta() else duration_text(waited)
    return duration_text(ran)


def _caption(shown: int, picked: int, every: int, ended: View | None) -> None:
    """`ended`: the view, where jobs that ended in its window are listed."""
    first = "longest wait"
    words = []
    if ended is not None:
        first = "newest end"
        words.append(f"Ended in {duration_text(ended.window.length)} to {instant_text(ended.window.until)}.")
    if not every:
        words.append("No job is there.")
    elif not picked:
        words.append("No job matches these filters.")
    elif shown < picked:
        words.append(f"The first {shown:,} of {picked:,} jobs that match, {first} first;")
        words.append(f"{picked - shown:,} are not shown: narrow the filters to see them.")
    if words:
        st.caption(" ".join(words))


_COLUMNS = {
    "state": st.column_config.TextColumn("state", width=120),
    "for": st.column_config.TextColumn("for", width=90, help="Waits or runs for so long; ended jobs ran for it."),
    "why": st.column_config.TextColumn("why", width=280, help="Why it waits, in words."),
    "job": st.column_config.TextColumn("job", width=80),
    "user": st.column_config.TextColumn("user", width="small"),
    "gpus": st.column_config.NumberColumn("GPUs", width=60),
    "partition": st.column_config.TextColumn("partition", width="small"),
    "name": st.column_config.TextColumn("name", width=160),
    "nodes": st.column_config.TextColumn("nodes", width=130),
    "account": st.column_config.TextColumn("account", width="small"),
    "unblock": st.column_config.TextColumn("what would help", width=280),
}
