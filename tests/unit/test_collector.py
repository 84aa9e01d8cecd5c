"""The loop, with a feed and a clock of our own and a real store."""

from datetime import timedelta

import pandas as pd
import pytest

from tests.conftest import NOON
from tests.unit.samples import samples
from watchdog.base.clock import FakeClock
from watchdog.base.config import Config
from watchdog.base.errors import SourceUnavailableError
from watchdog.collector import Collector
from watchdog.model.frames import SAMPLES, concat
from watchdog.model.live import Live
from watchdog.model.telemetry import Answer, SourceStatus, Statistic, Window
from watchdog.services.feeds import Reading
from watchdog.services.history import History
from watchdog.store.telemetry import StoreTelemetry

MINUTE = timedelta(minutes=1)


class ScrapedFeed:
    """Gives one reading of two GPUs at each read."""

    remembers = False

    def __init__(self, clock):
        self.clock = clock
        self.reads = []

    def read(self):
        now = self.clock.now()
        self.reads.append(self.clock.monotonic())
        frame = concat(SAMPLES, [samples(1, start=now, gpu=gpu, value=300) for gpu in ("GPU-a", "GPU-b")])
        return Reading(frame, (SourceStatus("node01", now, now, 0.1, len(frame), now),))

    def past(self, since):
        return iter(())


