"""What people do about an incident: take it, give it back, write something down, silence it. Each in a dialog.

A dialog stands outside the blocks that draw themselves again, so that what is half typed stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta

import streamlit as st

from watchdog.alerts.board import OpenIncident
from watchdog.alerts.texts import LONGEST_NAME, LONGEST_NOTE
from watchdog.base.errors import WatchdogError
from watchdog.model.alerts import Acknowledgement, Silence
from watchdog.ui import state, who
from watchdog.ui.alert_silence_form import prefilled, silence_form
from watchdog.ui.alert_words import ack_words
from watchdog.ui.audited import Deed, carry_out
from watchdog.ui.cards import problem
from watchdog.ui.data import board, runtime
from watchdog.ui.escape import escape

ACK, END_ACK, NOTE, SILENCE = "ack", "end ack", "note", "silence"
_TITLES = {ACK: "Acknowledge", END_ACK: "End the acknowledgement", NOTE: "Note", SILENCE: "Silence"}
_UNTIL = {
    "1 hour": timedelta(hours=1),
    "4 hours": timedelta(hours=4),
    "tomorrow, 09:00 UTC": None,
    "it is over": None,
}
_OVER, _TOMORROW = "it is over", "tomorrow, 09:00 UTC"


@dataclass(frozen=True)
class Act:
    """What somebody is about to do, and whose the incident was when they decided it."""

    kind: str
    incident_id: str
    expected: Acknowledgement | None


def begin(kind: str, each: OpenIncident) -> None:
    """Ask for a dialog; it opens with the next run of the whole page."""
    st.session_state[state.ALERT_ACT] = Act(kind, each.incident.incident_id, each.incident.ack)
    st.session_state[state.ALERT_ASKED] = True


def arrive() -> None:
    """The whole page runs: a dialog that was asked for will be drawn. Call it before any live block."""
    st.session_state.pop(state.ALERT_ASKED, None)


def leave_for_dialog() -> None:
    """Within a live block: run the whole page if somebody asked for a dialog."""
    if state.ALERT_ASKED in st.session_state:
        st.rerun(scope="app")


def draw_dialog() -> None:
    """The dialog that is open, if any; and in a line what was done last. Call it outside of live blocks."""
    done = st.session_state.pop(state.ALERT_DONE, "")
    if done:
        st.toast(done, icon=":material/check:")
    act: Act | None = st.session_state.get(state.ALERT_ACT)
    if act is not None:
        st.dialog(_TITLES[act.kind], on_dismiss=_forget)(_body)(act)


def _forget() -> None:
    st.session_state.pop(state.ALERT_ACT, None)


def _body(act: Act) -> None:
    each = board(None).incident(act.incident_id)
    if each is None:
        problem("It has resolved meanwhile.", "Nothing is left to do; it is in the history.")
        return
    st.markdown(f"**{escape(each.incident.title, 200)}**")
    if act.kind == SILENCE:
        wanted = silence_form(f"alerts.silence.{act.incident_id}", prefilled(each))
        if wanted is not None:
            perform(silence_deed(wanted), lambda: runtime().engine.silence(wanted), wanted.by, "Silenced.")
        return
    _DRAWN[act.kind](act, each)


def _acknowledge(act: Act, each: OpenIncident) -> None:
    if each.incident.ack is not None:
        st.markdown(f":small[{ack_words(each.incident.ack, runtime().clock.now())}.]")
    by = name_input(f"alerts.ack.by.{act.incident_id}")
    note = note_input(f"alerts.ack.note.{act.incident_id}", "what you do about it")
    end = st.selectbox("Until", list(_UNTIL), index=1, key=f"alerts.ack.until.{act.incident_id}")
    label = "Acknowledge"
    if each.incident.ack is not None and each.incident.ack != act.expected:
        st.warning("Somebody was quicker, see above. You can still take it over.", icon=":material/warning:")
        label = "Take it over"
    if st.button(label, type="primary"):
        now = runtime().clock.now()
        ack = Acknowledgement(by, now, note, _end(end, now))
        expected = each.incident.ack if label != "Acknowledge" else act.expected
        deed = Deed("acknowledge", _subject(each), details=note)
        perform(
            deed, lambda: runtime().engine.acknowledge(act.incident_id, ack, expected=expected), by, "Acknowledged."
        )


def _end(word: str, now: datetime) -> datetime | None:
    if word == _TOMORROW:
        return datetime.combine(now.date() + timedelta(days=1), time(9), now.tzinfo)
    length = _UNTIL[word]
    return now + length if length else None


def _end_ack(act: Act, each: OpenIncident) -> None:
    if each.incident.ack is not None:
        st.markdown(f":small[{ack_words(each.incident.ack, runtime().clock.now())}.]")
    by = name_input(f"alerts.end.by.{act.incident_id}")
    st.caption("It needs somebody again, and reminders go on.")
    if st.button("End it", type="primary"):
        deed = Deed("end acknowledgement", _subject(each))
        perform(deed, lambda: runtime().engine.end_acknowledgement(act.incident_id, by), by, "It needs somebody again.")


def _note(act: Act, each: OpenIncident) -> None:
    by = name_input(f"alerts.note.by.{act.incident_id}")
    text = note_input(f"alerts.note.text.{act.incident_id}", "kept with the incident, for who looks next")
    if st.button("Keep", type="primary"):
        deed = Deed("note", _subject(each), details=text)
        perform(deed, lambda: runtime().engine.note(act.incident_id, by, text), by, "Noted.")


_DRAWN: dict[str, Callable[[Act, OpenIncident], None]] = {ACK: _acknowledge, END_ACK: _end_ack, NOTE: _note}


def _subject(each: OpenIncident) -> str:
    return f"incident {each.incident.incident_id}: {each.incident.title}"


def silence_deed(wanted: Silence) -> Deed:
    """A silence as the audit log names it."""
    parts = {"nodes": wanted.nodes, "rules": wanted.rules, "gpus": wanted.gpus, "jobs": wanted.jobs}
    meant = "; ".join(f"{name} {' '.join(patterns)}" for name, patterns in parts.items() if patterns)
    return Deed("silence", meant, details=f"until {wanted.ends_at:%Y-%m-%d %H:%M} UTC; {wanted.note}")


def name_input(key: str) -> str:
    """Who acts: whoever signed in; else it is typed, and remembered for the session."""
    someone = who.person()
    if someone.signed_in:
        st.caption(f"As {escape(someone.name, LONGEST_NAME)}, {someone.role}.")
        return someone.name[:LONGEST_NAME]
    known = str(st.session_state.get(state.ALERT_NAME, ""))
    return st.text_input(
        "Your name", known, key=key, max_chars=LONGEST_NAME, placeholder="so that others know whom to ask"
    )


def note_input(key: str, hint: str) -> str:
    """A note."""
    return st.text_area("Note", key=key, max_chars=LONGEST_NOTE, placeholder=hint, height=80)


def perform(deed: Deed, action: Callable[[], None], by: str, done: str) -> None:
    """Do it and draw the page anew; where it cannot be done, say why in place and keep what is typed."""
    try:
        carry_out(deed, action, by)
    except WatchdogError as error:
        problem(str(error)[:1].upper() + str(error)[1:], error.hint)
        return
    st.session_state[state.ALERT_NAME] = by.strip()
    st.session_state[state.ALERT_DONE] = done
    _forget()
    st.rerun(scope="app")
