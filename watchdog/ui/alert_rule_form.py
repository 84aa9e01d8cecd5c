"""One rule: its form, what is wrong with it in place, a preview on the past, and saving it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import streamlit as st

from watchdog.alerts.rulebook import difference
from watchdog.alerts.rules import default_rules, problems, to_json
from watchdog.alerts.validation import Problem
from watchdog.base.clock import floor_to
from watchdog.model.findings import Severity
from watchdog.model.people import Role
from watchdog.model.rules import Rule
from watchdog.ui import state
from watchdog.ui.alert_acts import name_input, perform
from watchdog.ui.alert_page import current_place
from watchdog.ui.alert_preview import preview_block
from watchdog.ui.alert_rule_fields import Fields, rule_fields
from watchdog.ui.alert_rules import NEW
from watchdog.ui.audited import Deed
from watchdog.ui.cards import empty_state, guarded, section
from watchdog.ui.data import rule_preview, runtime
from watchdog.ui.escape import escape
from watchdog.ui.filters import set_parameters
from watchdog.ui.who import guarded_button

_BLANK = Rule("", "", Severity.WARNING, metric="gpu_temperature_celsius", threshold=85.0, for_seconds=600.0)


@dataclass(frozen=True)
class Draft:
    """What is edited.

    Attributes:
        rule: as it was when the form was opened: the form's fields begin with it, whatever others save meanwhile.
        number: counts the forms of the session, so that each has widgets of its own.
    """

    asked: str
    rule: Rule
    number: int
    tried: str = ""
    tried_at: datetime | None = None


def rule_form() -> None:
    """The form of the rule that the URL names; nothing where it names none."""
    asked = next(iter(current_place().rules), "")
    if not asked:
        return
    draft = _draft(asked)
    if draft is None:
        empty_state("There is no such rule.", "It may have been deleted; pick another one above.")
        return
    with section("New rule" if asked == NEW else escape(draft.rule.title or asked, 100)):
        _form(draft)


def _draft(asked: str) -> Draft | None:
    kept: Draft | None = st.session_state.get(state.ALERT_DRAFT)
    if kept is not None and kept.asked == asked:
        return kept
    found = _BLANK if asked == NEW else _current(asked)
    if found is None:
        return None
    return _keep(Draft(asked, found, kept.number + 1 if kept else 1))


def _keep(draft: Draft) -> Draft:
    st.session_state[state.ALERT_DRAFT] = draft
    return draft


def _current(rule_id: str) -> Rule | None:
    return next((rule for rule in runtime().engine.rules() if rule.rule_id == rule_id), None)


def _form(draft: Draft) -> None:
    new, prefix = draft.asked == NEW, f"{state.ALERT_DRAFT}.{draft.number}"
    found = st.session_state.get(f"{prefix}.problems", {})
    if draft.rule.check:
        st.caption(f"The health check {draft.rule.check}. Source of its thresholds: {escape(draft.rule.source, 300)}.")
    typed = rule_fields(draft.rule, Fields(prefix, found), new=new)
    _changed_meanwhile(draft)
    wrong = {each.field: each for each in problems(typed)}
    if found and found != wrong:
        # What was wrong may be mended; what it says stands above, and was drawn already.
        st.session_state[f"{prefix}.problems"] = wrong
        st.rerun(scope="app")
    if new and _current(typed.rule_id) is not None:
        st.warning("A rule of this id exists: saving changes it.", icon=":material/warning:")
    _buttons(draft, typed, wrong, prefix)
    if draft.tried:
        _preview(draft, typed)


def _changed_meanwhile(draft: Draft) -> None:
    if draft.asked != NEW and _current(draft.asked) != draft.rule:
        st.warning(
            "This rule was changed since you opened it: saving overwrites that. Close and open it to see what it is now.",
            icon=":material/warning:",
        )


def _buttons(draft: Draft, typed: Rule, wrong: Mapping[str, Problem], prefix: str) -> None:
    engine, rule_id = runtime().engine, typed.rule_id
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container(width=220):
            by = name_input(f"{prefix}.by")
        previews = st.button(
            "Preview", icon=":material/history:", disabled=bool(typed.check), help=_CHECKS if typed.check else None
        )
        saves = guarded_button("Save", Role.ADMIN, type="primary")
        shipped = next((rule for rule in default_rules() if rule.rule_id == rule_id), None)
        if (
            shipped is not None
            and draft.asked != NEW
            and shipped != _current(rule_id)
            and guarded_button("Reset to what ships", Role.ADMIN)
        ):
            _done(_deed("reset rule", rule_id), lambda: engine.reset_rule(rule_id, by), by, "Set back to what ships.")
        if shipped is None and draft.asked != NEW and guarded_button("Delete", Role.ADMIN):
            _done(_deed("delete rule", rule_id), lambda: engine.delete_rule(rule_id, by), by, "Deleted.")
        st.button("Close", type="tertiary", on_click=_close)
    if not (previews or saves):
        return
    st.session_state[f"{prefix}.problems"] = wrong
    if wrong:
        st.rerun(scope="app")
    if previews:
        now = floor_to(runtime().clock.now(), timedelta(minutes=1))
        _keep(Draft(draft.asked, draft.rule, draft.number, to_json(typed), now))
        st.rerun(scope="app")
    deed = _deed("save rule", rule_id, difference(_current(rule_id), typed))
    _done(deed, lambda: engine.save_rule(typed, by), by, "Saved; it holds from the next reading on.")


_CHECKS = "A health check looks at more than one metric and cannot be tried on the past here."


def _deed(act: str, rule_id: str, details: str = "") -> Deed:
    return Deed(act, f"rule {rule_id}", Role.ADMIN, details)


def _done(deed: Deed, action: Callable[[], None], by: str, words: str) -> None:
    def act() -> None:
        action()
        _close()

    perform(deed, act, by, words)


def _close() -> None:
    st.session_state.pop(state.ALERT_DRAFT, None)
    set_parameters(rule="")


def _preview(draft: Draft, typed: Rule) -> None:
    if draft.tried != to_json(typed):
        st.caption("The form has changed since this preview.")
    with guarded(), st.spinner("Reading seven days…"):
        assert draft.tried_at is not None
        preview_block(rule_preview(draft.tried, draft.tried_at), typed)
