"""One slow GPU among its job's is found; a throttled, idle or different one, or a slow job, is not."""

import numpy as np
import pytest

from tests.unit.analysis.health.build import facts, held_by, lately
from watchdog.analysis.health.straggler import judge
from watchdog.model.findings import Subject

FAST, SLOW = 1.98e9, 1.1e9


def fleet(clocks, busy=0.98, trace=None, **columns):
    now = np.broadcast_to(np.asarray(clocks), 5) if np.ndim(clocks) < 2 else np.asarray(clocks)[:, -1]
    columns = {"sm_clock_hertz": now, **held_by("7"), **columns}
    return facts(trace={"sm_clock_hertz": clocks, "gpu_util_ratio": busy, **(trace or {})}, **columns)


def test_the_slow_gpu_of_a_job_is_named_with_the_job():
    (found,) = judge(fleet([FAST, FAST, SLOW, FAST, FAST])).findings
    assert found.subject == Subject("gpu01", "GPU-2")
    assert found.job_id == "7"
    assert "1100 MHz, 44\u00a0% less" in found.explanation


def test_of_two_gpus_the_slower_is_the_straggler():
    (found,) = judge(fleet([FAST, SLOW, FAST, FAST, FAST], job_id=["7", "7", "", "", ""])).findings
    assert found.subject.gpu_uuid == "GPU-1"


@pytest.mark.parametrize(
    ("clocks", "columns"),
    [
        ([FAST, FAST, 0.9 * FAST, FAST, FAST], {}),
        ([FAST, FAST, SLOW, FAST, FAST], {"trace": {"throttle_sw_thermal_flag": [0, 0, 1, 0, 0]}}),
        ([FAST, FAST, SLOW, FAST, FAST], {"busy": [0.9, 0.9, 0.0, 0.9, 0.9]}),
        ([FAST, FAST, SLOW, FAST, FAST], {"gpu_model": ["H", "H", "A", "H", "H"]}),
        ([FAST, FAST, SLOW, FAST, FAST], {"job_id": ["7", "7", "8", "7", "7"]}),
        (SLOW, {}),
        (lately(5, FAST, [FAST, FAST, SLOW, FAST, FAST], 8), {}),
    ],
    ids=["10 % slower", "throttled", "idle", "another model", "another job", "all slow", "eight minutes"],
)
def test_no_straggler(clocks, columns):
    assert not judge(fleet(clocks, **columns)).findings


def test_a_wide_spread_of_clocks_is_not_one_straggler():
    assert not judge(fleet([2.0e9, 1.85e9, 1.55e9, 1.75e9, 1.9e9])).findings


def test_a_gpu_without_clocks_is_not_judged():
    clocks = np.full((5, 60), FAST)
    clocks[3] = np.nan
    answer = judge(fleet(clocks))
    assert answer.blind.gpus == {"GPU-3"}


def test_without_clocks_nobody_is_judged():
    assert judge(facts(**held_by("7"))).blind.everybody
