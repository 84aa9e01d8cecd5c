"""Planned work: which silences hold, are to come or are over, and a form for a new one."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from watchdog.base.errors import WatchdogError
from watchdog.model.alerts import Silence
from watchdog.model.people import Role
from watchdog.model.units import duration_text, instant_text
from watchdog.ui import state
from watchdog.ui.alert_acts import name_input, perform, silence_deed
from watchdog.ui.alert_silence_form import Patterns, silence_form
from watchdog.ui.audited import Deed
from watchdog.ui.cards import empty_state, incomplete_note
from watchdog.ui.data import board, kept_silences, runtime
from watchdog.ui.escape import escape
from watchdog.ui.who import guarded_button

_MOST_PAST = 20
_FORM = "alerts.silence.new"


def silences_block() -> None:
    """What holds and what is to come, each with its end; then the newest that are over."""
    now, known = runtime().clock.now(), board(None).silences
    holding = [each for each in known if each.starts_at <= now < each.ends_at]
    coming = [each for each in known if now < each.starts_at]
    if not holding and not coming:
        empty_state(
            "Nothing is silenced.",
            "A silence keeps planned work from ringing: what matches is shown, and nobody is told. It always ends.",
        )
    for each in (*holding, *coming):
        _row(each, now)
    _over(now)


def _row(each: Silence, now: datetime) -> None:
    muted = sum(one.incident.silence_id == each.silence_id for one in board(None).incidents)
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
        if each.starts_at <= now:
            left = f"ends in {duration_text(each.ends_at - now)}, at {instant_text(each.ends_at, near=now)}"
            word = f":gray[:material/notifications_off: **holds**] :small[{left}; mutes {muted:,} now]"
        else:
            word = f":gray[:material/schedule: **to come**] :small[from {instant_text(each.starts_at)} to {instant_text(each.ends_at)}]"
        st.markdown(f"{word}\n\n{_meaning(each)}", width="stretch")
        if guarded_button("End now", Role.OPERATOR, key=f"end.{each.silence_id}"):
            st.session_state[state.ALERT_ENDING] = each.silence_id
            st.rerun(scope="app")


def _meaning(each: Silence) -> str:
    parts = {"nodes": each.nodes, "rules": each.rules, "GPUs": each.gpus, "jobs": each.jobs}
    scope = "; ".join(f"{name} **{escape(', '.join(of), 200)}**" for name, of in parts.items() if of)
    note = f" {escape(each.note, 300)}" if each.note else ""
    return f":small[{scope} :gray[by {escape(each.by, 80)}.{note}]]"


def _over(now: datetime) -> None:
    try:
        over = [each for each in kept_silences() if each.ends_at <= now][:_MOST_PAST]
    except WatchdogError as error:
        incomplete_note([f"silences of the past cannot be read: {error}"])
        return
    if over:
        with st.expander(f"Over, in the last 30 days: {len(over)}{'+' if len(over) == _MOST_PAST else ''}"):
            for each in over:
                span = f"{instant_text(each.starts_at)} to {instant_text(each.ends_at)}"
                st.markdown(f":gray[:small[{span}]] {_meaning(each)}")


def silence_ending() -> None:
    """The dialog that ends a silence, where that was asked for."""
    silence_id = st.session_state.get(state.ALERT_ENDING)
    if silence_id:
        st.dialog("End a silence", on_dismiss=_forget)(_ending)(str(silence_id))


def _forget() -> None:
    st.session_state.pop(state.ALERT_ENDING, None)


def _ending(silence_id: str) -> None:
    st.caption("What it mutes rings again from the next reading on.")
    by = name_input("alerts.ending.by")
    if st.button("End it", type="primary"):

        def act() -> None:
            runtime().engine.end_silence(silence_id, by)
            _forget()

        perform(Deed("end silence", silence_id), act, by, "The silence is over.")


def new_silence() -> None:
    """The form of a new silence."""
    wanted = silence_form(_FORM, Patterns())
    if wanted is not None:
        perform(silence_deed(wanted), lambda: runtime().engine.silence(wanted), wanted.by, "Silenced.")
