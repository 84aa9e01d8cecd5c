"""The overview's blocks about alerts: what needs somebody now, and what happened since one looked last."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from datetime import timedelta
from typing import Any

import streamlit as st

from watchdog.alerts.board import Board, OpenIncident
from watchdog.alerts.cost import cost_so_far
from watchdog.alerts.past import Past
from watchdog.base.clock import floor_to
from watchdog.base.errors import StoreError
from watchdog.model.findings import Severity
from watchdog.model.units import duration_text, instant_text, usd
from watchdog.services.fleet import Fleet
from watchdog.ui import alert_acts as acts
from watchdog.ui.address import View
from watchdog.ui.alert_badge import renew_title
from watchdog.ui.alert_health import is_judged, judged_note
from watchdog.ui.alert_links import ALERTS_PAGE, ask_why, incident_link
from watchdog.ui.alert_list import headline
from watchdog.ui.alert_visit import Visit, this_visit
from watchdog.ui.alert_words import badge, since_words
from watchdog.ui.cards import section
from watchdog.ui.data import alerts_between, board, prices, runtime
from watchdog.ui.escape import escape
from watchdog.ui.filters import shared_parameters
from watchdog.ui.fleet_blocks import look_list
from watchdog.ui.frame_cells import has

MOST_SHOWN = 5


def alert_headline(answer: Fleet, view: View) -> str:
    """Markdown: what the overview's first line says; "" where alerts cannot be believed, so that the fleet speaks."""
    now = _believed(view)
    if now is None or not answer.gpus_seen:
        return ""
    if not now.incidents and answer.look_count:
        return (
            f":gray[:material/help: **No alert is open.**] {answer.look_count} GPUs or groups are marked in the grid."
        )
    return headline(now, sure=not answer.incomplete)


def _believed(view: View) -> Board | None:
    """The alerts of the view's instant; None where they are not judged, or not to be had from the store."""
    if not is_judged(view):
        return None
    try:
        return board(view.past)
    except StoreError:
        return None


def needs_you(answer: Fleet, view: View) -> None:
    """At most five incidents that nobody has, worst first; where alerts are not judged, what the readings alone say."""
    now = _believed(view)
    if now is None:
        with section("Needs a look", question="What is wrong, worst first, and since when?"):
            look_list(answer, view)
            judged_note(view)
        return
    acts.leave_for_dialog()
    renew_title()
    with section("Needs you now", question="What is wrong that nobody has taken, worst first, and since when?"):
        open_ones = now.unhandled
        with st.container(gap="xxsmall"):
            for each in open_ones[:MOST_SHOWN]:
                _row(each, view)
        _rest(now, len(open_ones))


def _row(each: OpenIncident, view: View) -> None:
    one = each.incident
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(badge(one.severity, one.state, short=True), width=105)
        incident_link(each, escape(one.title, 90), width=380)
        # Narrower than what is left, so that the buttons stay in the row; longer facts take a second line.
        st.markdown(f":small[{', '.join(_facts(each, view))}]", width=340)
        ask_why(each)
        if view.past is None:
            st.button("Ack", key=f"overview.ack.{one.incident_id}", on_click=acts.begin, args=(acts.ACK, each))


def _facts(each: OpenIncident, view: View) -> list[str]:
    jobs = sorted({alert.subject.job_id or alert.finding.job_id for alert in each.alerts} - {""})
    users = sorted({alert.finding.user for alert in each.alerts} - {""})
    facts = [since_words(each, view.at)]
    if jobs and jobs[0] not in each.incident.title:
        facts.append(f"job {escape(jobs[0], 40)}{f' and {len(jobs) - 1:,} more' if len(jobs) > 1 else ''}")
    if users:
        facts.append(f"user {escape(users[0], 40)}{f' and {len(users) - 1:,} more' if len(users) > 1 else ''}")
    if view.past is None:
        cost = cost_so_far(each, prices(), runtime().clock.now())
        facts += [f"{usd(cost)} so far"] if cost else []
    return facts


def _rest(now: Board, count: int) -> None:
    taken = len(now.incidents) - count
    words = []
    if count > MOST_SHOWN:
        words.append(f"and {count - MOST_SHOWN:,} more")
    if not count:
        words.append("Nothing: no open incident waits for somebody")
    if taken:
        words.append(f"{taken:,} taken care of")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if words:
            st.markdown(f":small[:gray[{'; '.join(words)}.]]", width="content")
        if now.incidents:
            st.page_link(ALERTS_PAGE, label="Open alerts", query_params=shared_parameters())


def since_last_look(view: View) -> None:
    """What fired and what resolved since this browser was here last, else in the last 12 hours; nothing when rewound."""
    if view.past is not None or board(None).evaluated_at is None:
        return
    now = runtime().clock.now()
    visit = this_visit(now)
    with section("Since you last looked", question="What happened meanwhile, also what is over already?"):
        _happened(alerts_between(visit.since, floor_to(now, timedelta(seconds=15))), visit, view)


def _happened(answer: Past, visit: Visit, view: View) -> None:
    incidents = answer.incidents
    fired = incidents[incidents["opened_at"] >= visit.since]
    resolved = incidents[incidents["closed_at"].notna()]
    length = duration_text(runtime().clock.now() - visit.since)
    when = f"Since {instant_text(visit.since, near=view.at)} ({length} ago)" if visit.known else f"In the last {length}"
    if not len(fired) and not len(resolved):
        st.caption(f"{when} nothing fired and nothing resolved.")
        return
    still = int(fired["closed_at"].isna().sum())
    late = int(fired["seen_late"].sum())
    found = f" {late:,} of them were found afterwards: nobody watched then." if late else ""
    st.markdown(f"{when} **{len(fired):,} fired** ({still:,} still open) and **{len(resolved):,} resolved**.{found}")
    rank = fired["severity"].map({each.value: each.rank for each in Severity})
    worst = fired.assign(rank=rank).sort_values(["rank", "opened_at"], ascending=[False, False], kind="stable")
    with st.container(gap="xxsmall"):
        for row in worst.head(MOST_SHOWN).to_dict("records"):
            _line(row, view)
    query = {**shared_parameters(), "tab": "history"}
    st.page_link(ALERTS_PAGE, label="Open the history", query_params=query)


def _line(row: Mapping[Hashable, Any], view: View) -> None:
    over = has(row["closed_at"])
    began = instant_text(row["opened_at"], near=view.at)
    span = f"{began}, over after {duration_text(row['closed_at'] - row['opened_at'])}" if over else f"since {began}"
    who = f", {escape(row['ack_by'], 40)} took it" if row["ack_by"] else ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(badge(Severity(row["severity"])), width=105)
        query = {**shared_parameters(), "incident": row["incident_id"]}
        st.page_link(ALERTS_PAGE, label=escape(row["title"], 90), query_params=query, width=380)
        st.markdown(f":small[:gray[{span}{who}]]", width="stretch")
