"""Facts first: what every health check says, before anybody is asked to explain it."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import datetime

from watchdog.analysis.health.check import Check
from watchdog.analysis.health.facts import Facts
from watchdog.analysis.health.registry import CHECKS
from watchdog.assistant.desk import Desk
from watchdog.base.errors import SourceError, StoreError
from watchdog.model.findings import Blind, Finding, Judged, Subject

_log = logging.getLogger(__name__)
# A check is code on data from anywhere: these are what bad data makes it raise.
_FAILURES = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


@dataclass(frozen=True)
class Judgement:
    """What the checks found at `at`.

    Attributes:
        findings: worst first, then the longest first.
        blind: (check's title, why it could not judge some or all).
        checks: how many were asked.
    """

    at: datetime
    findings: tuple[Finding, ...]
    blind: tuple[tuple[str, str], ...]
    checks: int


def judged(desk: Desk) -> Judgement:
    """Every check's findings at the desk's instant; SourceError or StoreError where readings cannot be had."""
    return desk.memo.get("judgement", lambda: _LAST.judgement(desk.facts()))


def facts_first(desk: Desk) -> tuple[Finding, ...]:
    """All findings, worst first; nothing where readings cannot be had: the tools say so when they are asked."""
    try:
        return judged(desk).findings
    except (SourceError, StoreError):
        return ()


def _judgement(facts: Facts) -> Judgement:
    said = {check.title: _said(check, facts) for check in CHECKS.values()}
    findings = [finding for each in said.values() for finding in each.findings]
    blind = tuple((title, each.blind.why) for title, each in said.items() if each.blind.why)
    ordered = sorted(findings, key=lambda finding: _urgency(finding, facts.at))
    return Judgement(facts.at, tuple(ordered), blind, len(said))


class _Last:
    """The newest judgement: many questions are asked between two readings."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[Facts, Judgement] | None = None

    def judgement(self, facts: Facts) -> Judgement:
        """Of these facts; judged once as long as they are the same."""
        with self._lock:
            kept = self._kept
        if kept is None or kept[0] is not facts:
            kept = facts, _judgement(facts)
            with self._lock:
                self._kept = kept
        return kept[1]


_LAST = _Last()


def _said(check: Check, facts: Facts) -> Judged:
    """A check that fails is blind, and takes no other with it."""
    try:
        return check.judge(facts)
    except _FAILURES as error:
        _log.exception("check %s failed", check.key)
        return Judged(blind=Blind(everybody=True, why=f"the check failed: {type(error).__name__}"))


def _urgency(finding: Finding, at: datetime) -> tuple[int, datetime, str, Subject]:
    return -finding.severity.rank, finding.since or at, finding.check, finding.subject
