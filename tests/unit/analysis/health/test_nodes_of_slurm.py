"""Nodes that are down, drained, or drained again: who said so, why, since when; planned work is left alone."""

from datetime import timedelta

import pytest

from tests.unit.analysis.health.build import AT, facts, with_slurm
from tests.unit.slurm_rows import frame, held, jobs, nodes
from watchdog.analysis.health import drained_again, node_down, node_drained
from watchdog.analysis.health.node_spells import is_drained, spells
from watchdog.model.findings import Severity, Subject
from watchdog.model.scheduler import NODE_STATES

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OUT = {"flags": "DRAIN", "takes_work": False}


def states(*rows):
    """(node, hours ago, flags, reason)."""
    return frame(
        NODE_STATES,
        [
            {"node": node, "changed_at": AT - HOUR * ago, "state": "IDLE", "flags": flags, "reason": reason}
            for node, ago, flags, reason in rows
        ],
    )


def judge(check, *rows, **frames):
    return check.judge(with_slurm(facts(), nodes=nodes(*rows), **frames))


@pytest.mark.parametrize(
    ("state", "flags"), [("DOWN", ""), ("IDLE", "NOT_RESPONDING"), ("MIXED", "FAIL"), ("DOWN", "DRAIN,NOT_RESPONDING")]
)
def test_a_node_that_is_gone_is_critical(state, flags):
    row = {"node": "gpu07", "state": state, "flags": flags, "reason": "Not responding", "reason_by": "slurm"}
    (found,) = judge(node_down, row).findings
    assert found.severity is Severity.CRITICAL
    assert found.subject == Subject("gpu07")
    assert "Not responding (said by slurm)" in found.explanation


@pytest.mark.parametrize("flags", ["MAINTENANCE", "POWERED_DOWN", "REBOOT_ISSUED,NOT_RESPONDING"])
def test_a_node_that_is_meant_to_be_gone_is_not_down(flags):
    assert not judge(node_down, {"node": "gpu07", "state": "DOWN", "flags": flags}).findings


def test_a_failing_node_is_called_so():
    (found,) = judge(node_down, {"node": "gpu07", "state": "MIXED", "flags": "FAIL"}).findings
    assert found.explanation == "gpu07 is failing; Slurm gives no reason."


def test_a_node_down_says_since_when_and_whose_jobs_it_had():
    changes = frame(
        NODE_STATES,
        [
            {"node": "gpu07", "changed_at": AT - 5 * HOUR, "state": "IDLE"},
            {"node": "gpu07", "changed_at": AT - HOUR, "state": "DOWN"},
            {"node": "gpu07", "changed_at": AT - HOUR / 2, "state": "DOWN", "flags": "DRAIN"},
        ],
    )
    lost = jobs({"job_id": "7", "state": "NODE_FAIL", "nodes": "gpu[06-08]", "ended_at": AT - HOUR})
    (found,) = judge(node_down, {"node": "gpu07", "state": "DOWN"}, states=changes, ended=lost).findings
    assert found.since == AT - HOUR
    assert found.job_id == "7"
    assert "Slurm gives no reason" in found.explanation


@pytest.mark.parametrize(
    ("row", "severity"),
    [
        ({"reason": "new fan", "reason_by": "ops", "reason_at": AT - HOUR}, Severity.INFO),
        ({"reason": "new fan", "reason_by": "ops", "reason_at": AT - 2 * DAY}, Severity.WARNING),
        ({"reason": "Kill task failed", "reason_by": "root", "reason_at": AT - HOUR}, Severity.WARNING),
        ({"reason_by": "ops", "reason_at": AT - HOUR}, Severity.WARNING),
        ({"flags": "DRAIN,MAINTENANCE", "reason_at": AT - HOUR}, Severity.INFO),
    ],
    ids=["a person's, new", "a person's, old", "a health check's", "without a reason", "maintenance"],
)
def test_how_grave_a_drain_is(row, severity):
    (found,) = judge(node_drained, {"node": "gpu07", **OUT, **row}).findings
    assert found.severity is severity


