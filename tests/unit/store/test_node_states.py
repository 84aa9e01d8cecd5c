"""Nodes' states are kept when they change, with who said why."""

from datetime import timedelta

import pandas as pd
import pytest

from tests.conftest import NOON
from tests.unit.slurm_rows import HOUR, nodes
from watchdog.model.telemetry import Window
from watchdog.store.node_states import NodeStateStore

TICK = timedelta(seconds=30)
DRAINED = {"node": "gpu01", "flags": "DRAIN", "reason": "GPU fell off", "reason_by": "root", "takes_work": False}


@pytest.fixture
def kept(store):
    return NodeStateStore(store)


def see(kept, tick, *rows, whole=True):
    return kept.take(nodes(*rows), NOON + tick * TICK, whole=whole)


def told(kept, since=NOON - HOUR):
    frame = kept.states(Window(since, NOON + HOUR))
    return [(row.node, row.state, row.flags, row.reason) for row in frame.itertuples()]


def test_a_node_is_written_only_when_its_state_flags_or_reason_change(kept):
    assert see(kept, 0, {"node": "gpu01"}, {"node": "gpu02"}) == 2
    assert see(kept, 1, {"node": "gpu01", "state": "MIXED", "flags": "COMPLETING"}, {"node": "gpu02"}) == 0
    assert see(kept, 2, DRAINED, {"node": "gpu02"}) == 1
    assert see(kept, 3, {"node": "gpu01"}, {"node": "gpu02"}) == 1
    assert [state[2:] for state in told(kept) if state[0] == "gpu01"] == [("", ""), ("DRAIN", "GPU fell off"), ("", "")]


def test_a_reason_set_while_nobody_watched_begins_when_it_was_set(kept):
    see(kept, 0, {**DRAINED, "reason_at": NOON - 50 * HOUR})
    frame = kept.states(Window(NOON, NOON + HOUR))
    assert list(frame["changed_at"]) == [NOON - 50 * HOUR]


def test_a_reason_from_the_future_begins_now(kept):
    see(kept, 0, {**DRAINED, "reason_at": NOON + HOUR})
    assert list(kept.states(Window(NOON, NOON + HOUR))["changed_at"]) == [NOON]


def test_a_node_that_left_is_gone_but_not_because_of_a_partial_answer(kept):
    see(kept, 0, {"node": "dyn1"}, {"node": "gpu01"})
    assert see(kept, 1, {"node": "gpu01"}, whole=False) == 0
    assert see(kept, 2) == 0
    assert see(kept, 3, {"node": "gpu01"}) == 1
    assert see(kept, 4, {"node": "gpu01"}) == 0
    assert told(kept)[:2] == [("dyn1", "IDLE", "", ""), ("dyn1", "GONE", "", "")]


def test_a_node_listed_twice_is_kept_once(kept):
    twice = pd.concat([nodes({"node": "gpu01"}), nodes({"node": "gpu01", "state": "DOWN"})])
    assert kept.take(twice, NOON, whole=True) == 1


def test_changes_stay_in_order_when_the_clock_is_set_back(kept):
    see(kept, 10, {"node": "gpu01"})
    see(kept, 0, {"node": "gpu01", "state": "DOWN", "flags": "NOT_RESPONDING"})
    assert [state for _, state, _, _ in told(kept)] == ["IDLE", "DOWN"]


def test_retention_keeps_the_state_that_still_holds(kept):
    see(kept, 0, {"node": "gpu01"})
    see(kept, 1, DRAINED)
    kept.expire(NOON + HOUR)
    assert [reason for *_, reason in told(kept)] == ["GPU fell off"]
