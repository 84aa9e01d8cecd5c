"""Open incidents, worst first: those that nobody has, then those that are taken care of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from watchdog.alerts.board import Board, OpenIncident
from watchdog.model.alerts import AlertState
from watchdog.model.findings import Severity
from watchdog.model.people import Role
from watchdog.model.units import duration_text
from watchdog.ui import alert_acts as acts
from watchdog.ui import state
from watchdog.ui.address import View
from watchdog.ui.alert_badge import renew_title
from watchdog.ui.alert_detail import detail
from watchdog.ui.alert_health import is_judged, judged_note
from watchdog.ui.alert_links import ask_why, place_links
from watchdog.ui.alert_words import LOOKS, ack_words, badge, silence_words, since_words
from watchdog.ui.cards import empty_state, guarded, problem
from watchdog.ui.data import board, incident
from watchdog.ui.escape import escape
from watchdog.ui.filters import set_parameters
from watchdog.ui.who import guarded_button

A_PAGE = 20
_DIM = ":gray[{}]"


def active_block(view: View) -> None:
    """The verdict, the incident that the URL names, and pages of all that is open."""
    acts.leave_for_dialog()
    renew_title()
    now = board(view.past)
    st.markdown(headline(now, sure=is_judged(view)))
    judged_note(view)
    with guarded():
        _named(now, view)
    open_ones = [each for each in now.incidents if not each.handled]
    taken = [each for each in now.incidents if each.handled]
    _page(open_ones, view, state.ALERT_PAGE)
    if taken:
        st.markdown(f"**Taken care of** :gray[{len(taken):,}, acknowledged or silenced]")
        _page(taken, view, f"{state.ALERT_PAGE}.taken")
    if not now.incidents and is_judged(view):
        empty_state("Nothing is open.", "What fires would stand here: what, since when, whom it hits and what to do.")
    _pending(now, view)


def headline(now: Board, *, sure: bool) -> str:
    """Markdown: how many incidents need somebody; never green where that is not known."""
    count, taken = len(now.unhandled), len(now.incidents) - len(now.unhandled)
    rest = f" {taken:,} more {'is' if taken == 1 else 'are'} taken care of." if taken else ""
    if count:
        worst = LOOKS[now.unhandled[0].incident.severity]
        need = "1 incident needs you" if count == 1 else f"{count:,} incidents need you"
        return f":{worst.colour}[:material/{worst.icon}: **{need}.**] {_counts(now)}.{rest}"
    if not sure:
        return ":gray[:material/help: **No open incident is known, but not everything is judged.**]"
    taken_words = f" {taken:,} {'is' if taken == 1 else 'are'} taken care of." if taken else " No incident is open."
    return f":green[:material/check_circle: **Nothing needs you.**]{taken_words}"


def _counts(now: Board) -> str:
    counts = {severity: now.count(severity) for severity in (Severity.CRITICAL, Severity.WARNING, Severity.INFO)}
    unseen = sum(each.incident.state is AlertState.UNKNOWN for each in now.unhandled)
    words = ", ".join(f"{count:,} {severity}" for severity, count in counts.items() if count)
    return words + (f"; {unseen:,} of them cannot be seen just now" if unseen else "")


def _named(now: Board, view: View) -> None:
    """The incident of the URL where it is not among those that are open: it is over, or there is none."""
    wanted = view.address.incident
    if not wanted or now.incident(wanted) is not None:
        return
    found = incident(wanted)
    if found is None:
        problem("There is no such incident.", "It may be older than what is kept, or the address is not whole.")
        return
    incident_card(found, view, acts_too=False)


def _page(incidents: Sequence[OpenIncident], view: View, key: str) -> None:
    pages = math.ceil(len(incidents) / A_PAGE)
    first = _page_of(incidents, view.address.incident)
    number = min(st.session_state.get(key, first), max(1, pages))
    for each in incidents[(number - 1) * A_PAGE : number * A_PAGE]:
        incident_card(each, view, acts_too=view.past is None)
    if pages > 1:
        st.pagination(pages, key=key, default=min(first, pages))


def _page_of(incidents: Sequence[OpenIncident], wanted: str) -> int:
    """The page with the incident that the URL names, else the first."""
    ids = [each.incident.incident_id for each in incidents]
    return ids.index(wanted) // A_PAGE + 1 if wanted in ids else 1


def incident_card(each: OpenIncident, view: View, *, acts_too: bool) -> None:
    """One incident: how bad, what, since when, where, what to do; opened where the URL names it."""
    one, at = each.incident, view.at
    opened = view.address.incident == one.incident_id
    with st.container(border=True, gap="xxsmall", key=f"incident-{one.incident_id}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(_state_badge(each), width="content")
            st.markdown(_dimmed(f"**{escape(one.title, 200)}**", each), width="stretch")
            st.markdown(f":small[:gray[{since_words(each, at)}]]", width="content")
        st.markdown(f":small[{_dimmed(_what(each), each)}]")
        _taken(each, at)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            place_links(each, None)
            st.space("stretch")
            _buttons(each, opened=opened, acts_too=acts_too)
        if opened:
            with guarded():
                detail(each, at)


def _state_badge(each: OpenIncident) -> str:
    if each.incident.state is AlertState.RESOLVED:
        return ":green[:material/check_circle: **resolved**]"
    return badge(each.incident.severity, each.incident.state)


def _dimmed(text: str, each: OpenIncident) -> str:
    return _DIM.format(text) if each.handled else text


def _what(each: OpenIncident) -> str:
    if not each.alerts:
        return "Its alerts are over."
    first = each.alerts[0].finding
    users = sorted({alert.finding.user for alert in each.alerts} - {""})
    whose = f" of {escape(', '.join(users[:3]), 100)}{' and others' if len(users) > 3 else ''}" if users else ""
    many = f"{len(each.alerts):,} alerts{whose}. The worst: " if len(each.alerts) > 1 else ""
    named = not users or users[0] in first.explanation
    mine = "" if many or named else f" (user {escape(users[0], 60)})"
    return f"{many}{escape(first.explanation, 300)}{mine} :gray[{escape(first.action, 240)}]"


def _taken(each: OpenIncident, at: datetime) -> None:
    if each.incident.ack is not None and each.incident.closed_at is None:
        st.markdown(f":small[:material/person: {ack_words(each.incident.ack, at)}.]")
    if each.incident.silence_id:
        known = next((s for s in board(None).silences if s.silence_id == each.incident.silence_id), None)
        words = silence_words(known, at) if known else "silenced"
        st.markdown(f":small[:material/notifications_off: {words}.]")


def _buttons(each: OpenIncident, *, opened: bool, acts_too: bool) -> None:
    one = each.incident.incident_id
    if acts_too:
        kind, label = (acts.END_ACK, "End ack") if each.incident.ack else (acts.ACK, "Ack")
        _act(kind, label, each)
        if not each.incident.silence_id:
            _act(acts.SILENCE, "Silence", each)
        _act(acts.NOTE, "Note", each)
    ask_why(each)
    label = "Close" if opened else "Details"
    st.button(label, key=f"details.{one}", type="tertiary", on_click=_open, args=("" if opened else one,))


def _act(kind: str, label: str, each: OpenIncident) -> None:
    key = f"{kind}.{each.incident.incident_id}"
    guarded_button(label, Role.OPERATOR, key=key, on_click=acts.begin, args=(kind, each))


def _open(incident_id: str) -> None:
    set_parameters(incident=incident_id)


def _pending(now: Board, view: View) -> None:
    if now.pending:
        oldest = now.pending[0]
        words = f"{escape(oldest.finding.explanation, 160)} for {duration_text(view.at - oldest.since)}"
        rest = f" and {len(now.pending) - 1:,} more" if len(now.pending) > 1 else ""
        st.caption(f"Pending, not yet an alert: {words}{rest}.")
