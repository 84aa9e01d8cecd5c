"""PCIe and NVLink errors by their rate, lost lanes on GPUs that work."""

import numpy as np
import pytest

from tests.unit.analysis.health.build import facts
from watchdog.analysis.health import nvlink, pcie
from watchdog.model.findings import Severity

REPLAYS = "pcie_replay_count"
CRC, HARD = "nvlink_crc_flit_errors_count", "nvlink_replay_errors_count"


def growing(per_minute, minutes=10):
    """A counter of five GPUs of which the second grows."""
    counts = np.zeros((5, 60))
    counts[1, -minutes:] = per_minute * np.arange(1, minutes + 1)
    return counts


def link(per_minute, **columns):
    lanes = {"pcie_link_width_count": 16.0, "max_pcie_link_width_count": 16.0, "pcie_link_gen_code": 4.0}
    counts = growing(per_minute)
    return facts(**{REPLAYS: counts[:, -1]} | lanes | columns, trace={REPLAYS: counts, "gpu_util_ratio": 0.9})


def found(answer):
    return [one.subject.gpu_uuid for one in answer.findings]


@pytest.mark.parametrize(("generation", "limit"), [(1, 2.4), (3, 7.68), (4, 15.36), (5, 30.72), (6, 61.44)])
def test_the_limit_of_replays_is_dcgms_for_sixteen_lanes(generation, limit):
    assert pcie.replay_limit(link(0, pcie_link_gen_code=generation)) == pytest.approx(limit)


def test_replays_above_the_limit_are_found_and_below_are_not():
    assert found(pcie.judge(link(16))) == ["GPU-1"]
    assert not pcie.judge(link(15)).findings


def test_an_idle_gpu_that_lowered_its_generation_is_held_against_that_of_its_model():
    assert not pcie.judge(link(10, pcie_link_gen_code=[4, 1, 1, 1, 1])).findings


def test_one_burst_of_replays_is_not_found():
    counts = np.zeros((5, 60))
    counts[1, -1] = 5000
    assert not pcie.judge(facts(**{REPLAYS: counts[:, -1]}, trace={REPLAYS: counts})).findings


def test_fewer_lanes_than_possible_are_found_on_a_gpu_that_works():
    (one,) = pcie.judge(link(0, pcie_link_width_count=[16, 16, 4, 16, 16])).findings
    assert one.subject.gpu_uuid == "GPU-2"
    assert "4 of 16" in one.explanation


def test_fewer_lanes_on_an_idle_gpu_mean_nothing():
    idle = facts(pcie_link_width_count=4.0, max_pcie_link_width_count=16.0, trace={"gpu_util_ratio": 0.0})
    assert not pcie.judge(idle).findings


@pytest.mark.parametrize("check", [pcie, nvlink])
def test_without_counters_nobody_is_judged(check):
    assert check.judge(facts()).blind.everybody


def test_one_failed_nvlink_replay_is_critical():
    counts = np.zeros((5, 60))
    counts[1, -3:] = 1
    (one,) = nvlink.judge(facts(trace={HARD: counts, CRC: 0})).findings
    assert one.severity is Severity.CRITICAL
    assert one.subject.gpu_uuid == "GPU-1"


@pytest.mark.parametrize(("per_second", "severity"), [(0.5, None), (2, Severity.WARNING), (120, Severity.CRITICAL)])
def test_crc_errors_are_judged_by_their_rate(per_second, severity):
    answer = nvlink.judge(facts(trace={CRC: growing(60 * per_second), HARD: 0}))
    assert [one.severity for one in answer.findings] == ([severity] if severity else [])


def test_old_nvlink_errors_are_no_news():
    assert not nvlink.judge(facts(trace={HARD: 50, CRC: 1e6})).findings
