"""Rented clusters that idle, cost too much, or are billed though nobody holds them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.analysis.health.build import AT, facts
from watchdog.analysis.health import rented_astray, rented_budget, rented_idle
from watchdog.analysis.health.facts import Astray, Rental, Rented
from watchdog.model.findings import Severity, Subject

MINUTE = timedelta(minutes=1)
CHECKS = (rented_idle, rented_budget, rented_astray)


def with_rental(*clusters, astray=(), ago=0.0):
    return replace(facts(0), rental=Rental(AT - ago * MINUTE, clusters, astray))


def test_an_idle_cluster_is_told_with_its_cost_and_what_the_guard_will_do():
    cluster = Rented("lab", 7.16, AT - 40 * MINUTE, AT + 15 * MINUTE, "return the workers")
    (found,) = rented_idle.judge(with_rental(cluster)).findings
    assert (found.severity, found.subject, found.since) == (
        Severity.WARNING, Subject(part="cluster=lab"), AT - 40 * MINUTE,
    )  # fmt: skip
    assert "idle for 40 min at $7.16 an hour" in found.explanation.replace("\u00a0", " ")
    assert f"At {AT + 15 * MINUTE:%H:%M} UTC the idle guard will return the workers." in found.explanation


def test_a_guard_that_only_warns_promises_nothing():
    (found,) = rented_idle.judge(with_rental(Rented("lab", 7.16, AT - 40 * MINUTE, plan="nothing"))).findings
    assert "guard" not in found.explanation


def test_a_cluster_over_its_budget_is_told_with_the_reason():
    (found,) = rented_budget.judge(with_rental(Rented("lab", 7.16, overrun="$7.16 an hour, allowed $5"))).findings
    assert (found.severity, found.subject) == (Severity.WARNING, Subject(part="cluster=lab"))
    assert "$7.16 an hour, allowed $5" in found.explanation


def test_each_pod_out_of_order_is_critical_and_named_with_its_cost():
    astray = (Astray("lab-worker-1", "was to be returned by noon", 1.79), Astray("lab-head", "Terraform lacks it", 2.0))
    found = rented_astray.judge(with_rental(Rented("lab", 3.79), astray=astray)).findings
    assert [each.subject.part for each in found] == ["pod=lab-worker-1", "pod=lab-head"]
    assert {each.severity for each in found} == {Severity.CRITICAL}
    assert "$1.79 an hour" in found[0].explanation
    assert "was to be returned by noon" in found[0].explanation


@pytest.mark.parametrize("check", CHECKS)
def test_a_cluster_in_order_is_fine(check):
    judged = check.judge(with_rental(Rented("lab", 7.16)))
    assert (judged.findings, judged.blind.everybody) == ((), False)


@pytest.mark.parametrize("check", CHECKS)
def test_a_list_that_is_old_or_was_never_read_resolves_nothing(check):
    idle = Rented("lab", 7.16, AT - 40 * MINUTE, overrun="much")
    old = with_rental(idle, astray=(Astray("lab-head", "overdue", 2.0),), ago=11)
    assert check.judge(old).blind.everybody
    assert check.judge(old).findings == ()
    assert check.judge(facts(0)).blind.everybody
