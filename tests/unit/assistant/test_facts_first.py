"""The checks run before anybody is asked; one that fails is blind and takes no other with it."""

from __future__ import annotations

from types import MappingProxyType

from tests.conftest import NOON
from tests.fakes import FakeCluster
from tests.unit.assistant.desk_kit import desk_of
from watchdog.analysis.health.check import Check
from watchdog.analysis.health.facts import Facts
from watchdog.assistant import facts as module
from watchdog.assistant.facts import facts_first, judged
from watchdog.base.errors import SourceUnavailableError
from watchdog.model.findings import Finding, Judged, Severity, Subject


def finding(severity, node):
    return Finding("made_up", severity, Subject(node), "It is so.", "Do it.", "a test")


def check(key, judge):
    return Check(key, key, "", "", judge)


def broken(_):
    raise KeyError("column")


def test_the_worst_come_first(monkeypatch):
    found = Judged((finding(Severity.INFO, "a"), finding(Severity.CRITICAL, "b"), finding(Severity.WARNING, "c")))
    monkeypatch.setattr(module, "CHECKS", MappingProxyType({"x": check("x", lambda _: found)}))
    desk = desk_of(FakeCluster(1), judged=lambda: Facts(NOON))
    assert [each.subject.node for each in facts_first(desk)] == ["b", "c", "a"]


def test_a_check_that_fails_is_blind_and_the_others_are_heard(monkeypatch, caplog):
    good = check("good", lambda _: Judged((finding(Severity.WARNING, "a"),)))
    monkeypatch.setattr(module, "CHECKS", MappingProxyType({"bad": check("bad", broken), "good": good}))
    said = judged(desk_of(FakeCluster(1), judged=lambda: Facts(NOON)))
    assert [each.subject.node for each in said.findings] == ["a"]
    assert said.blind == (("bad", "the check failed: KeyError"),)
    assert "check bad failed" in caplog.text


def test_facts_that_were_judged_just_now_are_not_judged_again(monkeypatch):
    calls, facts = [], Facts(NOON)
    monkeypatch.setattr(module, "CHECKS", MappingProxyType({"x": check("x", lambda _: calls.append(1) or Judged())}))
    for _ in range(3):
        judged(desk_of(FakeCluster(1), judged=lambda: facts))
    assert len(calls) == 1


def test_without_readings_there_are_no_facts_and_no_error():
    down = desk_of(FakeCluster(error=SourceUnavailableError("down")))
    assert facts_first(down) == ()
