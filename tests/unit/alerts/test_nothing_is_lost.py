"""Whatever happens, in whatever order: the kept events explain the kept state, and the messages the incidents."""

from __future__ import annotations

from collections import Counter, defaultdict
from contextlib import suppress
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.alerts.stage import CRITICAL, WARNING, Stage, finding, gpu, rule
from watchdog.base.errors import ActionError
from watchdog.model.alerts import Acknowledgement, AlertState, Silence
from watchdog.model.findings import Blind, Subject

RULES = (rule("hot"), rule("xid", for_seconds=40), rule("node_down"))
WHO = [
    *((check, gpu(number, f"gpu{node:02d}")) for check in ("hot", "xid") for node in range(4) for number in range(3)),
    *(("node_down", Subject(f"gpu{node:02d}")) for node in range(4)),
]
ALL_HOT = frozenset(range(12))
SETS = st.one_of(
    st.frozensets(st.integers(0, len(WHO) - 1), max_size=6),
    st.sampled_from([frozenset(), frozenset({0}), frozenset({0, 4}), ALL_HOT, frozenset(range(len(WHO)))]),
)
BLIND = st.sampled_from(
    [
        Blind(),
        Blind(),
        Blind(everybody=True),
        Blind(nodes=frozenset({"gpu00", "gpu01"})),
        Blind(gpus=frozenset({gpu(1, "gpu02").gpu_uuid})),
    ]
)
TICK = st.tuples(st.just("tick"), SETS, BLIND, st.sampled_from([15, 15, 15, 45, 1200, 16_000]), st.booleans())
DOINGS = st.one_of(
    TICK,
    TICK,
    TICK,
    st.tuples(st.just("late"), SETS, BLIND),
    st.tuples(st.sampled_from(["restart", "refuse", "accept", "fail after", "end gap", "channels"])),
    st.tuples(st.just("jump"), st.integers(-90_000, 90_000)),
    st.tuples(st.just("ack"), st.integers(0, 5), st.sampled_from([None, 60, 9000]), st.booleans()),
    st.tuples(st.just("unack"), st.integers(0, 5)),
    st.tuples(st.just("silence"), st.sampled_from(["*", "gpu00", "gpu0[12]"]), st.sampled_from([60, 4000])),
    st.tuples(st.just("unsilence"), st.integers(0, 3)),
    st.tuples(st.just("delete"), st.sampled_from(["hot", "xid"])),
    st.tuples(st.just("reset"), st.sampled_from(["hot", "xid"])),
)


def _tick(stage, who, blind, seconds=15, worse=False, late=False):
    found = [finding(WHO[i][1], WHO[i][0], CRITICAL if worse and i % 3 == 0 else WARNING) for i in sorted(who)]
    stage.see(*found, blind=blind, seconds=seconds, late=late)


def _ack(stage, which, lasts, quick):
    incident, now = stage.incidents[which % len(stage.incidents)], stage.clock.now()
    ack = Acknowledgement("Ann", now, until=now + timedelta(seconds=lasts) if lasts else None)
    stage.engine.acknowledge(incident.incident_id, ack, expected=incident.ack if quick else None)


def _unack(stage, which):
    stage.engine.end_acknowledgement(stage.incidents[which % len(stage.incidents)].incident_id, "Bob")


def _silence(stage, nodes, lasts):
    now = stage.clock.now()
    stage.engine.silence(Silence("", "Ann", "", now, now + timedelta(seconds=lasts), nodes=(nodes,)))


def _unsilence(stage, which):
    silences = stage.engine.board().silences
    stage.engine.end_silence(silences[which % len(silences)].silence_id, "Bob")


def _channels(stage):
    stage.channels = () if stage.channels else ("mail",)


DO = {
    "tick": _tick,
    "late": lambda stage, who, blind: _tick(stage, who, blind, late=True),
    # What was not written is lost, as with kill -9; what was is whole.
    "restart": lambda stage: stage.start(),
    "refuse": lambda stage: vars(stage.shelf).update(refuses=True, fails_after=False),
    "accept": lambda stage: vars(stage.shelf).update(refuses=False, fails_after=False),
    "fail after": lambda stage: vars(stage.shelf).update(refuses=False, fails_after=True),
    "end gap": lambda stage: stage.engine.end_gap(),
    "channels": _channels,
    "jump": lambda stage, seconds: stage.clock.jump(timedelta(seconds=seconds)),
    "ack": _ack,
    "unack": _unack,
    "silence": _silence,
    "unsilence": _unsilence,
    "delete": lambda stage, rule_id: stage.engine.delete_rule(rule_id, "Ann"),
    "reset": lambda stage, rule_id: stage.engine.reset_rule(rule_id, "Ann"),
}