class RememberingFeed(ScrapedFeed):
    """A server that knows all samples since `born`, one each 15 s, unless it is `down`."""

    remembers = True

    def __init__(self, clock, born):
        super().__init__(clock)
        self.born = born
        self.down = False
        self.hidden = None
        self.asked = []

    def samples(self, window):
        if self.down:
            raise SourceUnavailableError("Prometheus did not answer", hint="Is it running?")
        self.asked.append(window)
        first = max(0, -int((self.born - window.since).total_seconds() // 15))
        last = int((min(self.clock.now(), window.until) - self.born).total_seconds() // 15)
        known = samples(last, start=self.born, first=first)
        if self.hidden is not None:
            known = known[~known["sampled_at"].between(*self.hidden)].reset_index(drop=True)
        return Answer(known)


@pytest.fixture
def clock():
    return FakeClock(NOON)


@pytest.fixture
def history(tmp_path, clock):
    with_store = History(tmp_path / "data" / "watchdog.duckdb", clock)
    yield with_store
    with_store.close()


def collector(feed, history, clock, **settings):
    return Collector(Config(backfill_hours=3, **settings), feed, Live(), history, clock)


def ticks(loop, clock, count, every=15):
    for _ in range(count):
        loop.tick()
        clock.sleep(every)


def minutes(history, until, since=NOON):
    answer = StoreTelemetry(history.store()).range(
        ["power_watts"], Window(since, until), MINUTE, statistic=Statistic.AVG
    )
    return answer.frame.sort_values(["gpu_uuid", "bucket_at"]).reset_index(drop=True)


def test_readings_are_stored_and_closed_minutes_rolled_up(history, clock):
    loop = collector(ScrapedFeed(clock), history, clock)
    ticks(loop, clock, 12)

    assert loop.state.ticks == 12
    assert loop.state.error == ""
    assert loop.state.rolled_until == NOON + 2 * MINUTE
    assert len(minutes(history, NOON + 2 * MINUTE)) == 4


def test_a_store_that_refuses_loses_no_sample(history, clock, tmp_path):
    blocker = tmp_path / "data"
    blocker.write_text("a file where the folder should be")
    loop = collector(ScrapedFeed(clock), history, clock)
    ticks(loop, clock, 4)
    assert loop.state.unsaved_samples == 8
    assert loop.state.error

    blocker.unlink()
    ticks(loop, clock, 8)

    assert loop.state.unsaved_samples == 0
    assert loop.state.error == ""
    assert len(minutes(history, NOON + MINUTE)) == 2


def test_the_live_values_go_on_while_the_store_refuses(history, clock, tmp_path):
    (tmp_path / "data").write_text("a file where the folder should be")
    loop = collector(ScrapedFeed(clock), history, clock)
    loop.tick()
    assert len(loop._live.latest(["power_watts"], clock.now()).frame) == 2


def test_after_downtime_history_is_as_if_it_had_never_been_down(tmp_path, clock):
    steady = History(tmp_path / "steady.duckdb", clock)
    broken = History(tmp_path / "broken.duckdb", clock)
    feed = RememberingFeed(clock, born=NOON - timedelta(minutes=30))
    one, other = collector(feed, steady, clock), collector(feed, broken, clock)
    for _ in range(20):
        one.tick(), other.tick()
        clock.sleep(15)
    ticks(one, clock, 60, every=60)  # an hour without the second one
    other = collector(feed, broken, clock)
    for _ in range(8):
        one.tick(), other.tick()
        clock.sleep(15)

    until = clock.now() - 2 * MINUTE
    expected = minutes(steady, until, since=feed.born)
    pd.testing.assert_frame_equal(minutes(broken, until, since=feed.born), expected)
    assert len(expected) > 90
    steady.close(), broken.close()


def test_a_server_that_is_down_is_said_and_made_up_for(history, clock):
    feed = RememberingFeed(clock, born=NOON - timedelta(minutes=10))
    feed.down = True
    loop = collector(feed, history, clock)
    ticks(loop, clock, 4)
    assert "did not answer" in loop.state.error
    assert loop.state.hint == "Is it running?"

    feed.down = False
    ticks(loop, clock, 4)
    assert loop.state.error == ""
    assert len(minutes(history, clock.now() - 2 * MINUTE, since=feed.born)) >= 9


def test_samples_that_come_late_are_taken_in_when_the_hour_is_over(history, clock):
    feed = RememberingFeed(clock, born=NOON)
    feed.hidden = (NOON + timedelta(minutes=20), NOON + timedelta(minutes=25))
    loop = collector(feed, history, clock)
    ticks(loop, clock, 50, every=60)
    assert len(minutes(history, NOON + timedelta(minutes=40))) < 40

    feed.hidden = None
    ticks(loop, clock, 20, every=60)
    assert len(minutes(history, NOON + timedelta(minutes=60))) == 60


def test_a_clock_that_goes_back_an_hour_loses_and_doubles_nothing(history, clock):
    loop = collector(ScrapedFeed(clock), history, clock)
    ticks(loop, clock, 20)
    clock.jump(timedelta(hours=-1))
    ticks(loop, clock, 20)

    rolled = minutes(history, NOON + timedelta(minutes=5), since=NOON - timedelta(hours=1))
    assert not rolled.duplicated(["bucket_at", "gpu_uuid"]).any()
    assert (rolled["bucket_at"] < pd.Timestamp(NOON)).sum() >= 2 * 4
    assert (rolled["bucket_at"] >= pd.Timestamp(NOON)).sum() == 2 * 5


class WaitingStop:
    """An Event whose waiting moves the fake clock, and which is set after `count` waits."""

    def __init__(self, clock, count):
        self.clock, self.left = clock, count

    def is_set(self):
        return self.left <= 0

    def wait(self, seconds):
        self.left -= 1
        self.clock.sleep(max(0.0, seconds))


def test_the_schedule_does_not_drift_and_a_long_tick_skips_the_missed_ones(history, clock):
    feed = ScrapedFeed(clock)
    read, costs = feed.read, iter([2.0, 2.0, 40.0, 2.0, 2.0])

    def slow():
        reading = read()
        clock.sleep(next(costs))
        return reading

    feed.read = slow
    collector(feed, history, clock).run(WaitingStop(clock, 5))
    assert feed.reads == [0.0, 15.0, 30.0, 75.0, 90.0]


def test_a_loop_that_ended_is_not_alive(history, clock):
    loop = collector(ScrapedFeed(clock), history, clock)
    loop.run(WaitingStop(clock, 1))
    assert loop.state.alive is False
    assert loop.state.ticks == 1
