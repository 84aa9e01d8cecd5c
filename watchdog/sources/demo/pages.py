"""The demo cluster's exporters as targets of the scraper, without HTTP."""

from __future__ import annotations

from collections.abc import Callable

from watchdog.base.clock import Clock
from watchdog.sources.demo.cluster import DemoCluster
from watchdog.sources.scrape import Fetched, Target


def demo_targets(cluster: DemoCluster, clock: Clock) -> list[Target]:
    """One target a node; each tells its node's own time, as an answer's Date header would."""
    return [Target(node, _page(cluster, node, clock)) for node in cluster.node_names]


def _page(cluster: DemoCluster, node: str, clock: Clock) -> Callable[[], Fetched]:
    def page() -> Fetched:
        now = clock.now()
        return Fetched(cluster.page(node, now), now + cluster.clock_skew(node))

    return page
