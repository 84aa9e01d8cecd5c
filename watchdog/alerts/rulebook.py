"""The rules in force: those that ship, changed by what people decided."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from datetime import datetime

from watchdog.alerts import texts
from watchdog.alerts.rules import RuleError, from_json, to_json, validate
from watchdog.base.errors import ActionError
from watchdog.model.alert_changes import KeptRule
from watchdog.model.rules import Rule

_log = logging.getLogger(__name__)


def in_force(kept: Iterable[KeptRule], shipped: tuple[Rule, ...]) -> dict[str, Rule]:
    """Rules by id, in the order they ship, then people's own. A kept one that cannot be read is as it ships."""
    rules = {rule.rule_id: rule for rule in shipped}
    for each in kept:
        if each.deleted:
            rules.pop(each.rule_id, None)
        elif each.body:
            rules |= _read(each)
    return rules


def _read(kept: KeptRule) -> dict[str, Rule]:
    try:
        return {kept.rule_id: replace(validate(from_json(kept.body)), rule_id=kept.rule_id)}
    except RuleError as error:
        _log.error("rule %s is not used as it was kept: %s", kept.rule_id, error)
        return {}


def saved(rule: Rule, by: str, at: datetime) -> KeptRule:
    """A rule as somebody wants it; RuleError where it cannot be."""
    validate(rule)
    return KeptRule(rule.rule_id, to_json(rule), at, texts.name(by))


def deleted(rule_id: str, by: str, at: datetime, rules: Mapping[str, Rule]) -> KeptRule:
    """A rule that is watched no more."""
    if rule_id not in rules:
        raise ActionError(f"there is no rule {rule_id!r}", hint="Somebody may have deleted it meanwhile.")
    return KeptRule(rule_id, "", at, texts.name(by), deleted=True)


def reset(rule_id: str, by: str, at: datetime, shipped: tuple[Rule, ...]) -> KeptRule:
    """A rule as it ships."""
    if all(rule.rule_id != rule_id for rule in shipped):
        raise ActionError(f"{rule_id!r} is not one of the rules that ship", hint="Delete it instead.")
    return KeptRule(rule_id, "", at, texts.name(by))


def difference(before: Rule | None, after: Rule | None) -> str:
    """What changed, in words: "threshold 85.0 -> 80.0"."""
    if before is None or after is None:
        return "deleted" if before else "new" if after else ""
    pairs = [(each.name, getattr(before, each.name), getattr(after, each.name)) for each in fields(Rule)]
    changed = [f"{name} {old} -> {new}" for name, old, new in pairs if old != new]
    return "; ".join(changed)[: texts.LONGEST_NOTE]
