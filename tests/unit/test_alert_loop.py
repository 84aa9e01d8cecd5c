"""Looking without the loops, at a clock that is moved by hand: what is remembered, and what is judged."""

from datetime import timedelta

import pytest

from tests.conftest import NOON
from tests.fakes import FakeCluster
from watchdog.alert_loop import AlertLoop
from watchdog.alerts.engine import AlertEngine
from watchdog.analysis.health.facts import TRACE_MINUTES
from watchdog.base.clock import FakeClock
from watchdog.base.config import Config
from watchdog.base.errors import SourceUnavailableError
from watchdog.runtime import Runtime
from watchdog.services.history import History
from watchdog.services.observation import Observation
from watchdog.services.surroundings import Surroundings
from watchdog.sources.demo.cluster import DemoCluster
from watchdog.sources.demo.config import DemoConfig
from watchdog.sources.demo.faults import FaultKind
from watchdog.sources.demo.scenarios import Planned, Scenario

MINUTE = timedelta(minutes=1)
HOUR_BEFORE = NOON - TRACE_MINUTES * MINUTE


@pytest.fixture
def looped(tmp_path):
    """A loop over a cluster that answers from formulas."""
    clock = FakeClock(NOON)
    history = History(tmp_path / "w.duckdb", clock)

    def made(**cluster):
        watched = FakeCluster(nodes=1, **cluster)
        around = Surroundings(history, tmp_path / "w.duckdb", lambda: None, lambda: (), lambda: None)
        engine = AlertEngine(history, clock).open()
        return AlertLoop(Config(data_dir=str(tmp_path)), clock, engine, Observation(watched, watched.gpus), around)

    yield made
    history.close()


def test_the_hour_before_is_remembered_and_not_judged(looped):
    loop = looped(faults={(0, 1): "hung"})
    loop.recall()
    assert (loop.state.ticks, loop.facts, loop.engine.board().incidents) == (0, None, ())
    loop.tick()
    assert loop.facts.watching_since == HOUR_BEFORE


def test_without_remembering_the_watch_begins_with_the_first_look(looped):
    loop = looped()
    loop.tick()
    assert loop.facts.watching_since == NOON


def test_a_past_that_cannot_be_read_is_raised(looped):
    with pytest.raises(SourceUnavailableError):
        looped(history_error=SourceUnavailableError("down")).recall()


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    """A cluster with a history of an hour, of which a GPU falls off the bus two minutes after it is first looked at."""
    clock = FakeClock(NOON)
    lost = Planned(FaultKind.GPU_LOST, 120.0, 60.0, 0)
    cluster = DemoCluster(DemoConfig(1, 2, 7, scenario=Scenario("lost", (lost,))), NOON)
    config = Config(
        source="demo", data_dir=str(tmp_path_factory.mktemp("data")), demo_nodes=1, demo_gpus=2,
        demo_history_hours=1.1, interval_seconds=60,
    )  # fmt: skip
    made = Runtime(config, clock, cluster)
    made.look_once()
    yield made
    made.stop()


def test_looking_again_judges_what_is_new_and_remembers_the_hour_before_once(runtime, monkeypatch):
    assert runtime.alert_state().ticks == 0
    recalled = []
    recall = runtime._alerts.recall
    monkeypatch.setattr(runtime._alerts, "recall", lambda: recalled.append(runtime.clock.now()) or recall())
    for number in range(1, 5):
        runtime.clock.sleep(60)
        runtime.look_again()
        assert runtime.alert_state().ticks == number
        assert runtime.desk().facts().at == runtime.clock.now()
    assert recalled == [NOON + MINUTE]
    assert runtime.desk().facts().watching_since == recalled[0] - TRACE_MINUTES * MINUTE
    alerts = {alert.rule_id: alert.since for each in runtime.engine.board().incidents for alert in each.alerts}
    assert alerts["gpu-missing"] == NOON + 2 * MINUTE
