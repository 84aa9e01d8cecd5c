"""The demo's exporters tell their node's own time, so that a clock that is off is seen and is no stale reading."""

from datetime import timedelta

from tests.conftest import NOON
from watchdog.base.clock import FakeClock
from watchdog.sources.demo.cluster import DemoCluster
from watchdog.sources.demo.config import DemoConfig
from watchdog.sources.demo.faults import FaultKind
from watchdog.sources.demo.pages import demo_targets
from watchdog.sources.demo.scenarios import only
from watchdog.sources.scrape import Scraper


def test_a_clock_that_is_minutes_off_is_told_and_its_readings_are_kept():
    scenario = only(FaultKind.CLOCK_SKEW, at=-300, minutes=60, node=0)
    cluster, clock = DemoCluster(DemoConfig(nodes=2, gpus=2, scenario=scenario), NOON), FakeClock(NOON)
    scraper = Scraper(demo_targets(cluster, clock), clock, workers=1)
    statuses = scraper.scrape().statuses
    scraper.close()
    skews = {status.name: timedelta(seconds=status.clock_skew_seconds or 0) for status in statuses}
    assert abs(skews["exporter gpu01"]) >= timedelta(minutes=4)
    assert skews["exporter gpu02"] == timedelta()
    assert [status.error for status in statuses] == ["", ""]
