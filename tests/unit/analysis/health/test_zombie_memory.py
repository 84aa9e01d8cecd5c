"""Memory on a GPU that no job holds is found, unless a job has just left it or nobody knows who holds it."""

from datetime import timedelta

import pytest

from tests.unit.analysis.health.build import AT, facts, lately, with_slurm
from tests.unit.slurm_rows import held, jobs, nodes
from watchdog.analysis.health.zombie_memory import judge
from watchdog.model.findings import Subject

GIB = 2.0**30
NODE = nodes({"node": "gpu01"})
LEFT = {"state": "COMPLETED", "ended_at": AT - timedelta(minutes=3), "nodes": "gpu01"}


def fleet(used=(0, 20 * GIB, 0, 0, 0), *, trace=None, total=80 * GIB, **columns):
    memory = {"memory_used_bytes": list(used)}
    return facts(
        trace=memory if trace is None else {"memory_used_bytes": trace}, memory_total_bytes=total, **memory, **columns
    )


def test_memory_without_a_job_is_found_with_how_much():
    (found,) = judge(with_slurm(fleet(), nodes=NODE)).findings
    assert found.subject == Subject("gpu01", "GPU-1")
    assert "20.0\u00a0GiB" in found.explanation


@pytest.mark.parametrize(
    "base",
    [
        fleet(job_id="7"),
        fleet((0.6 * GIB,) * 5),
        fleet(trace=lately(5, 0, 20 * GIB, 4)),
        fleet(node="login01"),
    ],
    ids=["held by a job", "a driver's", "four minutes", "not Slurm's"],
)
def test_not_a_zombie(base):
    assert not judge(with_slurm(base, nodes=NODE)).findings


def test_five_percent_of_a_small_gpu_are_enough():
    assert judge(with_slurm(fleet((0.9 * GIB,) * 5, total=16 * GIB), nodes=NODE)).findings


def test_a_job_that_has_just_left_is_given_time():
    gone = jobs({"job_id": "7", **LEFT})
    same, other = held("7", ("gpu01", 1)), held("7", ("gpu01", 3))
    assert not judge(with_slurm(fleet(), nodes=NODE, ended=gone, job_gpus=same)).findings
    assert judge(with_slurm(fleet(), nodes=NODE, ended=gone, job_gpus=other)).findings


def test_where_nobody_knows_which_gpus_it_had_the_whole_node_is_given_time():
    assert not judge(with_slurm(fleet(), nodes=NODE, ended=jobs({"job_id": "7", **LEFT}))).findings


def test_a_gpu_of_which_nobody_knows_the_holder_is_not_judged():
    answer = judge(with_slurm(fleet(job_id=None), nodes=NODE))
    assert not answer.findings
    assert len(answer.blind.gpus) == 5


def test_without_slurm_nobody_is_judged():
    assert judge(fleet()).blind.everybody
    assert judge(with_slurm(fleet(), taken_at=AT - timedelta(hours=1), nodes=NODE)).blind.everybody
