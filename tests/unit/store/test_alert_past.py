"""Incidents as they stood at a past instant, and what the incidents of a span are about."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.conftest import NOON
from tests.unit.alerts.stage import CRITICAL, Stage, finding, gpu, rule
from watchdog.alerts.past import board_at, incident_of, past, trail
from watchdog.base.clock import FakeClock
from watchdog.model.alerts import Acknowledgement, AlertState, Silence
from watchdog.model.telemetry import Window
from watchdog.services.history import History
from watchdog.store.alert_past import AlertPast

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
HOT, XID = finding(gpu(1, "n1")), finding(gpu(2, "n2"), "xid", CRITICAL)


@pytest.fixture
def stage(path):
    history = History(path, FakeClock(NOON))
    yield Stage(rule("hot"), rule("xid"), history=history)
    history.close()


@pytest.fixture
def store(stage):
    return stage.history.store()


def test_a_past_board_has_what_was_open_then_and_nothing_later(stage, store):
    stage.see(HOT)
    then = stage.clock.now()
    stage.wait(XID, minutes=30)
    one = stage.engine.board().incidents[0].incident.incident_id
    stage.engine.acknowledge(one, Acknowledgement("Ann", stage.clock.now()), expected=None)

    (hot,) = board_at(store, then + MINUTE / 2).incidents
    assert [alert.subject for alert in hot.alerts] == [HOT.subject]
    assert hot.incident.state is AlertState.FIRING
    assert hot.incident.closed_at is None
    assert board_at(store, then - MINUTE).incidents == ()
    (xid,) = board_at(store, stage.clock.now() - MINUTE).incidents
    assert xid.incident.ack is None
    assert board_at(store, stage.clock.now()).incidents[0].incident.ack.by == "Ann"


def test_an_incident_is_found_by_its_id_when_it_is_over(stage, store):
    stage.see(HOT)
    one = stage.engine.board().incidents[0].incident.incident_id
    stage.wait(minutes=30)

    found = incident_of(store, one)
    assert found.incident.closed_at is not None
    assert [alert.state for alert in found.alerts] == [AlertState.RESOLVED]
    assert {"fired", "resolved"} <= {*trail(store, found.incident)["kind"]}
    assert incident_of(store, "nonsense'; DROP TABLE incidents") is None


def test_the_incidents_of_a_span_say_which_rules_and_nodes_and_who(stage, store):
    stage.see(HOT, XID)
    for each in stage.engine.board().incidents:
        if each.alerts[0].rule_id == "hot":
            stage.engine.note(each.incident.incident_id, "Bo", "seen")
            hot = each.incident.incident_id

    answer = past(store, Window(NOON, NOON + HOUR))
    assert len(answer.incidents) == 2
    assert (answer.rules[hot], answer.nodes[hot], answer.people) == (("hot",), ("n1",), {hot: ("Bo",)})
    assert answer.durations.incidents == 2
    assert not len(past(store, Window(NOON - HOUR, NOON)).incidents)


def test_silences_that_are_over_are_listed_the_latest_end_first(stage, store):
    for name, hours in (("a", 1), ("b", 3)):
        stage.engine.silence(Silence(name, "Ann", "", NOON, NOON + hours * HOUR, nodes=("n*",)))
    stage.engine.end_silence("a", "Bo")

    assert [each.silence_id for each in AlertPast(store).silences(NOON - HOUR)] == ["b", "a"]
    assert [each.silence_id for each in AlertPast(store).silences(NOON + 2 * HOUR)] == ["b"]
