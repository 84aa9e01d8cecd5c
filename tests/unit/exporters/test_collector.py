import threading
import time
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import NOON
from tests.unit.exporters.support import samples
from watchdog.base.clock import FakeClock, SystemClock
from watchdog.exporters.collector import Collector, next_beat
from watchdog.exporters.failure import CollectError


class Source:
    """Gives what it is told: a text, or a CollectError."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def __call__(self):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def broken(reason="timeout"):
    return CollectError(f"it failed by {reason}", reason=reason)


def test_a_page_holds_the_snapshot_and_how_old_it_is():
    clock = FakeClock(NOON)
    collector = Collector(Source("x 1\n"), clock, 15)
    collector.collect_once()
    clock.sleep(20)
    found = samples(collector.page())
    assert found["x"] == [({}, 1)]
    assert found["watchdog_exporter_snapshot_age_seconds"] == [({}, 20)]
    assert found["watchdog_exporter_last_success_timestamp_seconds"] == [({}, NOON.timestamp())]
    assert found["watchdog_exporter_last_attempt_success"] == [({}, 1)]


def test_after_a_failure_the_values_are_served_until_they_are_stale():
    clock = FakeClock(NOON)
    collector = Collector(Source("x 1\n", broken()), clock, 15)
    collector.collect_once()
    clock.sleep(59)
    collector.collect_once()
    assert "x" in samples(collector.page())
    clock.sleep(2)
    found = samples(collector.page())
    assert "x" not in found
    assert found["watchdog_exporter_last_attempt_success"] == [({}, 0)]
    assert found["watchdog_exporter_snapshot_age_seconds"] == [({}, 61)]


def test_a_long_interval_keeps_values_for_three_of_them():
    clock = FakeClock(NOON)
    collector = Collector(Source("x 1\n"), clock, 60)
    collector.collect_once()
    clock.sleep(179)
    assert "x" in samples(collector.page())
    clock.sleep(2)
    assert "x" not in samples(collector.page())


def test_failures_are_counted_by_reason():
    collector = Collector(Source(broken("timeout"), broken("timeout"), broken("missing")), FakeClock(NOON), 15)
    for _ in range(3):
        collector.collect_once()
    found = {labels["reason"]: n for labels, n in samples(collector.page())["watchdog_exporter_failures_total"]}
    assert found == {"timeout": 2, "missing": 1}


def test_before_the_first_success_there_is_no_age_and_no_value():
    found = samples(Collector(Source("x 1\n"), FakeClock(NOON), 15).page())
    assert list(found) == ["watchdog_exporter_build_info"]


def test_a_jump_of_the_wall_clock_does_not_make_values_old():
    clock = FakeClock(NOON)
    collector = Collector(Source("x 1\n"), clock, 15)
    collector.collect_once()
    clock.jump(timedelta(hours=1))
    assert samples(collector.page())["watchdog_exporter_snapshot_age_seconds"] == [({}, 0)]


def test_a_hanging_collection_never_holds_up_a_page():
    go = threading.Event()
    collector = Collector(lambda: str(go.wait(30)) and "x 1\n", SystemClock(), 0.05)
    collector.start()
    begun = time.monotonic()
    assert b"build_info" in collector.page()
    assert time.monotonic() - begun < 1
    go.set()
    wait_for(lambda: b"x 1" in collector.page())
    collector.stop()


def test_the_thread_collects_again_and_again_and_stops():
    seen = []
    collector = Collector(lambda: seen.append(1) or "", SystemClock(), 0.02)
    assert collector.health() == (False, "the collecting thread is not running")
    collector.start()
    wait_for(lambda: len(seen) >= 3)
    assert collector.health()[0]
    collector.stop()
    count = len(seen)
    time.sleep(0.1)
    assert len(seen) == count


def test_health_tells_a_failing_driver_from_a_dead_loop():
    collector = Collector(Source(broken()), SystemClock(), 0.02, stale_after_seconds=30)
    collector.start()
    wait_for(lambda: "failed" in collector.health()[1])
    assert collector.health() == (True, "running; last collection failed: it failed by timeout")
    collector.stop()
    assert not collector.health()[0]


@given(st.floats(0, 1e6), st.floats(0, 1e5), st.floats(0.01, 3600))
def test_beats_lie_on_the_grid_and_ahead_whatever_a_collection_took(due, took, interval):
    now = due + took
    beat = next_beat(due, now, interval)
    assert now < beat <= now + 2 * interval
    steps = (beat - due) / interval
    assert steps == pytest.approx(round(steps), abs=1e-3)


def wait_for(condition):
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("it did not happen within 5 s")
