"""The rules in force: what each watches, how it stands, and why it is blind where it is."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from watchdog.alerts.board import Board, RuleState
from watchdog.model.people import Role
from watchdog.ui import state
from watchdog.ui.alert_words import CHECK_OWN, minutes_text, severity_text, threshold_text
from watchdog.ui.data import board
from watchdog.ui.filters import set_parameters
from watchdog.ui.who import guarded_button

NEW = "+new"
_LONGEST = 300


def rules_block() -> None:
    """Every rule, those that have something to say first; a row opens its form."""
    now = board(None)
    states = sorted(now.rule_states, key=_order)
    st.markdown(_line(now))
    before = st.session_state.get(state.ALERT_RULE_ORDER, [])
    st.session_state[state.ALERT_RULE_ORDER] = [each.rule.rule_id for each in states]
    event = st.dataframe(
        _table(states, now), hide_index=True, key=state.ALERT_RULES, on_select="rerun", selection_mode="single-row",
        column_config=_COLUMNS, height=430, placeholder="", alt=f"Table of {len(states)} rules and how they stand",
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        if guarded_button("New rule", Role.ADMIN, icon=":material/add:"):
            _edit(NEW)
        st.caption("A row opens its rule. What a rule means, and where the thresholds come from: docs/alert-rules.md.")
    picked = event.get("selection", {}).get("rows", [])
    _edit_once(str(before[picked[0]]) if picked and picked[0] < len(before) else "")


def _edit_once(rule_id: str) -> None:
    """Open what was picked just now; a selection that stays must not open it again."""
    key = f"{state.ALERT_RULES}.picked"
    if st.session_state.get(key, "") != rule_id:
        st.session_state[key] = rule_id
        if rule_id:
            _edit(rule_id)


def _edit(rule_id: str) -> None:
    set_parameters(rule=rule_id)
    st.rerun(scope="app")


def _line(now: Board) -> str:
    states, on = now.rule_states, [each for each in now.rule_states if each.rule.enabled]
    blind = [each for each in on if each.blind or each.not_exported or each.error]
    words = f"**{len(on)} of {len(states)} rules are on.**"
    return f"{words} {len(blind)} of them can judge nothing just now, see why below." if blind else words


def rule_word(each: RuleState, *, judged: bool) -> str:
    """Plain text: how a rule stands, with a shape of its own."""
    words = (
        (not each.rule.enabled, "○ off"),
        (bool(each.error), "✕ failed"),
        (each.firing > 0, f"▲ firing {each.firing:,}"),
        (each.unknown > 0, f"? unknown {each.unknown:,}"),
        (each.not_exported, "? nobody exports this"),
        (not judged, "? not judged yet"),
        (each.blind, "? cannot judge"),
        (each.pending > 0, f"◷ pending {each.pending:,}"),
    )
    return next((word for holds, word in words if holds), "✓ watching")


def _order(each: RuleState) -> tuple[bool, bool, bool, bool, str]:
    quiet = not (each.firing or each.unknown)
    return not each.rule.enabled, not each.error, quiet, not (each.blind or each.not_exported), each.rule.title


def _table(states: list[RuleState], now: Board) -> pd.DataFrame:
    judged = now.evaluated_at is not None
    return pd.DataFrame(
        {
            "stands": [rule_word(each, judged=judged) for each in states],
            "rule": [each.rule.title[:_LONGEST] for each in states],
            "why": [(each.error or each.blind_why or each.rule.note)[:_LONGEST] for each in states],
            "fires": [threshold_text(each.rule) for each in states],
            "for": [minutes_text(each.rule.for_seconds) for each in states],
            "severity": [severity_text(each.rule.severity) if each.rule.severity else CHECK_OWN for each in states],
            "metric": [each.rule.metric or each.rule.check for each in states],
            "id": [each.rule.rule_id for each in states],
        }
    )


_COLUMNS = {
    "stands": st.column_config.TextColumn("stands", width=150),
    "rule": st.column_config.TextColumn("rule", width=200),
    "fires": st.column_config.TextColumn("fires", width=190),
    "for": st.column_config.TextColumn("for", width=75, help="How long it must hold before it fires."),
    "severity": st.column_config.TextColumn("severity", width=110),
    "metric": st.column_config.TextColumn("metric or check", width=190),
    "why": st.column_config.TextColumn("why it is blind or off", width=230),
}
