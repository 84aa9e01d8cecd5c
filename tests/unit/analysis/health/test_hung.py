"""A job that spins is found; one that works, is throttled or is not measured is not called hung."""

import numpy as np
import pytest

from tests.unit.analysis.health.build import facts, held_by, with_slurm
from watchdog.analysis.health.hung import judge
from watchdog.model.findings import Severity, Subject


def fleet(power, busy=1.0, **columns):
    metrics = {"gpu_util_ratio": busy, "power_watts": power}
    now = {"busy_ratio": busy, "gpu_util_ratio": busy, "power_watts": 100.0, "power_limit_watts": 700.0}
    return facts(trace={**metrics, **columns.pop("trace", {})}, **{**now, **columns})


def test_a_job_that_spins_is_one_critical_finding():
    (found,) = judge(fleet(120.0, **held_by("7"))).findings
    assert found.subject == Subject(job_id="7")
    assert found.severity is Severity.CRITICAL
    assert "100 W of 700 W" in found.explanation


@pytest.mark.parametrize(
    ("power", "busy"),
    [(600.0, 1.0), (120.0, 0.6), (np.tile([100.0, 180.0], (5, 30)), 1.0)],
    ids=["works", "half busy", "moves"],
)
def test_a_job_that_works_is_not_hung(power, busy):
    assert not judge(fleet(power, busy, **held_by("7"))).findings


def test_low_power_with_working_sms_is_a_light_job():
    busy_sms = fleet(120.0, trace={"sm_active_ratio": 0.4}, **held_by("7"))
    still = fleet(120.0, trace={"sm_active_ratio": 0.01}, **held_by("7"))
    assert not judge(busy_sms).findings
    assert judge(still).findings


def test_low_power_under_a_brake_is_explained():
    assert not judge(fleet(120.0, trace={"throttle_power_brake_flag": 1}, **held_by("7"))).findings


def test_one_gpu_of_a_job_is_named():
    (found,) = judge(fleet([600, 600, 110, 600, 600], **held_by("7"))).findings
    assert "1 of its 5 GPUs (GPU 2 on gpu01)" in found.explanation


def test_a_gpu_without_a_job_is_told_itself():
    (found,) = judge(fleet([600, 600, 110, 600, 600])).findings
    assert found.subject == Subject("gpu01", "GPU-2")


def test_without_a_power_limit_the_job_is_not_judged():
    answer = judge(fleet(120.0, power_limit_watts=np.nan, **held_by("7")))
    assert not answer.findings
    assert answer.blind.jobs == {"7"}


def test_without_power_nobody_is_judged():
    assert judge(facts(trace={"gpu_util_ratio": 1.0})).blind.everybody


def test_while_slurm_is_lost_nobody_is_judged():
    base = fleet(120.0, job_id=None)
    assert judge(with_slurm(base, taken_at=base.at.replace(hour=1))).blind.everybody
