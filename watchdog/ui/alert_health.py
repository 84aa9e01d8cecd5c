"""Whether the alerts can be believed: are they judged, from what, and kept?"""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from watchdog.alerts.board import Board
from watchdog.model.units import duration_text, instant_text
from watchdog.ui.address import View
from watchdog.ui.cards import problem
from watchdog.ui.data import board, interval, runtime

_STALE_AFTER_INTERVALS = 4


def is_judged(view: View) -> bool:
    """Whether the alerts say how the cluster is at the view's instant; of a past one the history does."""
    if view.past is not None:
        return True
    now, state = board(None), runtime().alert_state()
    return now.evaluated_at is not None and not state.catching_up and not state.error and not _age(now) > _longest()


def _age(now: Board) -> timedelta:
    return runtime().clock.now() - now.evaluated_at if now.evaluated_at else timedelta()


def _longest() -> timedelta:
    return max(timedelta(minutes=1), _STALE_AFTER_INTERVALS * interval())


def judged_note(view: View) -> None:
    """As of when alerts were judged; louder where they are old, incomplete or not kept."""
    trouble = runtime().history.error if view.past is not None else None
    if trouble is not None:
        problem(f"Alerts of the past cannot be read: {trouble}", trouble.hint)
    elif view.past is not None:
        st.caption(
            f"as of {instant_text(view.at)}, from history: what was open then. Severities and who had it are the last "
            "that were known."
        )
    else:
        _live_note()


def _live_note() -> None:
    now, state = board(None), runtime().alert_state()
    if now.error:
        problem(f"Alerts: {now.error}", now.hint)
    if state.error:
        problem(f"Alerts are not judged just now: {state.error}", state.hint or "What is shown is how it was before.")
    if state.catching_up:
        st.info(
            "The past in which nobody watched is being looked at; what is open now follows. Alerts found there are "
            "marked as seen late.",
            icon=":material/history:",
        )
    _age_note(now, catching_up=state.catching_up)


def _age_note(now: Board, *, catching_up: bool) -> None:
    if now.evaluated_at is None:
        if not catching_up:
            st.info("Nothing has been judged yet; the first look follows the first reading.", icon=":material/info:")
    elif _age(now) > _longest() and not catching_up:
        st.warning(
            f"Alerts were judged {duration_text(_age(now))} ago ({instant_text(now.evaluated_at)}) and not since: what "
            "is shown may be over, and what is new is missing. See data health.",
            icon=":material/schedule:",
        )
    else:
        words = f"judged at {instant_text(now.evaluated_at, near=runtime().clock.now())}"
        st.caption(f"{words}, {duration_text(_age(now))} ago" if _age(now) >= timedelta() else words)
