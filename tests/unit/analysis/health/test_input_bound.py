"""A job that slows down for long against its own steady level is found; a job that always was so is not."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.analysis.health.build import AT, facts, held_by, lately
from watchdog.analysis.health.input_bound import fallen_from, judge
from watchdog.model.findings import Subject


def fleet(busy, **columns):
    return facts(trace={"gpu_util_ratio": busy}, **{**held_by("7"), **columns})


def test_a_job_that_fell_to_a_quarter_is_found_with_both_levels():
    (found,) = judge(fleet(lately(5, 0.96, 0.25, 25))).findings
    assert found.subject == Subject(job_id="7")
    assert "from 96\u00a0% to 25\u00a0% busy" in found.explanation
    assert found.since == AT - timedelta(minutes=24)


@pytest.mark.parametrize(("level", "minutes"), [(0.25, 15), (0.6, 30), (0.0, 25)], ids=["short", "above", "idle"])
def test_a_short_or_shallow_fall_is_no_finding(level, minutes):
    assert not judge(fleet(lately(5, 0.96, level, minutes))).findings


def test_a_notebook_that_comes_and_goes_has_no_level():
    rhythm = np.tile(np.repeat([0.7, 0.0, 0.4, 0.0, 0.0], 4), 3)[None, :].repeat(5, axis=0)
    assert not judge(fleet(rhythm)).findings


def test_missing_minutes_are_not_a_fall():
    answer = judge(fleet(lately(5, 0.96, np.nan, 25)))
    assert not answer.findings
    assert answer.blind.covers(Subject(job_id="7"))


def test_a_job_that_was_slow_for_all_we_know_is_left_open():
    answer = judge(fleet(0.25))
    assert not answer.findings
    assert answer.blind.jobs == {"7"}


def test_a_steady_job_is_fine():
    answer = judge(fleet(0.9))
    assert not answer.findings
    assert not answer.blind.jobs


def test_a_young_job_is_not_judged_by_what_ran_before():
    answer = judge(fleet(lately(5, 0.96, 0.25, 25), job_started_at=AT - timedelta(minutes=25)))
    assert not answer.findings


def test_without_utilization_nobody_is_judged():
    assert judge(facts(**held_by("7"))).blind.everybody


@given(st.floats(0.5, 1.0), st.floats(0.0, 0.44), st.integers(20, 44))
def test_a_clean_fall_has_its_length(level, ratio, minutes):
    mean = np.concatenate([np.full(60 - minutes, level), np.full(minutes, level * ratio)])[None, :]
    before, length = fallen_from(mean)
    assert length.tolist() == [minutes]
    assert before[0] == level
