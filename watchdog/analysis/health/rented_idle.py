"""A rented cluster that does nothing and is paid for all the same. How long is the owner's setting."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from watchdog.analysis.health.check import Check
from watchdog.analysis.health.facts import Facts, Rental, Rented
from watchdog.analysis.health.rented import by_rental, cluster_subject
from watchdog.model.findings import Evidence, Finding, Judged, Severity
from watchdog.model.units import duration_text, usd

KEY = "rented_idle"
_SOURCE = "the owner's: WATCHDOG_GUARD_IDLE_MINUTES, WATCHDOG_GUARD_GPU_RATIO"
_ACTION = "Return it (make teardown), or keep it for some hours on the page Infrastructure."


def judge(facts: Facts) -> Judged:
    """One finding a cluster."""
    return by_rental(facts, lambda rental: _found(rental, facts.at))


def _found(rental: Rental, at: datetime) -> Iterable[Finding]:
    for cluster in rental.clusters:
        if cluster.idle_since is not None:
            yield _finding(cluster, cluster.idle_since, rental.taken_at, at)


def _finding(cluster: Rented, since: datetime, seen: datetime, at: datetime) -> Finding:
    plan = f" At {cluster.acts_at:%H:%M} UTC the idle guard will {cluster.plan}." if cluster.acts_at else ""
    cost = usd(cluster.usd_per_hour)
    return Finding(
        check=KEY,
        severity=Severity.WARNING,
        subject=cluster_subject(cluster.name),
        explanation=f"Cluster {cluster.name} has been idle for {duration_text(at - since)} at {cost} an hour.{plan}",
        action=_ACTION,
        source=_SOURCE,
        since=since,
        evidence=(Evidence("cost an hour", cost, seen),),
    )


CHECK = Check(
    key=KEY,
    title="Rented cluster idle",
    definition="The idle guard has warned of a rented cluster: no job runs or waits, and no GPU is busy.",
    source=_SOURCE,
    judge=judge,
    action=_ACTION,
    cleared_by="The cluster works again, somebody keeps it, or it is returned.",
)
