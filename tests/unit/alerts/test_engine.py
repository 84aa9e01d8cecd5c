"""The engine: who is told what and when, what people do, restarts, and a store that refuses."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.conftest import NOON
from tests.unit.alerts.stage import CRITICAL, HOUR, INFO, MINUTE, WARNING, Stage, finding, gpu, rule
from watchdog.alerts.validation import RuleError
from watchdog.base.errors import ActionError
from watchdog.model.alerts import Acknowledgement, AlertState, Silence
from watchdog.model.findings import Blind, Subject
from watchdog.model.rules import Comparison
from watchdog.store.outbox import message_of

HOT = finding(gpu())
BLIND = Blind(everybody=True, why="nobody publishes it")


def _ack(stage, by="Ann", **of_ack):
    ack = Acknowledgement(by, stage.clock.now(), **of_ack)
    stage.engine.acknowledge(stage.incidents[0].incident_id, ack, expected=None)
    return stage


# Telling


def test_people_are_told_once_and_when_it_is_over():
    stage = Stage().see(HOT, times=9).see(times=9)
    assert stage.told == ["firing", "resolved"]
    assert stage.incidents == []


def test_a_message_says_who_what_and_where_to_look():
    stage = Stage().see(HOT, finding(gpu(1)))
    message = message_of(stage.shelf.outbox[0])
    assert message.incident.title == "Hot: 2 GPUs on gpu01"
    assert message.link == f"http://watchdog/alerts?incident={message.incident.incident_id}"
    assert (message.members, len(message.alerts)) == (2, 2)


def test_every_channel_gets_the_message_under_one_id():
    stage = Stage(channels=("mail", "slack")).see(HOT)
    assert [(each.channel, each.message_id) for each in stage.shelf.outbox] == [
        ("mail", stage.shelf.outbox[0].message_id),
        ("slack", stage.shelf.outbox[0].message_id),
    ]


def test_people_are_reminded_every_four_hours_of_what_nobody_has():
    stage = Stage().see(HOT).wait(HOT, minutes=9 * 60)
    assert stage.told == ["firing", "reminder", "reminder"]


def test_nobody_is_reminded_of_what_is_only_worth_knowing():
    assert Stage().see(finding(gpu(), severity=INFO)).wait(finding(gpu(), severity=INFO), minutes=500).told == [
        "firing"
    ]


def test_what_gets_worse_is_told_again_but_not_each_time_it_wavers():
    worse = finding(gpu(), severity=CRITICAL)
    stage = Stage().see(HOT).see(worse).see(HOT).see(worse)
    assert stage.told == ["firing", "worsened"]
    assert stage.kinds == ["fired", "worsened", "eased", "worsened"]


def test_members_that_join_are_not_told_of_one_by_one():
    assert Stage().see(HOT).see(HOT, finding(gpu(1)), finding(gpu(2))).told == ["firing"]


def test_without_a_channel_nothing_is_told_and_it_is_made_up_for_when_there_is_one():
    stage = Stage(channels=())
    assert stage.see(HOT).told == []
    stage.channels = ("mail",)
    assert stage.see(HOT).told == ["firing"]


def test_an_end_is_told_only_to_those_who_were_told_of_the_beginning():
    stage = Stage(channels=())
    stage.see(HOT)
    stage.channels = ("mail",)
    assert stage.see(times=3).told == []


def test_what_stays_out_of_sight_is_told_once():
    stage = Stage().see(HOT).wait(minutes=14, blind=BLIND)
    assert stage.told == ["firing"]
    stage.wait(minutes=30, blind=BLIND)
    assert stage.told == ["firing", "unknown"]
    assert stage.incidents[0].state is AlertState.UNKNOWN


def test_what_is_out_of_sight_because_its_node_is_lost_is_not_told_beside_the_node():
    down = finding(Subject("gpu01"), "node_down", CRITICAL)
    stage = (
        Stage(rule("hot"), rule("node_down")).see(HOT).wait(down, minutes=60, blind=Blind(nodes=frozenset({"gpu01"})))
    )
    assert stage.told == ["firing", "firing"]


# Acknowledging


def test_an_acknowledged_incident_reminds_nobody_and_covers_who_joins():
    stage = _ack(Stage().see(HOT)).wait(HOT, finding(gpu(1)), minutes=600)
    assert stage.told == ["firing"]
    assert stage.incidents[0].ack.by == "Ann"


def test_an_acknowledgement_does_not_cover_what_gets_worse():
    stage = _ack(Stage().see(HOT)).see(HOT, finding(gpu(1), severity=CRITICAL))
    assert stage.told == ["firing", "worsened"]


def test_an_acknowledgement_ends_with_an_event_and_a_reminder():
    stage = Stage().see(HOT)
    _ack(stage, until=stage.clock.now() + HOUR).wait(HOT, minutes=59)
    assert stage.told == ["firing"]
    stage.wait(HOT, minutes=1)
    assert (stage.told, stage.kinds[-1]) == (["firing", "reminder"], "acknowledgement ended")
    assert stage.incidents[0].ack is None


def test_who_acknowledges_second_is_told_by_whom_and_when_and_both_are_in_the_history():
    stage = _ack(Stage().see(HOT))
    late = Acknowledgement("Bob", stage.clock.now(), "I have it")
    with pytest.raises(ActionError, match="already acknowledged by Ann at 12:00 UTC"):
        stage.engine.acknowledge(stage.incidents[0].incident_id, late, expected=None)
    stage.engine.acknowledge(stage.incidents[0].incident_id, late, expected=stage.incidents[0].ack)
    did = [(event.kind, event.by, event.note) for event in stage.shelf.events if event.by]
    assert did == [
        ("acknowledged", "Ann", ""),
        ("noted", "Bob", "wanted to acknowledge: I have it"),
        ("acknowledged", "Bob", "I have it"),
    ]


def test_what_just_resolved_cannot_be_acknowledged():
    stage = Stage().see(HOT)
    gone = stage.incidents[0].incident_id
    stage.see(times=2)
    with pytest.raises(ActionError, match="it resolved at 12:00 UTC"):
        stage.engine.acknowledge(gone, Acknowledgement("Ann", stage.clock.now()), expected=None)
    with pytest.raises(ActionError, match="no such incident"):
        stage.engine.acknowledge("nonsense", Acknowledgement("Ann", stage.clock.now()), expected=None)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"by": "  "}, "no name"),
        ({"by": "x" * 81}, "name has 81"),
        ({"note": "x" * 1001}, "note has 1,001"),
        ({"until": NOON - MINUTE}, "in the past"),
    ],
)
def test_an_acknowledgement_without_name_or_sense_is_refused(changes, words):
    stage = Stage().see(HOT)
    ack = replace(Acknowledgement("Ann", NOON), **changes)
    with pytest.raises(ActionError, match=words):
        stage.engine.acknowledge(stage.incidents[0].incident_id, ack, expected=None)
    assert stage.incidents[0].ack is None


def test_hostile_words_are_kept_as_they_are():
    stage = Stage().see(finding(Subject("<script>alert(1)</script>"), explanation="'; DROP TABLE alerts; --\x00\ud800"))
    _ack(stage, by="<b>Ann</b>", note="![](http://evil/x.png)\ud800")
    assert stage.incidents[0].ack.by == "<b>Ann</b>"
    assert stage.incidents[0].ack.note == "![](http://evil/x.png)?"
    assert stage.alerts[0].finding.explanation == "'; DROP TABLE alerts; --\x00?"


def test_an_acknowledgement_can_be_given_back_and_notes_are_kept_even_when_it_is_over():
    stage = _ack(Stage().see(HOT))
    incident = stage.incidents[0].incident_id
    stage.engine.end_acknowledgement(incident, "Ann")
    assert stage.incidents[0].ack is None
    with pytest.raises(ActionError, match="not acknowledged"):
        stage.engine.end_acknowledgement(incident, "Ann")
    stage.see(times=2)
    stage.engine.note(incident, "Bob", "it was the fan")
    assert (stage.shelf.events[-1].by, stage.shelf.events[-1].incident_id) == ("Bob", incident)


# Silencing


def _silence(stage, **patterns):
    ends = stage.clock.now() + HOUR
    stage.engine.silence(Silence("", "Ann", "planned", stage.clock.now(), ends, **patterns))
    return stage


def test_planned_work_is_shown_but_not_told_and_its_end_makes_up_for_it():
    stage = _silence(Stage(), nodes=("gpu0*",)).see(HOT).wait(HOT, minutes=58)
    assert stage.told == []
    assert stage.incidents[0].silence_id
    stage.wait(HOT, minutes=2)
    assert stage.told == ["firing"]
    assert [kind for kind in stage.kinds if "silenced" in kind] == ["silenced", "silenced", "unsilenced"]


def test_a_silence_mutes_an_incident_only_if_it_means_all_of_it():
    stage = _silence(Stage(), gpus=("*-0",)).see(HOT, finding(gpu(1)))
    assert stage.told == ["firing"]


@pytest.mark.parametrize(
    ("patterns", "mutes"),
    [
        ({"rules": ("ho?",)}, True),
        ({"rules": ("hot",), "nodes": ("gpu02",)}, False),
        ({"jobs": ("*",)}, False),
        ({"jobs": ("7",)}, False),
        ({"nodes": ("GPU01",)}, False),
    ],
)
def test_all_patterns_must_match_and_what_does_not_apply_matches_none(patterns, mutes):
    assert (_silence(Stage(), **patterns).see(HOT).told == []) is mutes


def test_a_silence_can_be_ended_and_needs_a_name_an_end_and_somebody_to_mute():
    stage = _silence(Stage().see(HOT), nodes=("*",))
    assert stage.incidents[0].silence_id
    stage.engine.end_silence(stage.engine.board().silences[0].silence_id, "Bob")
    assert stage.incidents[0].silence_id == ""
    assert stage.engine.board().silences == ()
    good = Silence("s", "Ann", "", stage.clock.now(), stage.clock.now() + HOUR, nodes=("*",))
    bad = [{"by": ""}, {"ends_at": stage.clock.now()}, {"nodes": ()}, {"nodes": ("",)}, {"nodes": ("x",) * 51}]
    for changes in bad:
        with pytest.raises(ActionError):
            stage.engine.silence(replace(good, **changes))


# Rules


def test_a_rule_that_is_switched_off_or_deleted_ends_its_alerts():
    stage = Stage(rule("hot"), rule("xid")).see(HOT, finding(gpu(), "xid"))
    stage.engine.delete_rule("xid", "Ann")
    stage.see(HOT, finding(gpu(), "xid"))
    assert [alert.rule_id for alert in stage.alerts] == ["hot"]
    assert stage.shelf.events[-1].note == "the rule was deleted"
    stage.engine.save_rule(replace(rule("throttle"), rule_id="hot", enabled=False), "Ann")
    stage.see(HOT)
    assert stage.alerts == []


def test_a_changed_rule_survives_a_restart_and_can_be_set_back():
    stage = Stage(rule("throttle"))
    stage.engine.save_rule(replace(stage.rules[0], for_seconds=90.0), "Ann")
    stage.start()
    assert stage.engine.rules()[0].for_seconds == 90
    stage.engine.reset_rule("throttle", "Ann")
    assert stage.start().rules() == stage.rules
    notes = [(event.by, event.rule_id, event.note) for event in stage.shelf.events]
    assert notes == [
        ("Ann", "throttle", "for_seconds 0.0 -> 90.0"),
        ("Ann", "throttle", "for_seconds 90.0 -> 0.0"),
    ]


def test_an_impossible_rule_is_refused_with_its_reason():
    stage = Stage()
    bad = replace(rule(), check="", metric="gpu_temperature_celsius", severity=WARNING, threshold=1e9)
    with pytest.raises(RuleError):
        stage.engine.save_rule(bad, "Ann")
    assert stage.shelf.events == []


def test_a_rule_on_what_nobody_exports_says_so_and_is_not_fine():
    hot = replace(rule(), check="", metric="gpu_temperature_celsius", severity=WARNING, comparison=Comparison.ABOVE)
    stage = Stage(hot)
    stage.clock.sleep(15)
    from tests.unit.analysis.health.build import facts

    stage.engine.tick(facts(2))
    state = stage.engine.board().rule_states[0]
    assert (state.not_exported, state.blind) == (True, True)
    assert "gpu_temperature_celsius" in state.blind_why


def test_a_check_that_fails_is_blind_and_takes_no_other_with_it(caplog):
    class Broken(dict):
        def get(self, key, default=None):
            if key == "hot":
                raise KeyError("no such column")
            return super().get(key, default)

    stage = Stage(rule("hot"), rule("xid")).see(HOT, finding(gpu(), "xid"))
    found = stage.found
    stage.found = Broken(found)
    stage.clock.sleep(15)
    from watchdog.analysis.health.facts import Facts

    stage.engine.tick(Facts(stage.clock.now()))
    assert {alert.rule_id: alert.state.value for alert in stage.alerts} == {"hot": "unknown", "xid": "firing"}
    assert "hot" in stage.engine.state.error
    assert "no such column" in stage.engine.board().rule_states[0].error


# Restarts and gaps


def test_a_restart_doubles_and_loses_nothing():
    stage = _ack(
        _silence(Stage(rule("hot", for_seconds=60), rule("xid")), rules=("none",)).see(HOT, finding(gpu(), "xid"))
    )
    before, board = stage.kinds, stage.engine.board()
    after = stage.start().board()
    assert (after.incidents, after.pending, after.silences) == (board.incidents, board.pending, board.silences)
    assert stage.engine.evaluated_until == stage.clock.now()
    stage.see(HOT, finding(gpu(), "xid"))
    assert stage.kinds == before
    stage.see(HOT, finding(gpu(), "xid"), times=3)
    assert stage.kinds == [*before, "fired"]


def test_flapping_is_remembered_over_a_restart():
    stage = Stage()
    for _ in range(3):
        stage.see(HOT).see(times=2)
        stage.start()
    assert stage.kinds.count("flapping") == 1
    assert [alert.flapping_since is not None for alert in stage.alerts] == [True]


def test_what_began_and_ended_while_nobody_watched_is_one_message_at_the_end_of_the_gap():
    stage = Stage(rule("hot"), rule("xid"))
    stage.see(HOT, late=True).see(late=True, times=3).see(finding(gpu(2), "xid"), late=True)
    assert stage.told == []
    stage.engine.end_gap()
    stage.see(finding(gpu(2), "xid"))
    assert stage.told == ["summary", "firing"]
    summary = message_of(stage.shelf.outbox[0]).incident
    assert summary.title == "1 incident began and ended while nobody watched: Hot: GPU 0 on gpu01"
    assert {event.seen_late for event in stage.shelf.events} == {True}
    assert stage.alerts[0].seen_late
    assert "gap" not in stage.shelf.marks


def test_a_restart_within_the_gap_still_tells_of_what_it_had_found():
    stage = Stage().see(HOT, late=True).see(late=True, times=3)
    stage.start().end_gap()
    assert stage.told == ["summary"]


def test_what_was_told_before_the_gap_and_ended_in_it_is_told_as_over():
    stage = Stage().see(HOT).see(late=True, times=3)
    stage.engine.end_gap()
    assert stage.told == ["firing", "resolved"]


def test_a_gap_without_anything_says_nothing():
    stage = Stage().see(late=True, times=3)
    stage.engine.end_gap()
    assert (stage.told, stage.kinds) == ([], [])


# The store refuses


def test_while_the_store_refuses_all_goes_on_and_is_written_later():
    stage = Stage().see()
    stage.shelf.refuses = True
    _ack(stage.see(HOT))
    assert "the disk is full" in stage.engine.state.error
    assert stage.engine.state.unsaved_events == 2
    assert [each.kind for each in stage.engine.unsaved_messages()] == ["firing"]
    assert stage.kinds == []
    stage.shelf.refuses = False
    stage.see(HOT)
    assert (stage.kinds, stage.told) == (["fired", "acknowledged"], ["firing"])
    assert (stage.engine.state.error, stage.engine.state.unsaved_events) == ("", 0)


def test_a_failure_after_the_commit_doubles_nothing():
    stage = Stage()
    stage.shelf.fails_after = True
    stage.see(HOT).see(HOT)
    stage.shelf.fails_after = False
    stage.see(HOT)
    assert (stage.kinds, stage.told) == (["fired"], ["firing"])


def test_a_store_that_is_locked_at_the_start_is_waited_for():
    stage = Stage().see(HOT)
    stage.shelf.refuses = True
    stage.start()
    stage.see(HOT, times=4)
    assert stage.engine.board().incidents == ()
    assert "the disk is full" in stage.engine.board().error
    with pytest.raises(ActionError, match="not open yet"):
        stage.engine.note("x", "Ann", "hello")
    stage.shelf.refuses = False
    stage.see(HOT)
    assert (stage.kinds, stage.told) == (["fired"], ["firing"])


def test_but_not_for_ever_and_what_it_knew_is_taken_in_when_it_opens():
    other = finding(gpu(0, "gpu02"))
    stage = Stage().see(HOT, other)
    stage.shelf.refuses = True
    stage.start()
    stage.see(HOT, times=9)
    assert len(stage.incidents) == 1
    assert [each.kind for each in stage.engine.unsaved_messages()] == ["firing"]
    stage.shelf.refuses = False
    stage.see(HOT, other, times=2)
    assert stage.kinds == ["fired", "fired", "fired", "resolved"]
    assert sorted(alert.subject.node for alert in stage.alerts) == ["gpu01", "gpu02"]
    assert sum(each.closed_at is None for each in stage.shelf.incidents.values()) == len(stage.incidents) == 2


def test_the_clock_going_back_by_a_day_neither_doubles_nor_stops_reminders():
    stage = Stage().see(HOT)
    stage.clock.jump(timedelta(days=-1))
    stage.see(HOT).wait(HOT, minutes=250)
    assert stage.told == ["firing", "reminder"]
    stage.see(times=2)
    incident = next(iter(stage.shelf.incidents.values()))
    assert incident.closed_at >= incident.opened_at
    assert stage.kinds == ["fired", "resolved"]
