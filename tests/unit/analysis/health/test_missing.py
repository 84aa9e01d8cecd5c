"""GPUs that are not there, nodes and sources that nobody hears of: each is missed, and silence is never fine."""

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest

from tests.unit.analysis.health.build import AT, facts, with_xids
from watchdog.analysis.health import exporter_lost, gpu_missing, source_lost
from watchdog.analysis.health.facts import Slurm
from watchdog.model.findings import Severity, Subject
from watchdog.model.scheduler import NODES
from watchdog.model.telemetry import SourceStatus

LATE = AT - timedelta(minutes=30)
ON_TWO_NODES = {"node": ["gpu01", "gpu01", "gpu01", "gpu02", "gpu02"], "gpu_index": [0, 1, 2, 0, 1]}


def slurm(gpus=5, state="IDLE", flags="", reason="", node="gpu01"):
    row = dict.fromkeys(NODES.columns) | {"node": node, "state": state, "flags": flags, "reason": reason, "gpus": gpus}
    return Slurm(AT, nodes=pd.DataFrame([row]).assign(booted_at=pd.NaT))


def silent(*which, **columns):
    at = [None if place in which else pd.Timestamp(AT) for place in range(5)]
    return facts(**{"sampled_at": at} | columns)


def failed(name, error="connection refused", since=timedelta(minutes=2)):
    return SourceStatus(name, AT, AT - since, error=error, hint="Start it.")


def test_a_gpu_that_is_silent_beside_others_is_missing():
    answer = gpu_missing.judge(silent(2))
    (one,) = answer.findings
    assert one.subject == Subject("gpu01", "GPU-2")
    assert one.severity is Severity.CRITICAL
    assert "others" in one.explanation


def test_it_is_missed_after_two_minutes_not_only_when_its_reading_is_old():
    at = [AT, AT, AT - timedelta(minutes=2, seconds=1), AT, AT - timedelta(seconds=45)]
    assert [one.subject.gpu_uuid for one in gpu_missing.judge(facts(sampled_at=at)).findings] == ["GPU-2"]


def test_the_fall_off_the_bus_is_named():
    (one,) = gpu_missing.judge(with_xids(silent(2), ("GPU-2", 79, LATE))).findings
    assert "fallen off the bus" in one.explanation
    assert one.since == LATE


def test_a_gpu_that_its_driver_lost_is_missing_even_alone():
    (one,) = gpu_missing.judge(silent(0, 1, 2, 3, 4, gpu_lost_flag=[0, 1, 0, 0, 0])).findings
    assert one.subject.gpu_uuid == "GPU-1"


def test_a_replaced_board_is_not_missed():
    assert not gpu_missing.judge(silent(2, gpu_index=[0, 1, 1, 2, 3])).findings


def test_a_board_that_slurm_no_longer_counts_is_not_missed():
    assert not gpu_missing.judge(replace(silent(2), slurm=slurm(gpus=4))).findings
    assert gpu_missing.judge(replace(silent(2), slurm=slurm(gpus=5))).findings


def test_gpus_that_only_slurm_counts_are_missed_on_their_node():
    (one,) = gpu_missing.judge(replace(facts(), slurm=slurm(gpus=8))).findings
    assert one.subject == Subject("gpu01", part="gres")
    assert "8" in one.explanation
    assert "5 report" in one.explanation


def test_slurm_may_count_mig_instances():
    assert not gpu_missing.judge(replace(facts(mig_mode_flag=1), slurm=slurm(gpus=35))).findings


def test_old_words_of_slurm_do_not_count():
    old = replace(slurm(gpus=8), taken_at=AT - timedelta(minutes=6))
    assert not gpu_missing.judge(replace(facts(), slurm=old)).findings


def test_of_a_node_that_is_dark_no_gpu_is_missed_and_none_is_fine():
    answer = gpu_missing.judge(silent(3, 4, **ON_TWO_NODES))
    assert not answer.findings
    assert answer.blind.nodes == {"gpu02"}


def test_a_dark_node_is_lost_and_critical_where_slurm_is_not_read():
    (one,) = exporter_lost.judge(silent(3, 4, **ON_TWO_NODES)).findings
    assert one.subject == Subject("gpu02")
    assert one.severity is Severity.CRITICAL


@pytest.mark.parametrize(
    ("state", "severity"), [("ALLOCATED", [Severity.WARNING]), ("DOWN", [Severity.INFO]), ("IDLE", [Severity.WARNING])]
)
def test_slurm_decides_how_urgent_a_dark_node_is(state, severity):
    base = replace(silent(3, 4, **ON_TWO_NODES), slurm=slurm(state=state, reason="PSU", node="gpu02"))
    assert [one.severity for one in exporter_lost.judge(base).findings] == severity


def test_a_node_that_slurm_powered_down_is_not_missed():
    sleeping = slurm(flags="POWERED_DOWN", node="gpu02")
    assert not exporter_lost.judge(replace(silent(3, 4, **ON_TWO_NODES), slurm=sleeping)).findings


def test_a_failing_exporter_is_told_with_its_error_before_its_readings_are_old():
    base = facts(sampled_at=AT - timedelta(minutes=2))
    (one,) = exporter_lost.judge(replace(base, sources=(failed("exporter gpu01.example.org:9400"),))).findings
    assert "connection refused" in one.explanation
    assert one.action == "Start it."


@pytest.mark.parametrize("age", [15, 45])
def test_one_failed_read_is_no_outage(age):
    source = failed("exporter gpu01:9400", since=timedelta(seconds=age))
    base = replace(facts(), sources=(source,))
    assert not exporter_lost.judge(base).findings
    assert not source_lost.judge(base).findings


def test_a_second_exporter_that_answers_keeps_its_node():
    assert not exporter_lost.judge(replace(facts(), sources=(failed("exporter gpu01:9445"),))).findings


def test_behind_a_prometheus_that_fails_nodes_are_unknown_not_lost():
    base = replace(silent(0, 1, 2, 3, 4), sources=(failed("Prometheus http://prom:9090"),))
    answer = exporter_lost.judge(base)
    assert not answer.findings
    assert answer.blind.nodes == {"gpu01"}
    (one,) = source_lost.judge(base).findings
    assert one.severity is Severity.CRITICAL
    assert one.subject == Subject(part="source=Prometheus http://prom:9090")


def test_an_exporter_without_a_known_node_is_a_source_that_is_lost():
    base = replace(facts(), sources=(failed("exporter 10.0.0.7:9400"), failed("exporter gpu01:9400")))
    (one,) = source_lost.judge(base).findings
    assert one.severity is Severity.WARNING
    assert "10.0.0.7" in one.explanation
