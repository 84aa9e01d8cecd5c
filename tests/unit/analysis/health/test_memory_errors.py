"""Errors of the device memory: corrected ones by rate, uncorrected ones at once, rows and pages by their state."""

import numpy as np
import pytest

from tests.unit.analysis.health.build import AT, facts, with_xids
from watchdog.analysis.health import ecc_corrected, ecc_uncorrected, recovery_action, retired_pages, row_remap
from watchdog.model.findings import Severity, Subject

UNCORRECTED, CORRECTED = "ecc_uncorrected_volatile_count", "ecc_corrected_volatile_count"


def stepping(*per_minute):
    """A counter of five GPUs of which the third grows by so much in the last minutes."""
    counts = np.zeros((5, 60))
    counts[2, 60 - len(per_minute) :] = np.cumsum(per_minute)
    return counts


def test_a_new_uncorrected_error_is_critical():
    answer = ecc_uncorrected.judge(facts(**{UNCORRECTED: [0, 0, 1, 0, 0]}, trace={UNCORRECTED: stepping(1, 0, 0)}))
    (one,) = answer.findings
    assert one.subject == Subject("gpu01", "GPU-2")
    assert one.severity is Severity.CRITICAL
    assert one.cleared_by


def test_an_uncorrected_error_of_long_ago_is_a_warning():
    (one,) = ecc_uncorrected.judge(
        facts(**{UNCORRECTED: [0, 0, 1, 0, 0]}, trace={UNCORRECTED: [0, 0, 1, 0, 0]})
    ).findings
    assert one.severity is Severity.WARNING


@pytest.mark.parametrize(("codes", "severity"), [((94,), Severity.WARNING), ((94, 95), Severity.CRITICAL)])
def test_a_contained_error_costs_its_job_and_is_a_warning(codes, severity):
    base = facts(**{UNCORRECTED: [0, 0, 1, 0, 0]}, trace={UNCORRECTED: stepping(1, 0, 0)})
    (one,) = ecc_uncorrected.judge(with_xids(base, *(("GPU-2", code, AT) for code in codes))).findings
    assert one.severity is severity


def test_an_uncorrected_error_is_gone_after_a_reset():
    counts = stepping(1, 0, 0, -1)
    assert not ecc_uncorrected.judge(facts(**{UNCORRECTED: 0}, trace={UNCORRECTED: counts})).findings


def test_corrected_errors_are_found_by_their_rate():
    counts = stepping(*[2] * 10)
    (one,) = ecc_corrected.judge(facts(**{CORRECTED: counts[:, -1]}, trace={CORRECTED: counts})).findings
    assert one.subject.gpu_uuid == "GPU-2"
    assert one.value == pytest.approx(2.0)


def test_a_large_total_and_a_single_burst_are_not_found():
    assert not ecc_corrected.judge(facts(**{CORRECTED: 3e7}, trace={CORRECTED: 3e7})).findings
    burst = stepping(500, 0, 0, 0)
    assert not ecc_corrected.judge(facts(**{CORRECTED: burst[:, -1]}, trace={CORRECTED: burst})).findings


@pytest.mark.parametrize("check", [ecc_corrected, ecc_uncorrected, row_remap, recovery_action, retired_pages])
def test_without_the_counters_nobody_is_judged(check):
    assert check.judge(facts()).blind.everybody


def test_one_gpu_without_counters_is_blind_and_the_others_are_not():
    answer = ecc_uncorrected.judge(facts(**{UNCORRECTED: [0, 0, None, 0, 0]}, trace={UNCORRECTED: 0}))
    assert answer.blind.gpus == {"GPU-2"}


def test_a_failed_remap_is_told_before_a_pending_one():
    flags = {"row_remap_failure_flag": [1, 0, 0, 0, 0], "row_remap_pending_flag": [1, 1, 0, 0, 0]}
    answer = row_remap.judge(facts(**flags, row_remap_uncorrectable_count=[600, 600, 600, 511, 0]))
    severities = {one.subject.gpu_uuid: one.severity for one in answer.findings}
    assert severities == {"GPU-0": Severity.CRITICAL, "GPU-1": Severity.WARNING, "GPU-2": Severity.WARNING}


def test_the_driver_asking_for_a_reset_is_critical_and_for_less_traffic_a_warning():
    answer = recovery_action.judge(facts(recovery_action_code=[0, 1, 2, 3, 4]))
    critical = [one.subject.gpu_uuid for one in answer.findings if one.severity is Severity.CRITICAL]
    assert sorted(critical) == ["GPU-1", "GPU-2", "GPU-4"]
    assert len(answer.findings) == 4


def test_many_retired_pages_are_critical_and_pending_ones_a_warning():
    pages = {"retired_pages_sbe_count": [60, 0, 62, 0, 0], "retired_pages_dbe_count": [3, 0, 0, 16, 15]}
    answer = retired_pages.judge(facts(**pages, retired_pages_pending_flag=[0, 1, 0, 0, 0]))
    assert {one.subject.gpu_uuid: one.severity for one in answer.findings} == {
        "GPU-0": Severity.CRITICAL,
        "GPU-1": Severity.WARNING,
        "GPU-3": Severity.WARNING,
    }
