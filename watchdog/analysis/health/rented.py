"""What is rented, and whether that was seen lately enough to judge by it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta

from watchdog.analysis.health.facts import Facts, Rental
from watchdog.model.findings import Blind, Finding, Judged, Subject

# The list of pods is read every minute; ten that fail in a row say that nothing is known.
STALE = timedelta(minutes=10)


def by_rental(facts: Facts, find: Callable[[Rental], Iterable[Finding]]) -> Judged:
    """What `find` finds in the newest list of pods; nothing is known without one."""
    rental = facts.rental
    if rental is None:
        return Judged(blind=Blind(everybody=True, why="nothing is rented from here"))
    if facts.at - rental.taken_at > STALE:
        minutes = int(STALE.total_seconds() // 60)
        return Judged(blind=Blind(everybody=True, why=f"the list of pods was not read for {minutes} minutes"))
    return Judged(tuple(find(rental)))


def cluster_subject(name: str) -> Subject:
    """The subject of a finding about a rented cluster."""
    return Subject(part=f"cluster={name}")
