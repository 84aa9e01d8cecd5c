"""The rules that ship, and rules as text for the store."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, fields
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from watchdog.alerts.validation import Problem, RuleError, problems, validate
from watchdog.analysis.health.check import Check
from watchdog.analysis.health.registry import CHECKS
from watchdog.model.findings import Severity
from watchdog.model.rules import Comparison, Reading, Rule, Scope

__all__ = ["Problem", "RuleError", "default_rules", "from_json", "problems", "to_json", "validate"]

_FILE = Path(__file__).with_name("default_rules.toml")
_E = TypeVar("_E", bound=StrEnum)


@cache
def default_rules() -> tuple[Rule, ...]:
    """A rule for each health check, then the thresholds; those that are off say why in `note`.

    A check that `default_rules.toml` does not name has a rule all the same, on, with the check's own severity.
    """
    written = [_rule(body) for body in tomllib.loads(_FILE.read_text("utf-8"))["rule"]]
    named = {rule.check for rule in written}
    made = [_of_check(check) for check in CHECKS.values() if check.key not in named]
    return tuple(validate(rule) for rule in sorted((*made, *written), key=lambda rule: bool(rule.metric)))


def _of_check(check: Check) -> Rule:
    return Rule(rule_id=check.key.replace("_", "-"), title=check.title, check=check.key, source=check.source)


def to_json(rule: Rule) -> str:
    """A rule as the store keeps it."""
    return json.dumps(asdict(rule), ensure_ascii=False, sort_keys=True)


def from_json(body: str) -> Rule:
    """The rule in a body that this or an older or newer version wrote; RuleError where there is none.

    What the body lacks has its default, and what this version does not know is left out. The rule may still be one
    that `validate` refuses.
    """
    try:
        read = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _unreadable(body) from error
    if not isinstance(read, dict) or not isinstance(read.get("rule_id"), str):
        raise _unreadable(body)
    return _rule(read)


def _unreadable(body: str) -> RuleError:
    return RuleError(
        (Problem("body", f"a kept rule cannot be read: {body[:80]!r}", "Delete it, or set it back to what ships."),)
    )


def _rule(body: Mapping[str, Any]) -> Rule:
    default = Rule("", "")
    values: dict[str, Any] = {}
    for field in fields(Rule):
        value = body.get(field.name)
        if value is not None:
            values[field.name] = _read(field.name, value, getattr(default, field.name))
    return Rule(**({"title": values["rule_id"]} | values))


def _read(name: str, value: Any, default: Any) -> Any:  # noqa: ANN401 (one of a rule's fields)
    """`value` in the type of this field; its default where it is none of it."""
    if name == "severity":
        return _word(Severity, value, default)
    if isinstance(default, Scope):
        return _scope(value)
    if isinstance(default, StrEnum):
        return _word(Comparison if name == "comparison" else Reading, value, default)
    if isinstance(default, bool) or isinstance(value, bool):
        return value if isinstance(default, bool) and isinstance(value, bool) else default
    if isinstance(default, str):
        return value if isinstance(value, str) else default
    return _number(value, default)


def _number(value: object, default: float | None) -> float | None:
    try:
        return float(value) if isinstance(value, int | float) else default
    except OverflowError:
        return default


def _word(words: type[_E], value: object, default: _E | None) -> _E | None:
    return next((word for word in words if word.value == value), default)


def _scope(value: object) -> Scope:
    given = value if isinstance(value, dict) else {}
    return Scope(**{field.name: _patterns(given.get(field.name)) for field in fields(Scope)})


def _patterns(value: object) -> tuple[str, ...]:
    return tuple(text for text in value if isinstance(text, str)) if isinstance(value, list | tuple) else ()
