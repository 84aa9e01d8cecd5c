"""What the health checks are told of rented clusters."""

from __future__ import annotations

from datetime import datetime

from infra.book import ClusterEntry
from infra.guard import Phase, Watch
from infra.guarding import WORDS
from infra.rental import Rental
from infra.sight import Sight
from watchdog.analysis.health import facts


def watched(rental: Rental, now: datetime) -> facts.Rental | None:
    """Clusters and pods as they were listed last; None without a key, or before the first list."""
    sight = rental.sight
    if not sight.connected or sight.at is None:
        return None
    clusters = tuple(_cluster(rental, sight, entry, now) for entry in sight.clusters())
    return facts.Rental(sight.at, clusters, _astray(sight))


def _cluster(rental: Rental, sight: Sight, entry: ClusterEntry, now: datetime) -> facts.Rented:
    watch = rental.guard.watches.get(entry.name, Watch())
    warned = watch.phase in {Phase.WARNED, Phase.ACTED}
    return facts.Rented(
        entry.name,
        sum(pod.cost for pod in sight.mine(entry)),
        idle_since=watch.idle_since if warned else None,
        acts_at=watch.acts_at,
        plan=WORDS[rental.guard.policy.action],
        overrun=sight.overrun(entry, now),
    )


def _astray(sight: Sight) -> tuple[facts.Astray, ...]:
    """Pods of ours that are out of order; while a cluster is being rented, not all of it is written down yet."""
    if sight.report is None:
        return ()
    found = [each for each in sight.report.returnable if each.cluster not in sight.report.pending]
    return tuple(facts.Astray(each.pod.name, each.text, each.pod.cost) for each in found)
