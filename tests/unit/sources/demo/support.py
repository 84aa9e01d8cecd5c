"""Small demo clusters, and their pages as plain numbers."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta

from prometheus_client.parser import text_string_to_metric_families

from watchdog.sources.demo.cluster import DemoCluster
from watchdog.sources.demo.config import DemoConfig
from watchdog.sources.demo.scenarios import HEALTHY

START = datetime(2026, 3, 1, 12, 0, 7, tzinfo=UTC)
ZERO = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
STEP = timedelta(seconds=15)


def cluster(scenario=HEALTHY, **settings):
    return DemoCluster(DemoConfig(scenario=scenario, **settings), START)


def by_gpu(page):
    """GPU index -> name (with the XID, where there is one) -> value."""
    found = defaultdict(dict)
    for family in text_string_to_metric_families(page.decode()):
        for sample in family.samples:
            xid = sample.labels.get("xid")
            found[int(sample.labels.get("gpu", -1))][sample.name + (f"/{xid}" if xid else "")] = sample.value
    return dict(found)


def instants(since, until, step=STEP):
    while since < until:
        yield since
        since += step