class Replay:
    """What the events alone say."""

    def __init__(self, events) -> None:
        self.states, self.severity, self.member, self.acks, self.muted = {}, {}, {}, {}, {}
        self.fired = Counter()
        for event in events:
            getattr(self, "_" + event.kind.name.lower(), lambda event: None)(event)

    def _to(self, event, state, *before) -> None:
        assert self.states.get(event.alert_id) in before, event
        self.states[event.alert_id] = state

    def _pending(self, event):
        self._to(event, AlertState.PENDING, None)

    def _fired(self, event):
        self._to(event, AlertState.FIRING, None, AlertState.PENDING)
        assert event.incident_id
        self.severity[event.alert_id], self.member[event.alert_id] = event.severity, event.incident_id
        self.fired[event.alert_id] += 1

    def _dropped(self, event):
        self._to(event, None, AlertState.PENDING)

    def _unknown(self, event):
        self._to(event, AlertState.UNKNOWN, AlertState.FIRING)

    def _known(self, event):
        self._to(event, AlertState.FIRING, AlertState.UNKNOWN)

    def _resolved(self, event):
        self._to(event, AlertState.RESOLVED, AlertState.FIRING, AlertState.UNKNOWN)

    def _worsened(self, event):
        assert event.severity.rank > self.severity[event.alert_id].rank
        self.severity[event.alert_id] = event.severity

    def _eased(self, event):
        assert event.severity.rank < self.severity[event.alert_id].rank
        self.severity[event.alert_id] = event.severity

    def _merged(self, event):
        into = event.note.removeprefix("goes on as ").partition(":")[0]
        for alert, incident in self.member.items():
            if incident == event.incident_id and self.states[alert] is not AlertState.RESOLVED:
                self.member[alert] = into

    def _acknowledged(self, event):
        self.acks[event.incident_id] = event.by

    def _ack_ended(self, event):
        assert self.acks.pop(event.incident_id)

    def _silenced(self, event):
        self.muted[event.incident_id] = True

    def _unsilenced(self, event):
        self.muted.pop(event.incident_id, None)


def _explained(shelf):
    replay = Replay(shelf.events)
    kept = {alert.alert_id: alert for alert in shelf.alerts.values()}
    assert {key: alert.state for key, alert in kept.items()} == {k: s for k, s in replay.states.items() if s}
    fired = {key: alert for key, alert in kept.items() if alert.fired_at}
    assert {key: alert.severity for key, alert in fired.items()} == replay.severity
    assert {key: alert.incident_id for key, alert in fired.items()} == replay.member
    assert set(replay.fired.values()) <= {1}
    for alert in fired.values():
        assert alert.since <= alert.fired_at
        assert alert.resolved_at is None or alert.resolved_at >= alert.fired_at
    _incidents_explained(shelf, replay, fired)


def _incidents_explained(shelf, replay, fired):
    members = defaultdict(list)
    for alert in fired.values():
        members[alert.incident_id].append(alert)
    for key, incident in shelf.incidents.items():
        open_ones = [alert for alert in members[key] if alert.state is not AlertState.RESOLVED]
        assert len(open_ones) == incident.open_members
        assert (incident.closed_at is None) == bool(open_ones)
        if open_ones:
            assert incident.severity is max((a.severity for a in open_ones), key=lambda each: each.rank)
            assert (incident.ack is not None) == (key in replay.acks)
            assert bool(incident.silence_id) == (key in replay.muted)
        else:
            assert incident.closed_at >= incident.opened_at
    assert {alert.incident_id for alert in fired.values()} <= set(shelf.incidents)
    for key, incident in shelf.incidents.items():
        told = [str(each.kind) for each in shelf.outbox if each.incident_id == key]
        assert told.count("resolved") <= 1
        assert "resolved" not in told or told[-1] == "resolved"
        assert told[:1] in ([], ["firing"])
        assert told.count("firing") <= 1
        assert len(told) == incident.notifications
    ids = [(each.message_id, each.channel) for each in shelf.outbox]
    assert len(ids) == len(set(ids))


@settings(max_examples=150, deadline=None)
@given(st.lists(DOINGS, max_size=40))
def test_the_kept_events_explain_the_kept_state_whatever_happens(doings):
    stage = Stage(*RULES)
    for what, *args in doings:
        # Nothing to acknowledge, somebody was quicker, the store is not open yet.
        with suppress(ActionError, ZeroDivisionError):
            DO[what](stage, *args)
    stage.shelf.refuses = stage.shelf.fails_after = False
    stage.engine.note("flush", "Ann", "so that all is written")
    assert stage.engine.state.unsaved_events == 0
    _explained(stage.shelf)
    _same_as_on_the_board(stage)


def _same_as_on_the_board(stage):
    board = {alert.alert_id: alert.state for each in stage.engine.board().incidents for alert in each.alerts}
    board |= {alert.alert_id: alert.state for alert in stage.engine.board().pending}
    kept = {k: a.state for k, a in stage.shelf.alerts.items() if a.state is not AlertState.RESOLVED}
    assert board == kept
    again = {alert.alert_id: alert.state for each in stage.start().board().incidents for alert in each.alerts}
    assert again == {k: s for k, s in kept.items() if s is not AlertState.PENDING}
