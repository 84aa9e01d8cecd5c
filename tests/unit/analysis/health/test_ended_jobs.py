"""Jobs that failed in silence, with their node, or soon will at their limit."""

from datetime import timedelta

import pytest

from tests.unit.analysis.health.build import AT, facts, with_slurm
from tests.unit.slurm_rows import frame, jobs, nodes, steps
from watchdog.analysis.health import job_failed_node, job_time_limit, steps_failed
from watchdog.model.findings import Severity, Subject
from watchdog.model.scheduler import NODE_STATES

MINUTE = timedelta(minutes=1)
OVER = {"job_id": "7", "started_at": AT - 90 * MINUTE, "ended_at": AT - 10 * MINUTE, "nodes": "gpu[01-03]"}
DONE = jobs({**OVER, "state": "COMPLETED"})


def step(step_id, state, job_id="7", **columns):
    return {"job_id": job_id, "step_id": step_id, "state": state, "started_at": AT - 80 * MINUTE, **columns}


def judge(check, **frames):
    return check.judge(with_slurm(facts(), **frames))


def test_a_completed_job_whose_steps_all_failed_is_found():
    rows = [step("batch", "COMPLETED"), *(step(str(i), "FAILED", exit_code=1) for i in range(3))]
    (found,) = judge(steps_failed, ended=DONE, steps=steps(*rows)).findings
    assert found.subject == Subject(job_id="7")
    assert "all its 3 steps failed" in found.explanation
    assert found.since == AT - 10 * MINUTE


def test_failed_and_cancelled_steps_are_told_apart():
    rows = [step("0", "FAILED"), step("1", "CANCELLED")]
    (found,) = judge(steps_failed, ended=DONE, steps=steps(*rows)).findings
    assert "1 of its 2 steps failed and none completed" in found.explanation


@pytest.mark.parametrize(
    "rows",
    [
        [step("0", "FAILED"), step("1", "COMPLETED")],
        [step("batch", "FAILED"), step("extern", "FAILED")],
        [step("0", "CANCELLED")],
        [step("0", "FAILED", job_id="8")],
        [],
    ],
    ids=["one worked", "no steps of its own", "cancelled", "another job's", "no steps"],
)
def test_a_job_that_may_have_worked(rows):
    assert not judge(steps_failed, ended=DONE, steps=steps(*rows)).findings


def test_a_job_that_failed_itself_is_not_silent():
    failed = jobs({**OVER, "state": "FAILED"})
    assert not judge(steps_failed, ended=failed, steps=steps(step("0", "FAILED"))).findings


def down(*rows):
    return frame(NODE_STATES, [{"node": n, "changed_at": AT - m * MINUTE, "state": s} for n, m, s in rows])


def test_node_fail_is_found_once_though_queue_and_accounting_tell_it():
    lost = jobs({**OVER, "state": "NODE_FAIL"})
    (found,) = judge(job_failed_node, ended=lost, jobs=lost, states=down(("gpu02", 11, "DOWN"))).findings
    assert found.subject == Subject(node="gpu02", job_id="7")
    assert "gpu02 went down" in found.explanation


@pytest.mark.parametrize(
    ("nodes_", "node", "words"),
    [("gpu02", "gpu02", "as gpu02 failed"), ("gpu[01-03]", "", "as a node of gpu[01-03] failed")],
)
def test_where_no_state_was_kept_the_jobs_own_nodes_are_named(nodes_, node, words):
    lost = jobs({**OVER, "state": "NODE_FAIL", "nodes": nodes_})
    (found,) = judge(job_failed_node, ended=lost).findings
    assert found.subject == Subject(node=node, job_id="7")
    assert words in found.explanation


def test_a_killed_job_names_every_node_that_went_down():
    killed = jobs({**OVER, "state": "FAILED", "signal": 9})
    changes = down(("gpu01", 12, "DOWN"), ("gpu03", 8, "DOWN"), ("gpu04", 10, "DOWN"))
    (found,) = judge(job_failed_node, ended=killed, states=changes).findings
    assert "gpu[01,03] went down; which of them failed first cannot be told" in found.explanation
    assert found.severity is Severity.WARNING


@pytest.mark.parametrize(
    ("columns", "changes"),
    [
        ({"state": "FAILED", "signal": 9}, []),
        ({"state": "FAILED", "exit_code": 1}, [("gpu02", 11, "DOWN")]),
        ({"state": "FAILED", "signal": 9}, [("gpu02", 60, "DOWN"), ("gpu02", 40, "IDLE")]),
        ({"state": "COMPLETED"}, [("gpu02", 11, "DOWN")]),
    ],
    ids=["no node down", "its own failure", "long before", "completed"],
)
def test_not_the_nodes_fault(columns, changes):
    assert not judge(job_failed_node, ended=jobs({**OVER, **columns}), states=down(*changes)).findings


def running(limit_hours, age_minutes):
    return jobs({"job_id": "7", "started_at": AT - age_minutes * MINUTE, "time_limit_seconds": limit_hours * 3600.0})


def test_a_job_near_its_limit_is_told_how_near():
    (found,) = judge(job_time_limit, jobs=running(5, 280)).findings
    assert found.explanation == "Job 7 of ada reaches its time limit in 20\u00a0min of 5\u00a0h."
    assert found.severity is Severity.INFO
    assert found.since == AT - 10 * MINUTE


@pytest.mark.parametrize(
    "queue",
    [running(5, 200), running(100, 95 * 60), running(float("inf"), 9000), running(5, 280).assign(state="PENDING")],
    ids=["a third left", "5 h left", "no limit", "not running"],
)
def test_time_enough(queue):
    assert not judge(job_time_limit, jobs=queue.astype({"state": "string"})).findings


def test_a_job_past_its_limit_is_told_so():
    (found,) = judge(job_time_limit, jobs=running(1, 65)).findings
    assert "is 5\u00a0min past its time limit" in found.explanation


@pytest.mark.parametrize("check", [steps_failed, job_failed_node, job_time_limit])
def test_without_slurm_no_job_is_judged(check):
    assert check.judge(facts()).blind.everybody
    assert not check.judge(with_slurm(facts(), nodes=nodes({"node": "gpu01"}))).findings
