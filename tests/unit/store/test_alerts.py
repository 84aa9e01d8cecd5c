"""Alerts in the file: what comes back after a restart, what pages ask, and messages on their way."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.conftest import NOON
from tests.unit.alerts.stage import CRITICAL, WARNING, Stage, finding, gpu, rule
from watchdog.base.clock import FakeClock
from watchdog.model.alert_changes import Changes
from watchdog.model.alert_frames import ALERT_EVENTS, ALERTS, INCIDENTS
from watchdog.model.alerts import Acknowledgement, AlertEvent, EventKind, Silence
from watchdog.model.findings import Evidence, Subject
from watchdog.model.telemetry import Window
from watchdog.services.history import History
from watchdog.store.alerts import AlertStore, Durations, EventFilter
from watchdog.store.outbox import OutboxStore, message_of

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WHOLE = Window(NOON - DAY, NOON + 30 * DAY)
HOSTILE = "<img src=x onerror=alert(1)> '; DROP TABLE alerts; -- \x00\n\u202e$5"
HOT = finding(
    gpu(),
    explanation=HOSTILE,
    user="ann",
    job_id="812",
    value=91.5,
    cleared_by="a reset",
    evidence=(Evidence("power_watts", "71 W", NOON), Evidence("reason", HOSTILE)),
)


@pytest.fixture
def stage(path):
    history = History(path, FakeClock(NOON))
    yield Stage(rule("hot"), rule("xid", for_seconds=60), history=history)
    history.close()


@pytest.fixture
def kept(stage):
    return AlertStore(stage.history.store())


def _ack(stage, by="Ann", **of_ack):
    ack = Acknowledgement(by, stage.clock.now(), **of_ack)
    stage.engine.acknowledge(stage.incidents[0].incident_id, ack, expected=stage.incidents[0].ack)


def test_everything_that_is_open_comes_back_as_it_was(stage):
    stage.see(HOT, finding(gpu(2), "xid", CRITICAL))
    _ack(stage, note=HOSTILE, until=NOON + DAY)
    stage.engine.silence(Silence("s", "Bob", HOSTILE, NOON, NOON + HOUR, nodes=("gpu*", "it's"), rules=("x",)))
    stage.see(HOT, finding(gpu(2), "xid", CRITICAL))
    before = stage.engine.board()
    after = stage.start().board()
    assert after.incidents[0].incident == before.incidents[0].incident
    alert = after.incidents[0].alerts[0]
    assert alert == replace(before.incidents[0].alerts[0], seen_at=alert.seen_at, finding=alert.finding)
    assert alert.finding == replace(HOT, since=alert.since)
    assert [each.subject for each in after.pending] == [gpu(2)]
    assert after.silences == before.silences


def test_a_batch_is_written_once_however_often_it_is_tried(store):
    event = AlertEvent(NOON, NOON, EventKind.NOTED, "i", by="Ann")
    batches = [Changes(1, events=(event,)), Changes(2, events=(event, event), marks={"evaluated": NOON})]
    kept = AlertStore(store)
    assert [kept.save(batches), kept.save(batches), kept.save(batches[:1])] == [2, 2, 2]
    assert [*kept.events(WHOLE)["seq"]] == [3, 2, 1]
    assert kept.load(NOON).marks == {"evaluated": NOON}
    kept.save([Changes(3, marks={"evaluated": None})])
    assert kept.load(NOON).marks == {}


def test_an_alert_that_only_waited_leaves_events_but_no_alert(stage, kept):
    stage.see(finding(gpu(), "xid")).see()
    assert [*kept.events(WHOLE)["kind"]] == ["dropped", "pending"]
    assert kept.load(NOON).alerts == ()
    assert kept.alerts(WHOLE).empty


def test_frames_keep_their_contracts_full_and_empty(stage, kept):
    for _ in range(2):
        ALERT_EVENTS.check(kept.events(WHOLE))
        ALERTS.check(kept.alerts(WHOLE))
        INCIDENTS.check(kept.incidents(WHOLE))
        stage.see(HOT)
    assert kept.alerts(WHOLE)["explanation"].iloc[0] == HOSTILE
    assert kept.alerts(WHOLE)[["affected_job", "user", "value"]].to_numpy().tolist() == [["812", "ann", 91.5]]


def test_events_are_found_by_rule_node_severity_person_kind_and_incident(stage, kept):
    stage.see(HOT, finding(gpu(0, "gpu02"), severity=CRITICAL))
    _ack(stage)

    def count(**wanted):
        return len(kept.events(WHOLE, EventFilter(**wanted)))

    assert count() == 3
    assert count(rules=("hot",)) == 2
    assert count(rules=("' OR 1=1 --",)) == 0
    assert count(nodes=("gpu02",)) == 1
    assert count(severities=("critical",)) == 2
    assert count(by=("Ann",)) == count(kinds=("acknowledged",)) == 1
    assert count(incident_id=stage.incidents[0].incident_id) == 2
    assert count(alert_id=stage.alerts[0].alert_id) == 1
    assert len(kept.events(WHOLE, most=2)) == 2
    assert kept.events(Window(NOON - DAY, NOON)).empty


def test_incidents_and_alerts_of_a_window_are_those_that_were_open_in_it(stage, kept):
    stage.see(HOT).see(seconds=3600, times=2)

    def count(since, until):
        window = Window(NOON + since * HOUR, NOON + until * HOUR)
        return len(kept.incidents(window)), len(kept.alerts(window))

    assert [count(-1, 0), count(0, 1), count(1, 2), count(3, 4)] == [(0, 0), (1, 1), (1, 1), (0, 0)]
    incident = kept.incidents(WHOLE)["incident_id"].iloc[0]
    assert len(kept.alerts(incident_id=incident)) == 1
    assert kept.alerts(incident_id="other").empty


def test_mean_times_to_acknowledge_and_to_resolve(stage, kept):
    assert kept.durations(WHOLE) == Durations()
    stage.see(HOT).clock.sleep(300)
    _ack(stage)
    stage.clock.sleep(300)
    _ack(stage, "Bob")
    stage.see(finding(gpu(0, "gpu02")), seconds=600, times=2)
    second = timedelta(seconds=1)
    assert kept.durations(WHOLE) == Durations(2, 1, 1, 300 * second, 1800 * second)


def test_what_is_over_is_forgotten_in_time_and_what_is_open_never(stage, kept):
    stage.see(HOT, finding(gpu(0, "gpu02"))).see(HOT, times=2)
    later = stage.clock.now() + DAY
    kept.expire(later, later)
    assert [*kept.incidents(WHOLE)["state"]] == ["firing"]
    assert {*kept.events(WHOLE)["incident_id"]} == {stage.incidents[0].incident_id}
    assert len(kept.alerts(WHOLE)) == 1
    assert len(OutboxStore(stage.history.store()).waiting()) == 3


def test_the_engine_drops_what_is_older_than_it_is_to_keep(stage, kept):
    stage.see(HOT).see(times=2)
    stage.see(seconds=399 * 86400)
    assert len(kept.incidents(WHOLE)) == 1
    stage.see(seconds=2 * 86400)
    assert kept.incidents(WHOLE).empty


def test_a_message_waits_until_it_is_delivered_and_leaves_an_event(stage, kept):
    outbox = OutboxStore(stage.history.store())
    stage.see(HOT)
    [waiting] = outbox.due(NOON)
    assert message_of(waiting).alerts[0].finding.explanation == HOSTILE
    outbox.failed(waiting, NOON, "refused", NOON + HOUR)
    assert (outbox.due(NOON), len(outbox.waiting())) == ((), 1)
    [again] = outbox.due(NOON + HOUR)
    assert (again.attempts, again.error) == (1, "refused")
    outbox.delivered(again, NOON + HOUR)
    assert outbox.waiting() == outbox.dead() == ()
    assert kept.events(WHOLE)[["kind", "by", "note"]].iloc[0].tolist() == ["notified", "mail", "firing"]
    kept.expire(NOON, NOON + DAY)
    with stage.history.store().read() as (cursor, _):
        assert cursor.execute("SELECT count(*) FROM outbox").fetchone() == (0,)


def test_a_message_that_is_given_up_is_a_dead_letter_that_can_be_tried_again(stage, kept):
    outbox = OutboxStore(stage.history.store())
    stage.see(HOT)
    outbox.failed(outbox.due(NOON)[0], NOON, "x" * 9999, None)
    [dead] = outbox.dead()
    assert (dead.failed_at, len(dead.error), outbox.due(NOON + DAY)) == (NOON, 500, ())
    assert kept.events(WHOLE)["kind"].iloc[0] == "not notified"
    outbox.again(dead.message_id, dead.channel)
    assert (len(outbox.due(NOON)), outbox.dead()) == (1, ())


def test_half_characters_do_not_stop_the_writing(store):
    event = AlertEvent(NOON, NOON, EventKind.NOTED, "i", subject=Subject("n\ud800"), note="\udfff")
    AlertStore(store).save([Changes(1, events=(event,))])
    assert AlertStore(store).events(WHOLE)[["node", "note"]].iloc[0].tolist() == ["n?", "?"]


def test_severity_is_kept_as_the_rule_wants_it(stage):
    stage.see(finding(gpu(), severity=WARNING)).see(finding(gpu(), severity=CRITICAL))
    assert stage.start().board().incidents[0].alerts[0].severity is CRITICAL
