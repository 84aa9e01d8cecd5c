from __future__ import annotations

from datetime import timedelta

import pandas as pd

from tests.conftest import NOON
from watchdog.analysis.attention import needs_a_look
from watchdog.analysis.runs import holds_since
from watchdog.model.health import GpuState


def cells(*rows):
    frame = pd.DataFrame(rows, columns=["node", "gpu_uuid", "gpu_index", "state", "reason"])
    return frame.astype({"gpu_index": "Int16"})


def test_a_silent_node_is_one_thing_and_not_eight():
    items, count = needs_a_look(cells(*(("n1", f"g{i}", i, "unknown", "silent") for i in range(8))))

    assert count == 1
    assert items[0].state is GpuState.UNKNOWN
    assert len(items[0].gpus) == 8


def test_the_worst_come_first_and_the_rest_is_counted():
    states = ["held idle", "throttled", "hung", "faulty", "lost", "unknown", "busy"]
    items, count = needs_a_look(cells(*((f"n{i}", f"g{i}", i, state, "") for i, state in enumerate(states))), most=3)

    assert [item.state.value for item in items] == ["unknown", "lost", "faulty"]
    assert count == 6


def test_what_many_nodes_share_is_one_thing_and_hides_nothing():
    silent = [(f"n{i}", f"g{i}", 0, "unknown", "silent") for i in range(6)]
    items, count = needs_a_look(cells(*silent, ("n9", "g9", 3, "hung", "")))

    assert count == 2
    assert (items[0].node, items[0].nodes, len(items[0].gpus)) == ("", 6, 6)
    assert (items[1].node, items[1].nodes) == ("n9", 1)


def test_busy_and_idle_gpus_need_nobody():
    assert needs_a_look(cells(("n1", "a", 0, "busy", ""), ("n1", "b", 1, "idle", ""))) == ((), 0)


def test_a_gpu_without_a_place_is_shown_with_a_question_mark():
    items, _ = needs_a_look(cells(("n1", "a", None, "lost", "")))

    assert items[0].places == ("?",)


MINUTE = timedelta(minutes=1)


def buckets(*holds):
    at = [NOON - (len(holds) - i) * MINUTE for i in range(len(holds))]
    return pd.DataFrame({"bucket_at": pd.Series(at, dtype="datetime64[us, UTC]"), "holds": holds})


def test_a_run_began_where_the_last_break_ended():
    assert holds_since(buckets(True, False, True, True), MINUTE) == (NOON - 2 * MINUTE, False)


def test_a_run_that_fills_all_there_is_may_be_older():
    assert holds_since(buckets(True, True), MINUTE) == (NOON - 2 * MINUTE, True)


def test_what_does_not_hold_now_has_no_since():
    assert holds_since(buckets(True, False), MINUTE) == (None, False)
    assert holds_since(buckets(), MINUTE) == (None, False)
