"""Whether a rule can do what it says: each problem names the field, its value, and what to write instead."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields

from watchdog.alerts.quantities import QUANTITIES, is_counter
from watchdog.analysis.health.registry import CHECKS
from watchdog.base.errors import ConfigError
from watchdog.model.metrics import Metric, Unit
from watchdog.model.rules import Comparison, Reading, Rule, Scope

PLACEHOLDERS = ("node", "gpu", "job", "value", "threshold")
LONGEST_ID = 64
LONGEST_TEXT = 1000
LONGEST_PATTERN = 200
MOST_PATTERNS = 50
LONGEST_FOR = 86_400.0
# An hour of minutes is at hand; the first one only begins the count.
SHORTEST_OVER, LONGEST_OVER = 60.0, 3_540.0

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_BRACES = re.compile(r"\{([^{}]*)\}|[{}]")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one field of a rule."""

    field: str
    message: str
    hint: str


class RuleError(ConfigError):
    """A rule that cannot be kept. `problems` has all of them, the message the first."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems[0].message, hint=problems[0].hint)
        self.problems = problems


def validate(rule: Rule) -> Rule:
    """The rule itself, or RuleError."""
    found = tuple(problems(rule))
    if found:
        raise RuleError(found)
    return rule


def problems(rule: Rule) -> Iterator[Problem]:
    """All that is wrong with a rule, in the order of its fields."""
    yield from _identity(rule)
    yield from _texts(rule)
    yield from _scope(rule.scope)
    if not math.isfinite(rule.for_seconds) or not 0 <= rule.for_seconds <= LONGEST_FOR:
        yield Problem("for_seconds", f"for_seconds is {rule.for_seconds}", f"Write 0 to {LONGEST_FOR:.0f} (a day).")
    if bool(rule.metric) == bool(rule.check):
        yield Problem(
            "metric",
            f"metric is {rule.metric!r} and check is {rule.check!r}",
            "Name a metric for a threshold, or a health check: one of them.",
        )
    elif rule.check:
        yield from _known("check", rule.check, CHECKS)
    elif rule.instead_of and rule.instead_of not in CHECKS:
        yield from _known("instead_of", rule.instead_of, CHECKS)
    elif rule.metric not in QUANTITIES:
        yield from _known("metric", rule.metric, QUANTITIES)
    else:
        yield from _threshold(rule, QUANTITIES[rule.metric])


def _identity(rule: Rule) -> Iterator[Problem]:
    if not _SLUG.fullmatch(rule.rule_id) or len(rule.rule_id) > LONGEST_ID:
        yield Problem(
            "rule_id",
            f"rule_id is {rule.rule_id[: LONGEST_ID + 1]!r}",
            f"Use small letters, digits and single hyphens, at most {LONGEST_ID}: gpu-hot.",
        )
    if not rule.title.strip():
        yield Problem("title", "title is empty", "Say in a few words what is wrong when it fires.")
    if rule.severity is None and not rule.check:
        yield Problem("severity", "severity is empty", "Choose info, warning or critical.")


def _texts(rule: Rule) -> Iterator[Problem]:
    for name in ("title", "message", "action", "source", "note", "instead_of"):
        text = getattr(rule, name)
        if len(text) > LONGEST_TEXT:
            yield Problem(name, f"{name} has {len(text):,} characters", f"Use at most {LONGEST_TEXT:,}.")
        if _CONTROL.search(text):
            yield Problem(name, f"{name} has a control character: {text[:60]!r}", "Take it out.")
    for match in _BRACES.finditer(rule.message):
        if match.group(1) not in PLACEHOLDERS:
            allowed = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            yield Problem("message", f"message has {match.group()!r}", f"What can be filled in: {allowed}.")


def _scope(scope: Scope) -> Iterator[Problem]:
    for part in fields(scope):
        patterns: tuple[str, ...] = getattr(scope, part.name)
        name = f"scope.{part.name}"
        if len(patterns) > MOST_PATTERNS:
            yield Problem(name, f"{name} has {len(patterns)} patterns", f"Use at most {MOST_PATTERNS}; `*` helps.")
        for pattern in patterns:
            if not pattern.strip():
                yield Problem(name, f"{name} has an empty pattern", "Leave it out; no pattern at all means everybody.")
            elif len(pattern) > LONGEST_PATTERN or _CONTROL.search(pattern):
                yield Problem(
                    name,
                    f"{name} has {pattern[:60]!r}",
                    f"Use at most {LONGEST_PATTERN} characters and no control characters.",
                )


def _known(name: str, value: str, known: Collection[str]) -> Iterator[Problem]:
    if value in known:
        return
    near = difflib.get_close_matches(value, known, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(sorted(known))}."
    yield Problem(name, f"{name} is {value[:80]!r}, which there is not", hint)


def _threshold(rule: Rule, metric: Metric) -> Iterator[Problem]:
    misread = list(_reading(rule, metric))
    yield from misread
    if misread:
        return
    yield from _level("threshold", rule.threshold, rule, metric)
    if rule.clear is None:
        return
    yield from _level("clear", rule.clear, rule, metric)
    wrong = rule.clear > rule.threshold if rule.comparison.is_upper else rule.clear < rule.threshold
    if wrong:
        side = "at or below" if rule.comparison.is_upper else "at or above"
        yield Problem(
            "clear",
            f"clear is {rule.clear:g} and threshold is {rule.threshold:g}: it would end while it still holds",
            f"With {rule.comparison.value} the clear level lies {side} {rule.threshold:g}; or leave it out.",
        )


def _reading(rule: Rule, metric: Metric) -> Iterator[Problem]:
    counter = is_counter(metric.key)
    if rule.metric == "xid_code":
        yield Problem(
            "metric",
            "metric is 'xid_code', which keeps showing an XID long after it happened",
            "Use xid_errors_count with the reading increase, or the health check for XIDs.",
        )
    elif rule.reading is Reading.VALUE and counter:
        yield Problem(
            "reading",
            f"reading is 'value', but {metric.key} is a counter: it only grows, so it would never end",
            "Use the reading increase, with over_seconds.",
        )
    elif rule.reading is Reading.INCREASE and not counter:
        yield Problem("reading", f"reading is 'increase', but {metric.key} is not a counter", "Use the reading value.")
    elif counter and not SHORTEST_OVER <= rule.over_seconds <= LONGEST_OVER:  # NaN is outside, too
        yield Problem(
            "over_seconds",
            f"over_seconds is {rule.over_seconds}",
            f"Write {SHORTEST_OVER:.0f} to {LONGEST_OVER:.0f}: an hour of minutes is at hand.",
        )


def _level(name: str, value: float, rule: Rule, metric: Metric) -> Iterator[Problem]:
    low, high = (0.0, math.inf) if rule.reading is Reading.INCREASE else (metric.low, metric.high)
    if math.isfinite(value) and low <= value <= high and not _vacuous(rule.comparison, value, low, high):
        return
    yield Problem(name, f"{name} is {value:g} for {metric.key} {rule.comparison.value}", _range_hint(metric, low, high))


def _vacuous(comparison: Comparison, value: float, low: float, high: float) -> bool:
    """Whether every value that can be measured, or none, compares so."""
    never_or_always = {
        Comparison.ABOVE: value >= high,
        Comparison.AT_LEAST: value <= low,
        Comparison.BELOW: value <= low,
        Comparison.AT_MOST: value >= high,
    }
    return never_or_always[comparison]


def _range_hint(metric: Metric, low: float, high: float) -> str:
    if math.isinf(high):
        return f"{metric.label} can grow by 0 or more: write a number that some growth reaches and some does not."
    example = " 90 % is written 0.9." if metric.unit is Unit.RATIO else ""
    return (
        f"{metric.label} lies between {low:g} and {high:g} ({metric.unit.value}): "
        f"write a number that some values reach and some do not.{example}"
    )
