"""The form of a silence: for whom, from when to when, and why."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import streamlit as st

from watchdog.alerts.board import OpenIncident
from watchdog.alerts.texts import LONGEST_NAME, LONGEST_NOTE
from watchdog.model.alerts import Silence
from watchdog.model.people import Role
from watchdog.ui import state, who
from watchdog.ui.data import runtime

# More names than this are written as `*`.
_MOST_NAMED = 20
_LENGTH = timedelta(hours=4)
_HELP = "Names or shell patterns, separated by commas: `gpu0*`. Empty means all; what is given must all match."


@dataclass(frozen=True)
class Patterns:
    """For whom a silence holds, as typed."""

    nodes: str = ""
    rules: str = ""
    gpus: str = ""
    jobs: str = ""


def prefilled(each: OpenIncident) -> Patterns:
    """Patterns that mean all open alerts of an incident, as narrow as can be read."""
    subjects = [alert.subject for alert in each.alerts]
    rules = _named({alert.rule_id for alert in each.alerts})
    gpus, nodes = {s.gpu_uuid for s in subjects}, {s.node for s in subjects}
    jobs = {s.job_id or alert.finding.job_id for s, alert in zip(subjects, each.alerts, strict=True)}
    if len(gpus) == 1 and "" not in gpus:
        return Patterns(rules=rules, gpus=_named(gpus))
    if len(jobs) == 1 and "" not in jobs and all(s.job_id for s in subjects):
        return Patterns(rules=rules, jobs=_named(jobs))
    return Patterns(rules=rules, nodes=_named(nodes) if "" not in nodes else "")


def _named(names: set[str]) -> str:
    known = sorted(names)
    # A comma would end the pattern: `?` stands for it, as for any character.
    return ", ".join(glob.escape(name).replace(",", "?") for name in known) if len(known) <= _MOST_NAMED else "*"


def silence_form(key: str, patterns: Patterns) -> Silence | None:
    """Draw the form; the silence once it is sent off, not yet checked."""
    now = runtime().clock.now()
    with st.form(key, border=False):
        left, right = st.columns(2)
        nodes = left.text_input("Nodes", patterns.nodes, key=f"{key}.nodes", placeholder="all", help=_HELP)
        rules = right.text_input(
            "Rules", patterns.rules, key=f"{key}.rules", placeholder="all", help=f"Ids of rules. {_HELP}"
        )
        gpus = left.text_input("GPUs", patterns.gpus, key=f"{key}.gpus", placeholder="all", help=f"UUIDs. {_HELP}")
        jobs = right.text_input(
            "Jobs", patterns.jobs, key=f"{key}.jobs", placeholder="all", help=f"Ids of jobs. {_HELP}"
        )
        with left:
            starts_at = _instant("From, UTC", f"{key}.starts", now)
        with right:
            ends_at = _instant("Until, UTC", f"{key}.ends", now + _LENGTH)
        by = _name(key)
        note = st.text_area(
            "Note", key=f"{key}.note", max_chars=LONGEST_NOTE, placeholder="which work is planned", height=80
        )
        why = who.refusal(Role.OPERATOR)
        if not st.form_submit_button("Silence", type="primary", disabled=bool(why), help=why or None):
            return None
    return Silence("", by, note, starts_at, ends_at, _split(nodes), _split(rules), _split(gpus), _split(jobs))


def _name(key: str) -> str:
    someone = who.person()
    if someone.signed_in:
        return someone.name[:LONGEST_NAME]
    known = str(st.session_state.get(state.ALERT_NAME, ""))
    return st.text_input("Your name", known, key=f"{key}.by", max_chars=LONGEST_NAME)


def _instant(label: str, key: str, default: datetime) -> datetime:
    value = default.astimezone(UTC).replace(tzinfo=None, second=0, microsecond=0)
    picked = st.datetime_input(label, st.session_state.get(key, value), key=key, step=60, format="YYYY-MM-DD")
    return (picked or value).replace(tzinfo=UTC)


def _split(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
