"""A GPU is hot by its own limit or against its peers, and memory by its own."""

import numpy as np
import pytest

from tests.unit.analysis.health.build import facts
from watchdog.analysis.health import hot, hot_memory

T, LIMIT, MARGIN = "gpu_temperature_celsius", "slowdown_temperature_celsius", "temperature_margin_celsius"


def fleet(heat, **columns):
    """Five GPUs held at these temperatures, at the same load."""
    return facts(**{T: heat, "power_limit_watts": 700.0} | columns, trace={T: heat, "power_watts": 600.0})


def found(answer):
    return [one.subject.gpu_uuid for one in answer.findings]


@pytest.mark.parametrize(("heat", "is_hot"), [(90.2, True), (90.0, False)])
def test_it_is_hot_from_98_percent_of_its_own_slowdown_temperature(heat, is_hot):
    assert bool(hot.judge(fleet(heat, **{LIMIT: 92.0})).findings) is is_hot


def test_a_margin_that_is_used_up_counts_before_the_slowdown_temperature():
    answer = hot.judge(fleet(86.0, **{LIMIT: 100.0, MARGIN: [1, 2, 3, 10, 20]}))
    assert found(answer) == ["GPU-0", "GPU-1"]


def test_without_a_limit_of_its_own_85_degrees_count():
    assert found(hot.judge(fleet([84.0, 85.0, 84.0, 84.0, 84.0]))) == ["GPU-1"]


def test_one_hot_minute_is_not_told():
    trace = np.full((5, 60), 70.0)
    trace[1, -1] = 91.0
    answer = hot.judge(facts(**{T: trace[:, -1], LIMIT: 92.0}, trace={T: trace, "power_watts": 1.0}))
    assert not answer.findings


def test_it_is_hot_against_four_peers_of_its_model_at_the_same_load():
    assert found(hot.judge(fleet([62, 64, 80, 63, 61], **{LIMIT: 92.0}))) == ["GPU-2"]


def test_three_peers_are_too_few():
    heat = [62, 64, 80, 63, 61]
    models = ["H100", "H100", "H100", "H100", "A100"]
    assert not hot.judge(fleet(heat, **{LIMIT: 92.0}, gpu_model=models)).findings


def test_a_gpu_that_works_harder_may_be_hotter():
    heat, power = np.array([50, 50, 80, 50, 50, 50]), [100, 100, 650, 100, 100, 100]
    columns = {T: heat, LIMIT: 92.0, "power_limit_watts": 700.0}
    assert not hot.judge(facts(6, **columns, trace={T: heat, "power_watts": power})).findings


def test_a_group_that_is_spread_widely_has_no_odd_ones():
    assert not hot.judge(fleet([50, 80, 55, 75, 65], **{LIMIT: 92.0})).findings


def test_silent_gpus_and_those_without_a_sensor_are_blind():
    answer = hot.judge(fleet([60, None, 60, 60, 60], **{LIMIT: 92.0}, sampled_at=[None, *[facts().at] * 4]))
    assert answer.blind.gpus == {"GPU-0", "GPU-1"}
    assert hot.judge(facts()).blind.everybody


def test_hot_memory_is_found_from_95_degrees_and_unknown_without_a_sensor():
    answer = hot_memory.judge(facts(memory_temperature_celsius=[94.0, 95.0, None, 40.0, 40.0]))
    assert found(answer) == ["GPU-1"]
    assert answer.blind.gpus == {"GPU-2"}
