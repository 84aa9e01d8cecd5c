"""GPUs that are held and idle are one finding a job, with how they were used; nobody else is accused."""

from datetime import timedelta

import numpy as np
import pytest

from tests.unit.analysis.health.build import AT, facts, held_by, lately, with_slurm
from tests.unit.slurm_rows import jobs
from watchdog.analysis.health.held_idle import judge
from watchdog.model.findings import Severity, Subject


def fleet(busy, *, processes=1.0, **columns):
    trace = {"gpu_util_ratio": busy, "compute_processes_count": processes}
    now = np.broadcast_to(np.asarray(busy), 5) if np.ndim(busy) < 2 else np.asarray(busy)[:, -1]
    columns = {"busy_ratio": now, "gpu_util_ratio": now, "compute_processes_count": processes, **columns}
    return facts(trace=trace, **columns)


def only(answer):
    (found,) = answer.findings
    return found


def test_one_finding_for_all_gpus_of_a_job():
    found = only(judge(fleet(0.0, **held_by("7"))))
    assert found.subject == Subject(job_id="7")
    assert found.user == "ada"
    assert found.severity is Severity.WARNING
    assert "its 5 GPUs (GPUs 0-4 on gpu01)" in found.explanation
    assert "for an hour or more" in found.explanation


def test_the_idle_part_of_a_jobs_gpus_is_named():
    found = only(judge(fleet([0.99, 0.0, 0.02, 0.0, 0.9], **held_by(["7", "7", "7", "7", ""]))))
    assert "3 of its 4 GPUs (GPUs 1, 2, 3 on gpu01)" in found.explanation


def test_a_job_that_began_within_the_hour_and_was_never_busy_has_never_used_them():
    start = AT - timedelta(minutes=40)
    found = only(judge(fleet(0.01, **held_by("7", job_started_at=start))))
    assert "has never used them since it started 40" in found.explanation
    assert found.since == start


def test_idle_after_busy_is_told_with_since_when():
    found = only(judge(fleet(lately(5, 0.9, 0.0, 35), **held_by("7"))))
    assert "has not used them for 35 min, but before" in found.explanation
    assert found.since == AT - timedelta(minutes=34)


def test_without_a_process_a_quarter_of_an_hour_is_enough():
    busy = lately(5, 0.9, 0.0, 16)
    found = only(judge(fleet(busy, processes=lately(5, 1.0, 0.0, 16), compute_processes_count=0, **held_by("7"))))
    assert "no process is on them" in found.explanation
    assert not judge(fleet(busy, processes=1.0, **held_by("7"))).findings


SINGLE = {"job_id": ["7", "", "", "", ""]}
COMES_AND_GOES = np.concatenate([np.tile([0.7, 0.0, 0.0], 8), np.zeros(36)])


@pytest.mark.parametrize(
    ("busy", "columns", "severity"),
    [
        (COMES_AND_GOES, SINGLE, Severity.INFO),
        (COMES_AND_GOES, {}, Severity.WARNING),
        (lately(1, 0.9, 0.0, 36)[0], SINGLE, Severity.WARNING),
        (lately(1, 0.3, 0.0, 36)[0], SINGLE, Severity.INFO),
        (np.zeros(60), SINGLE, Severity.WARNING),
        (np.zeros(60), SINGLE | {"job_started_at": AT - timedelta(minutes=40)}, Severity.INFO),
    ],
    ids=["a session", "of five GPUs", "steady before", "light before", "an hour", "not begun yet"],
)
def test_a_session_at_a_keyboard_may_pause_for_an_hour(busy, columns, severity):
    assert only(judge(fleet(np.tile(busy, (5, 1)), **{**held_by("7"), **columns}))).severity is severity


@pytest.mark.parametrize("minutes", [5, 20, 29])
def test_a_shorter_pause_is_no_finding(minutes):
    assert not judge(fleet(lately(5, 0.9, 0.0, minutes), **held_by("7"))).findings


def test_a_job_that_loads_its_data_is_not_idle():
    started = AT - timedelta(minutes=20)
    answer = judge(fleet(0.0, **held_by("7", job_started_at=started)))
    assert not answer.findings
    assert not answer.blind.jobs


def test_a_job_that_is_busy_again_is_not_told():
    busy = lately(5, 0.0, 0.0, 30)
    assert not judge(fleet(busy, busy_ratio=0.8, **held_by("7"))).findings


def test_a_suspended_job_is_not_idle():
    slurm = jobs({"job_id": "7", "state": "SUSPENDED"})
    assert not judge(with_slurm(fleet(0.0, **held_by("7")), jobs=slurm)).findings


def test_free_gpus_are_nobodys_waste():
    assert not judge(fleet(0.0)).findings


def test_missing_readings_are_unknown_and_not_idle():
    answer = judge(fleet(np.full((5, 60), np.nan), busy_ratio=np.nan, **held_by("7")))
    assert not answer.findings
    assert answer.blind.jobs == {"7"}


def test_one_silent_gpu_leaves_the_job_unjudged():
    silent = [None, *[AT] * 4]
    answer = judge(fleet(0.9, sampled_at=silent, **held_by("7")))
    assert answer.blind.covers(Subject(job_id="7"))


def test_where_nobody_tells_who_holds_gpus_memory_does():
    answer = judge(fleet(0.0, job_id=None, memory_used_bytes=[20 * 2.0**30, 0, 0, 0, 0], compute_processes_count=0))
    assert only(answer).subject == Subject("gpu01", "GPU-0")
    assert "Somebody holds" in only(answer).explanation


def test_while_slurm_is_lost_nobody_is_judged():
    base = with_slurm(fleet(0.0, job_id=None), taken_at=AT - timedelta(minutes=10))
    assert judge(base).blind.everybody


def test_without_utilization_nobody_is_judged():
    assert judge(facts(**held_by("7"))).blind.everybody
