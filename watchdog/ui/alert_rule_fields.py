"""The fields of a rule, drawn with what it holds; back comes the rule as typed.

Levels are typed in the unit that is shown (90 %), and kept in the base unit (0.9).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from watchdog.alerts.quantities import QUANTITIES, is_counter
from watchdog.alerts.validation import Problem
from watchdog.model.findings import Severity
from watchdog.model.metrics import Metric
from watchdog.model.rules import Comparison, Reading, Rule, Scope
from watchdog.model.units import SHOWN, unit_text
from watchdog.ui.alert_words import CHECK_OWN
from watchdog.ui.escape import escape

_PATTERNS = "Names or shell patterns, separated by commas: `gpu0*`. Empty means everybody."
_MESSAGE = "Filled in: {node}, {gpu}, {job}, {value}, {threshold}."


@dataclass(frozen=True)
class Fields:
    """Where fields are drawn: a prefix of their keys that changes with what is edited, and what is wrong with them."""

    prefix: str
    problems: Mapping[str, Problem]

    def key(self, name: str) -> str:
        """The widget's key."""
        return f"{self.prefix}.{name}"

    def wrong(self, name: str, metric: Metric | None = None) -> None:
        """Say under a field what is wrong with it."""
        found = self.problems.get(name)
        if found is not None:
            hint = _level_hint(metric) if metric and name in {"threshold", "clear"} else found.hint
            message = found.message if not metric or name == "clear" else "It would fire always or never."
            st.markdown(f":red[:material/error: {escape(message, 200)}] :small[{escape(hint, 300)}]")


def _level_hint(metric: Metric) -> str:
    low, high = unit_text(metric.low, metric.unit), unit_text(metric.high, metric.unit)
    return (
        f"{metric.label} lies between {low} and {high}: write a level that some values reach and some do not; the clear "
        "level lies on the good side of the threshold."
    )


def rule_fields(rule: Rule, fields: Fields, *, new: bool) -> Rule:
    """Draw all fields; the rule as typed."""
    left, right = st.columns(2, gap="medium")
    with left:
        named = _identity(rule, fields, new=new)
        condition = _condition(named, fields, new=new) if not rule.check else named
        with st.container(horizontal=True, vertical_alignment="bottom"):
            minutes = st.number_input(
                "For, minutes", 0.0, 1440.0, rule.for_seconds / 60, 1.0, key=fields.key("for"), format="%g", width=150,
                help="How long it must hold before it fires.",
            )  # fmt: skip
            severity = _severity(rule, fields)
        fields.wrong("for_seconds")
        fields.wrong("severity")
    with right:
        scope = _scope(rule.scope, fields)
        texts = _texts(rule, fields)
    enabled = st.toggle("On", rule.enabled, key=fields.key("enabled"))
    return replace(
        condition,
        for_seconds=_seconds(minutes, rule.for_seconds),
        severity=severity,
        scope=scope,
        enabled=enabled,
        **texts,
    )


def _identity(rule: Rule, fields: Fields, *, new: bool) -> Rule:
    title = st.text_input("Title", rule.title, key=fields.key("title"), placeholder="what is wrong when it fires")
    fields.wrong("title")
    if not new:
        return replace(rule, title=title)
    slug = st.text_input(
        "Id", rule.rule_id, key=fields.key("id"), placeholder="gpu-hot", help="For ever; it is in the history."
    )
    fields.wrong("rule_id")
    return replace(rule, title=title, rule_id=slug.strip())


def _condition(rule: Rule, fields: Fields, *, new: bool) -> Rule:
    keys = list(QUANTITIES)
    place = keys.index(rule.metric) if rule.metric in keys else 0
    key = st.selectbox("Metric", keys, place, key=fields.key("metric"), format_func=_metric_label, disabled=not new)
    fields.wrong("metric")
    metric = QUANTITIES[key]
    counter = is_counter(key)
    rule = replace(rule, metric=key, reading=Reading.INCREASE if counter else Reading.VALUE)
    fields.wrong("reading")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = [*Comparison]
        comparison = st.selectbox(
            "Fires when it is", words, words.index(rule.comparison), key=fields.key("comparison"), width=150,
            format_func=_WORDS.__getitem__,
        )  # fmt: skip
        threshold = _level("Threshold", rule.threshold, metric, fields.key(f"threshold.{key}"))
        clear = _level("Clears at", rule.clear, metric, fields.key(f"clear.{key}"))
        if counter:
            over = st.number_input(
                "Within, minutes", 1.0, 59.0, rule.over_seconds / 60, key=fields.key("over"), format="%g", width=150
            )
            rule = replace(rule, over_seconds=_seconds(over, rule.over_seconds))
    fields.wrong("threshold", metric)
    fields.wrong("clear", metric)
    fields.wrong("over_seconds")
    return replace(rule, comparison=comparison, threshold=0.0 if threshold is None else threshold, clear=clear)


_WORDS = {
    Comparison.ABOVE: "above",
    Comparison.AT_LEAST: "at least",
    Comparison.BELOW: "below",
    Comparison.AT_MOST: "at most",
}


def _metric_label(key: str) -> str:
    return f"{QUANTITIES[key].label} ({key})"


def _level(label: str, value: float | None, metric: Metric, key: str) -> float | None:
    """A level in the shown unit; back in the base unit. Who types nothing changes nothing, not even a rounding."""
    shown = SHOWN[metric.unit]
    before = None if value is None else _round(value * shown.factor)
    unit = f", {shown.suffix}" if shown.suffix else ""
    typed = st.number_input(
        f"{label}{unit}", value=before, key=key, format="%g", width=150, placeholder="the threshold"
    )
    if typed is None:
        return None
    return value if typed == before else _round(typed / shown.factor)


def _round(value: float) -> float:
    return float(f"{value:.9g}")


def _seconds(minutes: float, before: float) -> float:
    return before if minutes == before / 60 else _round(minutes * 60)


def _severity(rule: Rule, fields: Fields) -> Severity | None:
    words = [*([CHECK_OWN] if rule.check else []), *(each.value for each in Severity)]
    now = rule.severity.value if rule.severity else CHECK_OWN
    place = words.index(now) if now in words else 1
    picked = st.selectbox("Severity", words, place, key=fields.key("severity"), width=180)
    return None if picked == CHECK_OWN else Severity(picked)


def _scope(scope: Scope, fields: Fields) -> Scope:
    parts = {"nodes": "Nodes", "partitions": "Partitions", "gpu_models": "GPU models", "jobs": "Jobs"}
    typed: dict[str, tuple[str, ...]] = {}
    columns = st.columns(2)
    for number, (name, label) in enumerate(parts.items()):
        with columns[number % 2]:
            before: tuple[str, ...] = getattr(scope, name)
            text = st.text_input(label, ", ".join(before), key=fields.key(name), placeholder="all", help=_PATTERNS)
            typed[name] = tuple(part.strip() for part in text.split(",") if part.strip())
            fields.wrong(f"scope.{name}")
    return Scope(**typed)


def _texts(rule: Rule, fields: Fields) -> dict[str, Any]:
    labels = {"action": "What to do", "source": "Where the threshold comes from", "note": "Note"}
    if rule.metric or not rule.check:
        labels = {"message": "Message", **labels}
    typed: dict[str, Any] = {}
    for name, label in labels.items():
        hint = _MESSAGE if name == "message" else None
        typed[name] = st.text_input(label, getattr(rule, name), key=fields.key(name), help=hint)
        fields.wrong(name)
    return typed
