"""One incident opened: its members with their evidence, what clears it, and every step it took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import pandas as pd
import streamlit as st

from watchdog.alerts.board import OpenIncident
from watchdog.alerts.quantities import QUANTITIES
from watchdog.model.alerts import Alert, AlertState
from watchdog.model.findings import Evidence
from watchdog.model.units import duration_text, instant_text
from watchdog.ui.alert_links import place_links
from watchdog.ui.alert_words import LOOKS, UNKNOWN, alert_place, began_at
from watchdog.ui.cards import guarded
from watchdog.ui.data import trail
from watchdog.ui.escape import escape

MOST_MEMBERS, MOST_STEPS = 50, 200
_MOST_EVIDENCE = 40
_LONGEST = 300


def detail(each: OpenIncident, at: datetime) -> None:
    """Evidence first, then members where there are several, then the trail."""
    if each.alerts:
        _evidence(each.alerts[0])
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(":small[:gray[As it began:]]", width="content")
        place_links(each, began_at(each))
    if len(each.alerts) > 1:
        _members(each, at)
    with guarded():
        _trail(each, at)


def _evidence(alert: Alert) -> None:
    finding = alert.finding
    lines = _readings(finding.evidence)
    lines.append(f"Judged by: {escape(finding.source, _LONGEST)}")
    if finding.cleared_by:
        lines.append(f"Cleared by: {escape(finding.cleared_by, _LONGEST)}")
    if alert.flapping_since is not None:
        lines.append(f"Comes and goes: fired {alert.flaps} times within an hour, so it is held open.")
    st.markdown("\n".join(f"- :small[{line}]" for line in lines))


def _readings(evidence: Sequence[Evidence]) -> list[str]:
    """A line an instant, as many GPUs are read at once."""
    of: dict[datetime | None, list[str]] = defaultdict(list)
    for item in evidence[:_MOST_EVIDENCE]:
        known = QUANTITIES.get(item.what)
        name = known.label if known else item.what
        of[item.at].append(f"{escape(name, 60)} **{escape(item.value, _LONGEST)}**")
    return [f"{'; '.join(items)}{_at(at)}" for at, items in of.items()]


def _at(at: datetime | None) -> str:
    return f" :gray[at {instant_text(at)}]" if at else ""


def _members(each: OpenIncident, at: datetime) -> None:
    shown = each.alerts[:MOST_MEMBERS]
    table = pd.DataFrame(
        {
            "state": [_state(alert) for alert in shown],
            "where": [alert_place(alert)[:_LONGEST] for alert in shown],
            "for": [duration_text((alert.resolved_at or at) - alert.since) for alert in shown],
            "what": [alert.finding.explanation[:_LONGEST] for alert in shown],
            "job": [alert.subject.job_id or alert.finding.job_id for alert in shown],
            "user": [alert.finding.user for alert in shown],
            "rule": [alert.rule_id for alert in shown],
        }
    )
    st.dataframe(
        table, hide_index=True, height="auto" if len(table) < 8 else 290, column_config=_COLUMNS,
        alt=f"Table of {len(shown)} alerts of this incident, worst first",
    )  # fmt: skip
    if len(each.alerts) > len(shown):
        st.caption(f"The worst {len(shown)} of {len(each.alerts):,} alerts that are open.")


_COLUMNS = {
    "state": st.column_config.TextColumn("state", width=110),
    "where": st.column_config.TextColumn("where", width=150),
    "for": st.column_config.TextColumn("for", width=90),
    "what": st.column_config.TextColumn("what is seen", width=380),
}


def _state(alert: Alert) -> str:
    if alert.state is AlertState.RESOLVED:
        return "✓ resolved"
    shown = UNKNOWN if alert.state is AlertState.UNKNOWN else LOOKS[alert.severity]
    return f"{shown.shape} {shown.word}"


def _trail(each: OpenIncident, at: datetime) -> None:
    steps = trail(each).head(MOST_STEPS)
    if not len(steps):
        st.caption("Its steps are not written yet.")
        return
    late = steps["seen_late"]
    table = pd.DataFrame(
        {
            "at": steps["at"].dt.strftime("%Y-%m-%d %H:%M:%S").astype("string"),
            "step": steps["kind"],
            "who": steps["by"],
            "where": [_place(*row) for row in zip(steps["node"], steps["gpu_uuid"], steps["part"], strict=True)],
            "note": steps["note"].str.slice(0, _LONGEST),
            "seen": pd.Series("", index=steps.index).mask(late, "late").astype("string"),
        }
    )
    st.dataframe(
        table, hide_index=True, height="auto" if len(table) < 7 else 250, column_config=_STEP_COLUMNS,
        alt=f"Table of the {len(table)} newest steps of this incident",
    )  # fmt: skip
    if len(steps) == MOST_STEPS:
        st.caption(f"The newest {MOST_STEPS} steps by {instant_text(at)}.")


def _place(node: str, gpu: str, part: str) -> str:
    return ", ".join(filter(None, (f"{node} {gpu[-8:]}".strip(), part)))


_STEP_COLUMNS = {
    "at": st.column_config.TextColumn("at, UTC", width=150),
    "step": st.column_config.TextColumn("step", width=120),
    "who": st.column_config.TextColumn("who", width=110),
    "where": st.column_config.TextColumn("where", width=150),
    "note": st.column_config.TextColumn("note", width=330),
    "seen": st.column_config.TextColumn("seen", width=60, help="Late: nobody watched when it happened."),
}
