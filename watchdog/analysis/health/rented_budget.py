"""A rented cluster that costs more than its owner allowed when it was rented."""

from __future__ import annotations

from collections.abc import Iterable

from watchdog.analysis.health.check import Check
from watchdog.analysis.health.facts import Facts, Rental
from watchdog.analysis.health.rented import by_rental, cluster_subject
from watchdog.model.findings import Evidence, Finding, Judged, Severity
from watchdog.model.units import usd

KEY = "rented_budget"
_SOURCE = "the owner's: --max-hourly, --max-total"
_ACTION = "Return it (make teardown), or rent it with another budget. Nothing is stopped for you."


def judge(facts: Facts) -> Judged:
    """One finding a cluster."""
    return by_rental(facts, _found)


def _found(rental: Rental) -> Iterable[Finding]:
    for cluster in rental.clusters:
        if cluster.overrun:
            yield Finding(
                check=KEY,
                severity=Severity.WARNING,
                subject=cluster_subject(cluster.name),
                explanation=f"Cluster {cluster.name} is over its budget: {cluster.overrun}.",
                action=_ACTION,
                source=_SOURCE,
                evidence=(Evidence("cost an hour", usd(cluster.usd_per_hour), rental.taken_at),),
            )


CHECK = Check(
    key=KEY,
    title="Rented cluster over budget",
    definition="A rented cluster costs more an hour, or has cost more in all, than was allowed when it was rented.",
    source=_SOURCE,
    judge=judge,
    action=_ACTION,
    cleared_by="Its cost is within the budget, or it is returned.",
)
