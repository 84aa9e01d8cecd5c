"""XIDs are found by their edges, with what to do, and end as NVIDIA says they do."""

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest

from tests.unit.analysis.health.build import AT, facts, with_resets, with_xids
from watchdog.analysis.health.facts import Slurm
from watchdog.analysis.health.xid import judge
from watchdog.model.findings import Severity, Subject
from watchdog.model.scheduler import JOBS, NODES


def ago(**length):
    return AT - timedelta(**length)


def found(*events, **columns):
    return judge(with_xids(facts(**columns), *events)).findings


def test_a_gpu_off_the_bus_is_critical_and_wants_a_reboot():
    (one,) = found(("GPU-3", 79, ago(minutes=5)))
    assert one.subject == Subject("gpu01", "GPU-3", part="xid=79")
    assert one.severity is Severity.CRITICAL
    assert one.since == ago(minutes=5)
    assert "reboot" in one.action
    assert one.source.startswith("NVIDIA XID catalogue: RESTART_BM")


def test_a_programs_error_is_information_and_over_after_ten_minutes():
    assert [one.severity for one in found(("GPU-0", 31, ago(minutes=9)))] == [Severity.INFO]
    assert not found(("GPU-0", 31, ago(minutes=11)))


def test_a_programs_error_that_comes_back_on_one_gpu_wants_a_test():
    (one,) = found(("GPU-0", 31, ago(hours=5)), ("GPU-0", 31, ago(minutes=1)))
    assert one.severity is Severity.WARNING
    assert "dcgmi diag" in one.action


def test_several_lines_of_one_failure_are_one_failure():
    (one,) = found(("GPU-0", 13, ago(minutes=2)), ("GPU-0", 13, ago(minutes=1)))
    assert one.severity is Severity.INFO
    assert "2 times" in one.explanation


@pytest.mark.parametrize("code", [48, 64, 74, 79, 92, 95, 119, 120, 140])
def test_an_error_of_the_hardware_stays_for_hours(code):
    assert len(found(("GPU-0", code, ago(hours=20)))) == 1


def test_a_reset_after_the_event_clears_it_and_one_before_does_not():
    base = with_xids(facts(), ("GPU-0", 119, ago(hours=1)), ("GPU-1", 119, ago(hours=1)))
    answer = judge(with_resets(base, ("GPU-0", ago(minutes=30)), ("GPU-1", ago(hours=2))))
    assert [one.subject.gpu_uuid for one in answer.findings] == ["GPU-1"]


def test_what_comes_back_after_a_reset_wants_a_new_board():
    base = with_xids(facts(), ("GPU-0", 95, ago(hours=3)), ("GPU-0", 95, ago(hours=1)))
    (one,) = judge(with_resets(base, ("GPU-0", ago(hours=2)))).findings
    assert one.since == ago(hours=1)
    assert "replaced" in one.action


def test_a_boot_of_the_node_clears_it():
    base = with_xids(facts(), ("GPU-0", 79, ago(hours=1)))
    booted = pd.DataFrame([dict.fromkeys(NODES.columns) | {"node": "gpu01", "state": "IDLE", "flags": ""}])
    nodes = booted.assign(takes_work=True, booted_at=pd.Timestamp(ago(minutes=10)))
    assert not judge(replace(base, slurm=Slurm(AT, nodes=nodes))).findings


def test_xid_45_is_only_told_of_alone():
    assert [one.value for one in found(("GPU-0", 45, ago(minutes=1)))] == [45]
    assert [one.value for one in found(("GPU-0", 45, ago(minutes=1)), ("GPU-0", 79, ago(minutes=2)))] == [79]


def test_a_double_bit_error_with_its_remap_is_one_finding():
    (one,) = found(("GPU-0", 48, ago(minutes=1)), ("GPU-0", 63, ago(minutes=1)))
    assert one.value == 48
    assert "spare row" in one.action


def test_a_double_bit_error_whose_remap_failed_may_need_a_new_board():
    actions = [one.action for one in found(("GPU-0", 48, ago(minutes=1)), ("GPU-0", 64, ago(minutes=1)))]
    assert len(actions) == 2
    assert all("field diagnostic" in action for action in actions)


def test_where_gpud_would_reboot_and_nvidia_ignores_it_is_a_warning_that_names_both():
    (one,) = found(("GPU-0", 38, ago(minutes=1)))
    assert one.severity is Severity.WARNING
    assert "IGNORE" in one.source
    assert "gpud: reboot" in one.source


def test_the_job_that_ran_then_is_named_though_another_runs_now():
    job = dict.fromkeys(JOBS.columns) | {"job_id": "7", "user": "ann", "nodes": "gpu[01-02]"}
    ended = pd.DataFrame([job]).assign(started_at=pd.Timestamp(ago(hours=2)), ended_at=pd.Timestamp(ago(minutes=5)))
    columns = {"job_id": "8", "job_user": "bob", "job_started_at": pd.Timestamp(ago(minutes=2))}
    base = with_xids(facts(**columns), ("GPU-0", 94, ago(minutes=5)), ("GPU-1", 94, ago(minutes=1)))
    answer = judge(replace(base, slurm=Slurm(AT, ended=ended)))
    assert [(one.job_id, one.user) for one in answer.findings] == [("7", "ann"), ("8", "bob")]


def test_without_xids_from_any_exporter_nobody_is_judged():
    absent = frozenset({"xid_errors_count", "xid_code", "gpu_lost_flag"})
    assert judge(replace(facts(), not_exported=absent)).blind.everybody


def test_our_exporter_before_its_first_xid_is_no_blind_spot():
    absent = frozenset({"xid_errors_count", "xid_code"})
    assert not judge(replace(facts(), not_exported=absent)).blind.everybody


def test_a_silent_gpu_keeps_its_xid_and_is_otherwise_unknown():
    answer = judge(with_xids(facts(sampled_at=[None] * 5), ("GPU-2", 79, ago(minutes=5))))
    assert len(answer.findings) == 1
    assert len(answer.blind.gpus) == 5
