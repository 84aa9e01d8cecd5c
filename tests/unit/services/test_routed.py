"""Which place answers, with a recording source and a real store."""

from datetime import timedelta

import pytest

from tests.conftest import NOON
from tests.unit.samples import samples
from watchdog.base.clock import FakeClock
from watchdog.base.errors import SourceUnavailableError
from watchdog.model.frames import SAMPLES, SERIES
from watchdog.model.live import Live
from watchdog.model.telemetry import Answer, Window
from watchdog.services.history import History
from watchdog.services.routed import RoutedTelemetry

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


class Source:
    """Remembers what it was asked; answers nothing."""

    def __init__(self):
        self.asked = []
        self.down = False

    def _answer(self, contract, asked):
        if self.down:
            raise SourceUnavailableError("Prometheus did not answer")
        self.asked.append(asked)
        return Answer(contract.empty())

    def range(self, metrics, window, step, **_):
        return self._answer(SERIES, window)

    def latest(self, metrics, at, where):
        return self._answer(SAMPLES, at)

    def samples(self, metrics, window, where):
        return self._answer(SAMPLES, window)


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def live():
    return Live()


@pytest.fixture
def routed(tmp_path, live, source):
    """History from 11:00 to 12:00; it is 12:10."""
    clock = FakeClock(NOON + timedelta(minutes=10))
    history = History(tmp_path / "watchdog.duckdb", clock)
    window = Window(NOON - HOUR, NOON)
    history.store().write_rollups(samples(240, start=window.since), window)
    yield RoutedTelemetry(live, history, source, clock, fresh=timedelta(seconds=30))
    history.close()


def test_now_is_answered_from_memory(routed, live, source):
    live.update(samples(1, start=NOON + timedelta(minutes=10), value=5), NOON + timedelta(minutes=10))
    answer = routed.latest(["power_watts"], NOON + timedelta(minutes=10))
    assert answer.frame["value"].tolist() == [5.0]
    assert source.asked == []


def test_a_past_instant_is_asked_of_the_source(routed, source):
    routed.latest(["power_watts"], NOON - HOUR)
    assert source.asked == [NOON - HOUR]


def test_what_is_rolled_up_comes_from_the_store_and_only_the_rest_from_the_source(routed, source):
    answer = routed.range(["power_watts"], Window(NOON - 2 * HOUR, NOON + 5 * MINUTE), MINUTE)
    assert source.asked == [Window(NOON - 2 * HOUR, NOON - HOUR), Window(NOON, NOON + 5 * MINUTE)]
    assert len(answer.frame) == 60


def test_pieces_meet_at_whole_steps(routed, source):
    routed.range(["power_watts"], Window(NOON - 2 * HOUR, NOON + 20 * MINUTE), 7 * MINUTE)
    for window in source.asked:
        for edge in (window.since, window.until):
            inner = edge not in (NOON - 2 * HOUR, NOON + 20 * MINUTE)
            assert not inner or not edge.timestamp() % 420


def test_steps_finer_than_a_minute_are_asked_of_the_source(routed, source):
    window = Window(NOON - HOUR, NOON)
    routed.range(["power_watts"], window, timedelta(seconds=15))
    assert source.asked == [window]


def test_a_dead_source_leaves_the_stored_history_and_says_so(routed, source):
    source.down = True
    answer = routed.range(["power_watts"], Window(NOON - HOUR, NOON + 5 * MINUTE), MINUTE)
    assert len(answer.frame) == 60
    assert "Prometheus did not answer" in answer.incomplete[0]


def test_a_dead_source_with_nothing_stored_is_an_error(routed, source):
    source.down = True
    with pytest.raises(SourceUnavailableError):
        routed.range(["gpu_util_ratio"], Window(NOON - HOUR, NOON + 5 * MINUTE), MINUTE)
