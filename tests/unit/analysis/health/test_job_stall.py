"""A whole job that stops at the same moment is found, by utilization or by power; a part of it is not."""

from datetime import timedelta

import numpy as np
import pytest

from tests.unit.analysis.health.build import AT, facts, held_by, lately
from watchdog.analysis.health.job_stall import judge
from watchdog.analysis.health.together import low_together, moving
from watchdog.model.findings import Subject


def fleet(busy, power=None, **columns):
    trace = {"gpu_util_ratio": busy} | ({} if power is None else {"power_watts": power})
    return facts(trace=trace, **{**held_by("7"), **columns})


def test_a_job_whose_gpus_all_fall_to_zero_stands_still():
    (found,) = judge(fleet(lately(5, 0.95, 0.0, 6))).findings
    assert found.subject == Subject(job_id="7")
    assert found.since == AT - timedelta(minutes=5)


def test_a_checkpoint_of_two_minutes_is_no_stall():
    assert not judge(fleet(lately(5, 0.95, 0.0, 3))).findings


def test_power_that_falls_together_under_high_utilization_is_a_stall():
    power = lately(5, [600, 620, 640, 500, 610], [230, 240, 235, 200, 220], 5)
    (found,) = judge(fleet(lately(5, 0.99, 1.0, 5), power)).findings
    assert "their power fell from 594 W to 225 W" in found.explanation


def test_one_gpu_that_goes_on_is_no_stall_of_the_job():
    busy = lately(5, 0.95, [0, 0, 0, 0, 0.9], 6)
    power = lately(5, 600, [230, 230, 230, 230, 590], 6)
    assert not judge(fleet(busy)).findings
    assert not judge(fleet(lately(5, 0.99, 1.0, 6), power)).findings


def test_gpus_that_the_job_never_used_do_not_hide_its_stall():
    (found,) = judge(fleet(lately(5, [0.95, 0.95, 0.95, 0, 0], 0.0, 6))).findings
    assert "3 of its 5 GPUs" in found.explanation


def test_power_that_a_brake_took_is_no_stall():
    braked = lately(5, 0, [1, 0, 0, 0, 0], 5)
    trace = {"gpu_util_ratio": 0.99, "power_watts": lately(5, 600, 230, 5), "throttle_power_brake_flag": braked}
    assert not judge(facts(trace=trace, **held_by("7"))).findings
    assert judge(facts(trace=trace | {"throttle_power_brake_flag": 0}, **held_by("7"))).findings


def test_a_job_of_one_gpu_is_not_judged():
    answer = judge(fleet(lately(5, 0.95, 0.0, 6), job_id=["7", "", "", "", ""]))
    assert not answer.findings
    assert not answer.blind.jobs


@pytest.mark.parametrize(("age", "stalls"), [(14, False), (15, True)])
def test_a_job_that_has_only_begun_has_no_level_to_fall_from(age, stalls):
    started = AT - timedelta(minutes=age)
    assert bool(judge(fleet(lately(5, 0.95, 0.0, 6), job_started_at=started)).findings) == stalls


def test_a_frozen_power_sensor_does_not_hide_a_stall():
    power = lately(5, [600, 600, 600, 600, 585], [230, 230, 230, 230, 585], 5)
    assert judge(fleet(lately(5, 0.99, 1.0, 5), power)).findings


def test_idle_for_the_whole_hour_leaves_open_whether_it_stalled():
    answer = judge(fleet(0.0))
    assert not answer.findings
    assert answer.blind.covers(Subject(job_id="7"))


def test_missing_minutes_leave_the_job_unjudged():
    answer = judge(fleet(lately(5, 0.95, np.nan, 6)))
    assert not answer.findings
    assert answer.blind.jobs == {"7"}


def test_without_utilization_nobody_is_judged():
    assert judge(facts(**held_by("7"))).blind.everybody


def test_a_row_with_one_single_value_does_not_move():
    assert moving(np.array([[5.0, 5, 5], [5, 6, 5], [np.nan, 5, 5], [np.nan] * 3])).tolist() == [
        False,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("start", [[], [580.0, 600.0]], ids=["no start", "with its start"])
def test_only_what_fell_from_above_is_low(start):
    node = [*start, 1700, 1650, 700, 1800, 1720, 690, 1710, 1690]
    low = low_together(np.array([node, [value * 1.1 for value in node]]))
    assert np.flatnonzero(low).tolist() == [len(start) + 2, len(start) + 5]


def test_an_instant_at_which_hardly_anybody_was_read_shows_nothing():
    rows = np.array([[1700.0, 700, 1710, 1690]] * 4)
    assert low_together(rows).tolist() == [False, True, False, False]
    rows[1:, 1] = np.nan
    assert not low_together(rows).any()
