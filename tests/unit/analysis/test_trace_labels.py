"""Every hard and measured label of the recordings of real clusters is found by the checks, and nothing beside it."""

from datetime import timedelta

import pytest

from benchmarks import llview, trace_labels
from watchdog.analysis.health import held_idle, hung, input_bound, job_stall, memory_full, straggler

KINDS = (
    *("node_down_job_failed", "synchronous_stall_of_whole_job", "frozen_node_power_sensor", "stale_repeat"),
    *("all_steps_failed_but_job_completed", "idle_tail", "timeout", "allocated_gpus_idle"),
    *("gpu_idle_long_job", "fault pairs"),
)


@pytest.fixture(scope="module")
def found(traces):
    return trace_labels.rows(traces / "dev")


@pytest.mark.parametrize("kind", KINDS)
def test_every_label_of_a_kind_is_found(found, kind):
    mine = [row for row in found if row.kind == kind]
    assert mine
    assert [row for row in mine if not row.found] == []


def test_no_label_is_left_out(found):
    assert {row.kind for row in found} == set(KINDS)
    assert {row.strength for row in found} <= set(trace_labels.JUDGED)


def test_the_table_counts_what_was_found(found):
    assert f"Found: {len(found)} of {len(found)}." in trace_labels.table(found)


@pytest.mark.parametrize("minutes", [30, 60, 90, 110])
def test_a_job_that_uses_one_of_four_gpus_is_idle_and_nothing_else(traces, minutes):
    job = llview.load(traces / "dev" / "llview_juwels_booster" / "8402497", "8402497")
    begin, _ = llview.span(job)
    facts = llview.facts_at(job, begin + timedelta(minutes=minutes))
    others = [check.judge(facts).findings for check in (hung, input_bound, job_stall, memory_full, straggler)]
    assert not any(others)
    assert bool(held_idle.judge(facts).findings) == (minutes > 35)
