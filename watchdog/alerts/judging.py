"""What the rules say of the cluster as it is now; a rule that fails is blind, and takes no other with it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace

from watchdog.alerts import texts
from watchdog.alerts.evaluate import judge_rule
from watchdog.alerts.quantities import lacking
from watchdog.alerts.scope import matches, reach
from watchdog.analysis.health.check import Check
from watchdog.analysis.health.facts import Facts
from watchdog.model.findings import Blind, Finding, Judged, Subject
from watchdog.model.rules import Rule, Scope

_log = logging.getLogger(__name__)
# A rule is code on data from anywhere: these are what bad data makes it raise.
_FAILURES = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
LONGEST_TEXT = 2000
_EVERYBODY = Scope()


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What one rule said; `error` where it failed."""

    judged: Judged
    not_exported: bool = False
    error: str = ""


class Judge:
    """Judges rules on one set of facts; checks that several rules share run once."""

    def __init__(self, facts: Facts, active: Callable[[str], frozenset[Subject]], checks: Mapping[str, Check]) -> None:
        self._facts = facts
        self._active = active
        self._checks = checks
        self._checked: dict[str, Judged] = {}

    def verdicts(self, rule: Rule) -> Verdicts:
        """What this rule says."""
        try:
            judged = self._of_check(rule) if rule.check else self._of_metric(rule)
            judged = Judged(tuple(_storable(finding) for finding in judged.findings), judged.blind)
        except _FAILURES as error:
            _log.exception("rule %s failed", rule.rule_id)
            why = f"the rule failed: {type(error).__name__}: {error}"[:LONGEST_TEXT]
            return Verdicts(Judged(blind=Blind(everybody=True, why=why)), error=why)
        return Verdicts(judged, bool(rule.metric) and bool(lacking(rule.metric, self._facts.not_exported)))

    def _of_metric(self, rule: Rule) -> Judged:
        return judge_rule(rule, self._facts, self._active(rule.rule_id))

    def _of_check(self, rule: Rule) -> Judged:
        if rule.check not in self._checks:
            return Judged(blind=Blind(everybody=True, why=f"there is no check {rule.check!r}"))
        if rule.check not in self._checked:
            self._checked[rule.check] = self._checks[rule.check].judge(self._facts)
        judged = self._checked[rule.check]
        if rule.scope == _EVERYBODY:
            return judged
        return Judged(tuple(_within(rule.scope, judged.findings, self._facts)), judged.blind)


def _within(scope: Scope, findings: tuple[Finding, ...], facts: Facts) -> Iterator[Finding]:
    """Findings about whom the scope reaches: a GPU itself, a node by any of its GPUs, a job by its id."""
    reached = reach(scope, facts)
    cells = facts.cells[reached.inside | reached.unsure]
    gpus, nodes = frozenset(cells["gpu_uuid"]), frozenset(cells["node"])
    for finding in findings:
        subject = finding.subject
        if subject.gpu_uuid:
            inside = subject.gpu_uuid in gpus
        elif subject.node:
            inside = subject.node in nodes or matches(subject.node, scope.nodes)
        else:
            inside = not scope.jobs or matches(subject.job_id or finding.job_id, scope.jobs)
        if inside:
            yield finding


def _storable(finding: Finding) -> Finding:
    """The same finding, with texts that every database and message takes."""
    subject = finding.subject
    joined = finding.explanation + finding.action + finding.job_id + finding.user
    joined += subject.node + subject.gpu_uuid + subject.job_id + subject.part
    joined += "".join(each.value for each in finding.evidence)
    if joined.isascii() and len(joined) <= LONGEST_TEXT:
        return finding
    return replace(
        finding,
        subject=Subject(*(_text(getattr(subject, part.name)) for part in fields(subject))),
        explanation=_text(finding.explanation),
        action=_text(finding.action),
        job_id=_text(finding.job_id),
        user=_text(finding.user),
        evidence=tuple(replace(each, value=_text(each.value)) for each in finding.evidence),
    )


def _text(text: str) -> str:
    return texts.storable(text)[:LONGEST_TEXT]
