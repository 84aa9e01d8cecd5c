"""A pod of ours that is billed and should not be: past its deadline, not given back, or held by nobody."""

from __future__ import annotations

from collections.abc import Iterable

from watchdog.analysis.health.check import Check
from watchdog.analysis.health.facts import Facts, Rental
from watchdog.analysis.health.rented import by_rental
from watchdog.model.findings import Evidence, Finding, Judged, Severity, Subject
from watchdog.model.units import usd

KEY = "rented_astray"
_SOURCE = "ours: money runs out for nothing"
_ACTION = "python -m infra.cluster reconcile names every such pod, and with --return gives it back."


def judge(facts: Facts) -> Judged:
    """One finding a pod."""
    return by_rental(facts, _found)


def _found(rental: Rental) -> Iterable[Finding]:
    for pod in rental.astray:
        yield Finding(
            check=KEY,
            severity=Severity.CRITICAL,
            subject=Subject(part=f"pod={pod.name}"),
            explanation=f"Pod {pod.name} is billed at {usd(pod.usd_per_hour)} an hour and is out of order: {pod.fault}.",
            action=_ACTION,
            source=_SOURCE,
            evidence=(Evidence("cost an hour", usd(pod.usd_per_hour), rental.taken_at),),
        )


CHECK = Check(
    key=KEY,
    title="Rented pod out of order",
    definition=(
        "RunPod bills a pod of ours that is past its deadline, was to be returned, or that our record or Terraform lacks."
    ),
    source=_SOURCE,
    judge=judge,
    action=_ACTION,
    cleared_by="It is returned, or in order again.",
)
