"""An alert's life, tick by tick."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import NOON
from tests.unit.alerts.stage import CRITICAL, INFO, WARNING, finding, gpu, rule
from watchdog.alerts.machine import BLIND_PENDING, FLAPS, QUIET, Seen, Verdict, step
from watchdog.model.alerts import OPEN, AlertState, EventKind

TICK = timedelta(seconds=15)
H, C, B = Verdict.HOLDS, Verdict.CLEAR, Verdict.BLIND


class Life:
    """One subject of one rule."""

    def __init__(self, **of_rule) -> None:
        self.rule, self.now, self.alert = rule(**of_rule), NOON, None
        self.fires, self.kinds, self.over = [], [], []

    def see(self, *verdicts, severity=WARNING, after=TICK, since=None):
        for verdict in verdicts:
            self.now += after
            found = finding(gpu(), severity=severity, since=since) if verdict is H else None
            before = self.alert
            self.alert, steps = step(before, self.rule, Seen(verdict, self.now, found, "why", self.fires), lambda: "a")
            self.kinds += [each.kind for each in steps]
            if EventKind.FIRED in [each.kind for each in steps]:
                self.fires.append(self.now)
            if self.alert is not None and self.alert.state is AlertState.RESOLVED:
                self.over.append(self.alert)
                self.alert = None
        return self

    @property
    def state(self):
        return self.alert and self.alert.state


def test_without_for_it_fires_at_once_and_says_so_once():
    life = Life().see(H, H, H)
    assert life.state is AlertState.FIRING
    assert life.kinds == [EventKind.FIRED]


def test_for_keeps_it_pending_until_it_held_so_long():
    life = Life(for_seconds=30).see(H, H)
    assert life.state is AlertState.PENDING
    life.see(H)
    assert life.kinds == [EventKind.PENDING, EventKind.FIRED]
    assert life.alert.fired_at - life.alert.since == timedelta(seconds=30)


def test_for_counts_from_when_the_condition_began_if_the_check_knows():
    life = Life(for_seconds=600).see(H, since=NOON - timedelta(hours=1))
    assert life.kinds == [EventKind.FIRED]
    assert life.alert.since == NOON - timedelta(hours=1)


def test_what_goes_before_it_fires_is_dropped_and_for_begins_anew():
    life = Life(for_seconds=30).see(H, H, C, H, H)
    assert life.kinds == [EventKind.PENDING, EventKind.DROPPED, EventKind.PENDING]
    assert life.over[0].fired_at is None


def test_a_single_tick_out_of_sight_changes_nothing_two_resolve():
    life = Life().see(H, C, H, C)
    assert life.state is AlertState.FIRING
    life.see(C)
    assert life.kinds == [EventKind.FIRED, EventKind.RESOLVED]
    assert life.over[0].clear_since == NOON + 4 * TICK


def test_no_data_makes_it_unknown_and_never_resolves_it():
    life = Life().see(H, B).see(*[B] * 500)
    assert life.state is AlertState.UNKNOWN
    assert life.kinds == [EventKind.FIRED, EventKind.UNKNOWN]
    assert (life.alert.fired_at, life.alert.unknown_since) == (NOON + TICK, NOON + 2 * TICK)


def test_unknown_seen_again_goes_on_firing_or_resolves():
    assert Life().see(H, B, H).kinds == [EventKind.FIRED, EventKind.UNKNOWN, EventKind.KNOWN]
    assert Life().see(H, B, C, C).kinds == [EventKind.FIRED, EventKind.UNKNOWN, EventKind.RESOLVED]


def test_blindness_between_two_clear_ticks_begins_the_count_anew():
    life = Life().see(H, C, B, C)
    assert life.state is AlertState.UNKNOWN
    assert life.see(C).kinds[-1] is EventKind.RESOLVED


def test_pending_without_data_waits_a_while_and_is_then_dropped():
    life = Life(for_seconds=900).see(H, B)
    assert life.state is AlertState.PENDING
    life.see(B, after=BLIND_PENDING)
    assert life.kinds == [EventKind.PENDING, EventKind.DROPPED]


def test_severity_moves_both_ways_with_an_event_each():
    life = Life().see(H, severity=INFO).see(H, severity=CRITICAL).see(H, severity=WARNING)
    assert life.kinds == [EventKind.FIRED, EventKind.WORSENED, EventKind.EASED]
    assert life.alert.severity is WARNING


def test_the_rules_own_severity_wins():
    assert Life(severity=INFO).see(H, severity=CRITICAL).alert.severity is INFO


def _flapping():
    return Life().see(*[H, C, C] * FLAPS)


def test_the_third_time_within_an_hour_it_is_held_open_with_one_event():
    life = _flapping().see(*[H, C, C] * 20)
    assert life.state is AlertState.FIRING
    assert life.kinds.count(EventKind.FLAPPING) == 1
    assert life.kinds.count(EventKind.FIRED) == FLAPS
    assert life.alert.flaps == FLAPS + 20


def test_held_open_it_resolves_once_it_was_quiet_for_a_quarter_of_an_hour():
    life = _flapping().see(C, after=QUIET - timedelta(minutes=1))
    assert life.state is AlertState.FIRING
    life.see(H, C, C, after=timedelta(minutes=1)).see(C, after=QUIET - timedelta(minutes=2))
    assert life.state is AlertState.FIRING
    life.see(C, after=timedelta(minutes=1))
    assert life.kinds[-1] is EventKind.RESOLVED


def test_what_comes_and_goes_over_hours_is_not_flapping():
    life = Life()
    for _ in range(9):
        life.see(H, C, C).see(C, after=timedelta(minutes=31))
    assert EventKind.FLAPPING not in life.kinds
    assert life.kinds.count(EventKind.RESOLVED) == 9


def test_held_open_and_out_of_sight_the_quiet_time_does_not_count():
    life = _flapping().see(B).see(B, after=QUIET).see(C, C)
    assert life.state is AlertState.FIRING
    assert life.kinds[-2:] == [EventKind.UNKNOWN, EventKind.KNOWN]


def test_a_clock_that_goes_back_makes_for_begin_anew_but_never_hang():
    life = Life(for_seconds=60).see(H).see(H, after=timedelta(days=-1))
    assert life.state is AlertState.PENDING
    life.see(H, H, H, H)
    assert life.state is AlertState.FIRING


VERDICTS = st.sampled_from([H, C, B])
STEPS = st.one_of(
    st.just(TICK), st.integers(-7200, 7200).map(lambda seconds: timedelta(seconds=seconds)), st.just(timedelta())
)
LEGAL = {
    None: {EventKind.PENDING, EventKind.FIRED},
    AlertState.PENDING: {EventKind.FIRED, EventKind.DROPPED},
    AlertState.FIRING: {
        *(EventKind.UNKNOWN, EventKind.RESOLVED, EventKind.WORSENED, EventKind.EASED, EventKind.FLAPPING),
    },
    AlertState.UNKNOWN: {EventKind.KNOWN, EventKind.RESOLVED},
}
AFTER = {
    EventKind.PENDING: AlertState.PENDING,
    EventKind.FIRED: AlertState.FIRING,
    EventKind.DROPPED: None,
    EventKind.UNKNOWN: AlertState.UNKNOWN,
    EventKind.KNOWN: AlertState.FIRING,
    EventKind.RESOLVED: None,
}


@given(
    st.lists(st.tuples(VERDICTS, STEPS, st.sampled_from([INFO, WARNING, CRITICAL])), max_size=60),
    st.sampled_from([0, 30, 600]),
)
def test_whatever_is_seen_the_events_are_legal_and_explain_the_state(ticks, wait):
    life, state, severity = Life(for_seconds=wait), None, None
    for verdict, after, worse in ticks:
        told = len(life.kinds)
        life.see(verdict, after=after, severity=worse)
        for kind in life.kinds[told:]:
            assert kind in LEGAL[state], (state, kind)
            state = AFTER.get(kind, state)
            if kind in {EventKind.FIRED, EventKind.WORSENED, EventKind.EASED}:
                severity = life.alert.severity
        assert life.state == state
        if state in OPEN:
            assert life.alert.severity == severity
            assert life.alert.since <= life.alert.fired_at
        assert verdict is not B or state is not AlertState.FIRING
    assert all(over.fired_at is None or over.resolved_at >= over.fired_at >= over.since for over in life.over)
    assert len(life.fires) == life.kinds.count(EventKind.FIRED)


@pytest.mark.parametrize("wait", [0, 120])
def test_stable_verdicts_make_no_more_events(wait):
    for verdict in (H, C, B):
        life = Life(for_seconds=wait).see(*[H] * 20).see(*[verdict] * 100)
        told = len(life.kinds)
        assert len(life.see(*[verdict] * 200).kinds) == told
