"""Slurm that is slow or lost, and a disk that fills up."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.analysis.health.build import AT, facts, with_slurm
from watchdog.analysis.health import disk_full, slurm_lost, slurm_slow
from watchdog.analysis.health.facts import Disk
from watchdog.analysis.health.registry import CHECKS
from watchdog.model.findings import Severity, Subject
from watchdog.model.telemetry import SourceStatus

SOURCE = Subject(part="source=Slurm")
MINUTE = timedelta(minutes=1)
TIB = 2.0**40


def read(seconds=0.2, ago=0.0, error=""):
    return SourceStatus("Slurm", AT, AT - ago * MINUTE, seconds, error=error, hint="Is slurmctld up?" * bool(error))


def scheduler(status, taken=0.0):
    return replace(with_slurm(facts(), taken_at=AT - taken * MINUTE), scheduler=status)


@pytest.mark.parametrize(("seconds", "severity"), [(6.0, Severity.WARNING), (31.0, Severity.CRITICAL)])
def test_a_slow_answer_is_told_with_its_time(seconds, severity):
    (found,) = slurm_slow.judge(scheduler(read(seconds))).findings
    assert (found.severity, found.subject) == (severity, SOURCE)
    assert f"{seconds:.1f} s" in found.explanation


def test_a_fast_answer_is_fine_and_no_answer_is_not_known():
    assert slurm_slow.judge(scheduler(read())).blind.everybody is False
    assert slurm_slow.judge(scheduler(read(error="refused"))).blind.everybody
    assert slurm_slow.judge(scheduler(None)).blind.everybody


@pytest.mark.parametrize(
    ("status", "taken", "severity"),
    [
        (read(ago=3, error="connection refused"), 3, Severity.WARNING),
        (read(ago=8, error="connection refused"), 8, Severity.CRITICAL),
        (read(), 8, Severity.CRITICAL),
        (replace(read(error="refused"), last_success_at=None), 8, Severity.CRITICAL),
    ],
    ids=["fails", "fails long", "stands still", "never worked"],
)
def test_a_slurm_that_is_not_seen_is_lost(status, taken, severity):
    (found,) = slurm_lost.judge(scheduler(status, taken)).findings
    assert (found.severity, found.subject) == (severity, SOURCE)


@pytest.mark.parametrize(("status", "taken"), [(read(), 1), (read(ago=1, error="refused"), 1)])
def test_one_read_that_fails_is_nothing_yet(status, taken):
    assert not slurm_lost.judge(scheduler(status, taken)).findings


def test_a_slurm_that_was_not_asked_is_not_known():
    assert slurm_lost.judge(facts()).blind.everybody
    assert slurm_lost.judge(replace(facts(), scheduler=SourceStatus("Slurm"))).blind.everybody


@pytest.mark.parametrize(
    ("disk", "severity"),
    [
        (Disk(0.05 * TIB, TIB, 1e9), Severity.WARNING),
        (Disk(0.01 * TIB, TIB, 1e9), Severity.CRITICAL),
        (Disk(0.5 * TIB, TIB, 1e9, 0.1 * TIB), Severity.WARNING),
        (Disk(0.5 * TIB, TIB, 1e9, 0.9 * TIB), Severity.CRITICAL),
    ],
    ids=["5 % free", "1 % free", "5 days", "half a day"],
)
def test_a_disk_that_fills_up_is_told(disk, severity):
    (found,) = disk_full.judge(replace(facts(), disk=disk)).findings
    assert found.severity is severity


@pytest.mark.parametrize("growth", [None, 0.0, -5.0, 0.01 * TIB])
def test_a_disk_with_room_is_fine(growth):
    answer = disk_full.judge(replace(facts(), disk=Disk(0.5 * TIB, TIB, 1e9, growth)))
    assert not answer.findings
    assert not answer.blind.everybody


def test_a_disk_that_nobody_measured_is_not_known():
    assert disk_full.judge(facts()).blind.everybody


@pytest.mark.parametrize("key", CHECKS)
def test_every_check_answers_for_a_fleet_without_gpus(key):
    assert not [found for found in CHECKS[key].judge(with_slurm(facts(0))).findings if found.subject.gpu_uuid]
    assert CHECKS[key].key == key
