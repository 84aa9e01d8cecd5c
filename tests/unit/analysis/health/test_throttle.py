"""Clocks held down by heat or power are found; those held down by the power cap are not."""

import numpy as np

from tests.unit.analysis.health.build import facts
from watchdog.analysis.health.throttle import judge
from watchdog.model.findings import Severity, Subject


def test_a_gpu_held_down_by_heat_is_found_with_its_temperature():
    flags = {"throttle_hw_thermal_flag": [0, 1, 0, 0, 0]}
    answer = judge(facts(**flags, trace=flags, gpu_temperature_celsius=92.0))
    (found,) = answer.findings
    assert found.subject == Subject("gpu01", "GPU-1")
    assert found.severity is Severity.CRITICAL
    assert ("gpu_temperature_celsius", "92 °C") in {(one.what, one.value) for one in found.evidence}


def test_the_power_brake_is_told_before_the_heat():
    flags = {"throttle_hw_thermal_flag": 1, "throttle_power_brake_flag": 1}
    assert {found.explanation.split(": ")[1] for found in judge(facts(**flags, trace=flags)).findings} == {
        "power brake."
    }


def test_one_minute_of_throttling_is_not_told():
    trace = np.zeros((5, 60))
    trace[2, -1] = 1
    answer = judge(facts(throttle_sw_thermal_flag=[0, 0, 1, 0, 0], trace={"throttle_sw_thermal_flag": trace}))
    assert not answer.findings


def test_without_reasons_nobody_is_judged():
    assert judge(facts()).blind.everybody


def test_a_silent_gpu_is_not_judged():
    flags = {"throttle_sw_thermal_flag": 0}
    answer = judge(facts(sampled_at=[None] * 5, **flags, trace=flags))
    assert not answer.findings
    assert len(answer.blind.gpus) == 5
