"""Before the first word of a chat: what can be asked, what it would be about, and who answers."""

from __future__ import annotations

import streamlit as st

from watchdog.assistant.records import About
from watchdog.assistant.suggestions import Suggestion, Trouble, suggestions
from watchdog.base.errors import WatchdogError
from watchdog.ui.cards import empty_state
from watchdog.ui.chat_place import Place, ask, leave_chat
from watchdog.ui.data import board, incident, runtime
from watchdog.ui.escape import escape
from watchdog.ui.filters import current_view


def draw_start(place: Place) -> None:
    """What an empty chat offers."""
    if place.about == About():
        empty_state(
            "Ask about the cluster in your own words.",
            "Every claim of an answer carries a number: click it to see the query, the window and the values behind it.",
        )
    with st.container(horizontal=True, gap="small"):
        for number, each in enumerate(suggestions(_troubles(), place.about)):
            label = escape(each.question, 120)
            st.button(label, key=f"assistant.suggested.{number}", wrap=True, on_click=_ask, args=(place, each))


def _ask(place: Place, suggestion: Suggestion) -> None:
    ask(place, suggestion.question, suggestion.about)


def _troubles() -> list[Trouble]:
    """What is wrong at the view's instant, worst first; nothing where that cannot be read."""
    try:
        open_ones = board(current_view().past).unhandled
    except WatchdogError:
        return []
    rules = {rule.rule_id: rule.title for rule in runtime().engine.rules()}
    found = []
    for each in open_ones:
        alert = each.alerts[0] if each.alerts else None
        if alert is not None:
            job = alert.subject.job_id or alert.finding.job_id
            what = rules.get(alert.rule_id, "Incident")
            found.append(Trouble(each.incident.incident_id, what, alert.subject.node, job))
    return found


def draw_about(place: Place) -> None:
    """What questions are about, with a way out of it."""
    about = place.about
    if about == About():
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f":material/my_location: About {_words(about)}", width="content")
        if not place.chat_id:
            st.button("Anything else", key="assistant.about.clear", type="tertiary", on_click=leave_chat)


def _words(about: About) -> str:
    if about.incident:
        return f"the incident **{_title(about.incident)}**"
    if about.job:
        return f"job **{escape(about.job, 64)}**"
    if about.gpu:
        return f"GPU **{escape(about.gpu, 64)}**"
    return f"node **{escape(about.node, 64)}**"


def _title(incident_id: str) -> str:
    try:
        found = incident(incident_id)
    except WatchdogError:
        found = None
    return escape(found.incident.title if found else incident_id, 120)


def who_answers() -> None:
    """One line: the model, or that there is none and how to connect one."""
    model = runtime().model
    if model.configured:
        name = escape(model.model or "the server's first model", 80)
        st.caption(f"Answers by {name}; if it fails, by rules.")
    else:
        st.caption(
            "No model is connected: rules answer the common questions (health, waste, a job, a node, the queue, capacity, "
            "cost, what changed). To connect one, set `WATCHDOG_ASSISTANT_BASE_URL` to an OpenAI-compatible server: "
            "`docs/assistant.md`."
        )
