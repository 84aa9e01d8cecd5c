"""A queue that should move, waits too long or finds only pieces is told by partition; waiting by choice is not."""

from datetime import timedelta

import pytest

from tests.unit.analysis.health.build import AT, facts, with_slurm
from tests.unit.slurm_rows import jobs, nodes, partitions
from watchdog.analysis.health import fragmentation, pending_long, queue_stuck
from watchdog.analysis.health.waiting import waiting
from watchdog.model.findings import Severity, Subject

HOUR = timedelta(hours=1)
UP = partitions({"partition": "gpu", "max_time_seconds": float("inf")})
GPU = Subject(part="partition=gpu")


def pending(job_id, hours=2.0, **columns):
    usual = {"state": "PENDING", "reason": "Resources", "gpus": 8, "node_count": 1, "cpus": 8, "priority": 100.0}
    usual |= {"memory_bytes": 2.0**34, "gpu_type": "h100", "time_limit_seconds": 3600.0}
    return {"job_id": str(job_id), "eligible_at": AT - HOUR * hours, **usual, **columns}


def judge(check, rows, *node_rows, parts=UP, **frames):
    return check.judge(with_slurm(facts(), jobs=jobs(*rows), nodes=nodes(*node_rows), partitions=parts, **frames))


FREE = {"node": "gpu01"}
FULL = {"node": "gpu02", "gpus_allocated": 8}
HALF = [{"node": f"gpu0{i}", "gpus_allocated": 4} for i in (1, 2)]


def test_a_job_that_could_start_and_does_not_is_a_stuck_queue():
    (found,) = judge(queue_stuck, [pending(5), pending(6, reason="Priority")], FREE, FULL).findings
    assert found.subject == GPU
    assert found.severity is Severity.WARNING
    assert found.job_id == "5"
    assert found.since == AT - 2 * HOUR


@pytest.mark.parametrize(
    ("rows", "node"),
    [
        ([pending(5)], FULL),
        ([pending(5, hours=0.2)], FREE),
        ([pending(5, reason="Dependency")], FREE),
        ([pending(5, reason="QOSMaxGRESPerUser")], FREE),
        ([pending(5, reason="Priority", gpus=1), pending(6, node_count=2)], FREE),
        ([pending(5)], FREE | {"flags": "PLANNED"}),
        ([pending(5)], FREE | {"flags": "DRAIN", "takes_work": False}),
        ([pending(5)], FREE | {"cpus_allocated": 64}),
        ([pending(5)], FREE | {"gpus_allocated": None}),
        ([pending(5), {"job_id": "4", "started_at": AT - HOUR / 4, "nodes": "gpu02"}], FREE),
    ],
    ids=[
        *("no room", "short", "dependency", "limit", "behind a larger one", "planned for another", "drained"),
        *("no CPUs", "not known", "something started"),
    ],
)
def test_a_queue_that_waits_with_reason(rows, node):
    assert not judge(queue_stuck, rows, node).findings


def test_a_partition_that_is_down_while_jobs_wait_is_told():
    shut = partitions({"partition": "gpu", "state": "DOWN"})
    (found,) = judge(queue_stuck, [pending(5, reason="PartitionDown")], FREE, parts=shut).findings
    assert found.explanation == "Partition gpu is DOWN while jobs wait for it: 1."


def test_the_longest_wait_speaks_for_its_partition():
    rows = [pending(5, 30), pending(6, 50, user="bob"), pending(7, 3), pending(8, 30, partition="cpu")]
    first, second = sorted(judge(pending_long, rows).findings, key=lambda found: found.subject.part)
    assert (first.subject.part, second.subject) == ("partition=cpu", GPU)
    assert "2 jobs of partition gpu have waited" in second.explanation
    assert "job 6 of bob for 2\u00a0d 2\u00a0h" in second.explanation
    assert second.severity is Severity.INFO
    assert second.since == AT - 26 * HOUR


def test_a_week_of_waiting_is_a_warning():
    (found,) = judge(pending_long, [pending(5, 24 * 8)]).findings
    assert found.severity is Severity.WARNING


@pytest.mark.parametrize("reason", ["JobHeldUser", "BeginTime", "Dependency", "(DependencyNeverSatisfied)"])
def test_a_job_that_waits_by_choice_does_not_wait_long(reason):
    assert not judge(pending_long, [pending(5, 100, reason=reason)]).findings


def test_a_wait_counts_from_when_the_job_may_start():
    submitted = AT - 100 * HOUR
    assert not judge(pending_long, [pending(5, 2, submitted_at=submitted)]).findings
    assert judge(pending_long, [pending(5, eligible_at=None, submitted_at=submitted)]).findings


def test_free_gpus_in_pieces_are_told_with_the_largest():
    (found,) = judge(fragmentation, [pending(5)], *HALF).findings
    assert found.severity is Severity.INFO
    assert "8 GPUs of partition gpu are free, but job 5 of ada needs 8 on one node" in found.explanation
    assert "largest free block is 4 on gpu01" in found.explanation


@pytest.mark.parametrize(
    ("row", "node_rows"),
    [
        (pending(5), [FREE]),
        (pending(5), [HALF[0]]),
        (pending(5, node_count=2), HALF),
        (pending(5, hours=0.3), HALF),
        (pending(5, reason="Priority"), HALF),
        (pending(5), [HALF[0], {"node": "gpu02", "gpus_allocated": None}]),
        (pending(5), [HALF[0], HALF[1] | {"takes_work": False}]),
    ],
    ids=["a block", "too few in all", "fits on two", "short", "not next", "not known", "out of work"],
)
def test_no_fragmentation(row, node_rows):
    assert not judge(fragmentation, [row], *node_rows).findings


def test_where_slurm_does_not_say_what_is_in_use_nobody_is_judged():
    answer = judge(fragmentation, [pending(5)], {"node": "gpu01", "gpus_allocated": None})
    assert answer.blind.everybody


def test_a_job_that_does_not_say_how_many_nodes_takes_as_few_as_can_be():
    (found,) = judge(fragmentation, [pending(5, gpus=16, node_count=None)], *HALF, FREE | {"node": "gpu03"}).findings
    assert "needs 8 on each of 2 nodes" in found.explanation


def test_what_slurm_names_next_comes_before_the_priority():
    slurm = with_slurm(facts(), jobs=jobs(pending(5, reason="Priority", priority=900.0), pending(6), pending(7))).slurm
    queue = waiting(slurm)
    assert slurm.jobs["job_id"].iloc[int(queue.rows[queue.first])] == "6"
    assert waiting(with_slurm(facts()).slurm).by_partition() == {}


@pytest.mark.parametrize("check", [queue_stuck, pending_long, fragmentation])
def test_without_slurm_no_queue_is_judged(check):
    assert check.judge(facts()).blind.everybody
    assert not check.judge(with_slurm(facts())).findings