def test_a_drain_says_who_why_and_how_long():
    row = {"node": "gpu07", "state": "MIXED", **OUT, "reason": "new fan", "reason_by": "ops", "reason_at": AT - 2 * DAY}
    (found,) = judge(node_drained, row).findings
    assert found.explanation == "gpu07 has been draining for 2\u00a0d by ops: new fan."
    assert found.since == AT - 2 * DAY


def test_a_node_that_works_or_is_down_is_not_drained():
    assert not judge(node_drained, {"node": "gpu06"}, {"node": "gpu07", "state": "DOWN", "flags": "DRAIN"}).findings


def test_a_drain_soon_after_the_resume_is_told_with_both_reasons():
    changes = states(("gpu07", 100, "DRAIN", "Xid 79"), ("gpu07", 50, "", ""), ("gpu07", 2, "DRAIN", "Xid 48"))
    (found,) = judge(drained_again, {"node": "gpu07", **OUT}, states=changes).findings
    assert (
        found.explanation
        == "gpu07 was drained twice in 30 days, the last time 2.0 days after it was resumed: Xid 79; Xid 48."
    )
    assert found.since == AT - 2 * HOUR


def test_three_drains_are_told_for_a_day_after_the_last():
    rows = [("gpu07", ago, flag, "Xid 79" * bool(flag)) for ago, flag in ((600, "DRAIN"), (590, ""), (300, "DRAIN"))]
    rows += [("gpu07", 290, "", ""), ("gpu07", 30, "DRAIN", "Xid 79")]
    assert judge(drained_again, {"node": "gpu07"}, states=states(*rows, ("gpu07", 20, "", ""))).findings
    assert not judge(drained_again, {"node": "gpu07"}, states=states(*rows, ("gpu07", 25, "", ""))).findings


@pytest.mark.parametrize(
    "rows",
    [
        [("gpu07", 2, "DRAIN", "Xid 79")],
        [("gpu07", 400, "DRAIN", "a"), ("gpu07", 300, "", ""), ("gpu07", 2, "DRAIN", "b")],
        [("gpu07", 100, "DRAIN", "a"), ("gpu07", 50, "", ""), ("gpu07", 2, "DRAIN,MAINTENANCE", "b")],
        [("gpu07", 100, "DRAIN", "a"), ("gpu07", 50, "DRAIN", "b"), ("gpu07", 2, "DRAIN,COMPLETING", "b")],
        [
            (node, ago, flag, "update" * bool(flag))
            for node in ("gpu06", "gpu07", "gpu08")
            for ago, flag in ((9, "DRAIN"), (8, ""), (7, "DRAIN"), (6, ""), (5, "DRAIN"))
        ],
    ],
    ids=["once", "after ten days", "maintenance", "never resumed", "an update of all nodes"],
)
def test_not_drained_again(rows):
    assert not judge(
        drained_again, *({"node": n, **OUT} for n in ("gpu06", "gpu07", "gpu08")), states=states(*rows)
    ).findings


def test_spells_do_not_run_over_from_one_node_to_the_next():
    changes = states(("a", 9, "DRAIN", "x"), ("b", 8, "DRAIN", "y"), ("b", 7, "", ""), ("c", 6, "", ""))
    found = spells(changes, is_drained(changes))
    assert list(found["node"]) == ["a", "b"]
    assert found["ended_at"].isna().tolist() == [True, False]
    assert found["ended_at"].iloc[1] == AT - 7 * HOUR


@pytest.mark.parametrize("check", [node_down, node_drained, drained_again])
def test_without_slurm_no_node_is_judged(check):
    assert check.judge(facts()).blind.everybody
    assert check.judge(with_slurm(facts(), taken_at=AT - HOUR)).blind.everybody
    assert not check.judge(with_slurm(facts())).blind.everybody


def test_a_running_job_on_a_node_down_is_affected():
    running = jobs({"job_id": "9", "nodes": "gpu07", "started_at": AT - HOUR})
    row = {"node": "gpu07", "state": "DOWN"}
    (found,) = judge(node_down, row, jobs=running, job_gpus=held("9", ("gpu07", 0))).findings
    assert found.job_id == "9"
