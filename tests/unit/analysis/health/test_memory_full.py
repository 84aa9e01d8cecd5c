"""Memory that climbs to the top is found; memory that is simply large, or jumps, is not."""

import numpy as np
import pytest

from tests.unit.analysis.health.build import AT, facts, held_by
from watchdog.analysis.health.memory_full import judge
from watchdog.model.findings import Subject

TOTAL = 80 * 2.0**30


def fleet(shares, **columns):
    row = np.asarray(shares, dtype=float) * TOTAL
    used = np.tile(row, (5, 1))
    columns = {"memory_used_bytes": used[:, -1], "memory_total_bytes": TOTAL, "memory_ratio": shares[-1], **columns}
    return facts(trace={"memory_used_bytes": used}, **{**held_by("7"), **columns})


def test_a_steady_climb_is_told_with_when_it_ends():
    (found,) = judge(fleet(np.linspace(0.3, 0.8, 60))).findings
    assert found.subject == Subject(job_id="7")
    assert "will be full in about 24\u00a0min" in found.explanation


def test_a_climb_that_reached_the_top_is_full():
    shares = np.concatenate([np.full(30, 0.82), np.linspace(0.82, 0.985, 15), np.full(15, 0.985)])
    (found,) = judge(fleet(shares)).findings
    assert "until it is full" in found.explanation
    assert found.since is not None


@pytest.mark.parametrize(
    "shares",
    [
        np.full(60, 0.985),
        np.concatenate([np.full(30, 0.5), np.full(30, 0.98)]),
        np.linspace(0.3, 0.35, 60),
        np.concatenate([np.linspace(0.5, 0.7, 30), np.full(30, 0.7)]),
        np.tile([0.5, 0.6, 0.7, 0.8, 0.9, 0.98], 10),
    ],
    ids=["preallocated", "one jump", "slow", "came to rest", "up and down"],
)
def test_no_leak(shares):
    assert not judge(fleet(shares)).findings


def test_what_a_job_takes_in_its_first_minutes_is_no_leak():
    started = AT.replace(hour=11, minute=52)
    shares = np.concatenate([np.full(50, 0.0), np.linspace(0.1, 0.99, 10)])
    assert not judge(fleet(shares, job_started_at=started)).findings


def test_the_drivers_reserve_is_not_room():
    shares = np.concatenate([np.full(30, 0.82), np.linspace(0.82, 0.965, 15), np.full(15, 0.965)])
    assert not judge(fleet(shares)).findings
    assert judge(fleet(shares, memory_reserved_bytes=0.02 * TOTAL)).findings


def test_where_no_job_is_known_the_gpu_is_told():
    answer = judge(fleet(np.linspace(0.3, 0.8, 60), job_id=None))
    assert {found.subject.gpu_uuid for found in answer.findings} == {f"GPU-{i}" for i in range(5)}


def test_missing_memory_leaves_the_job_unjudged():
    answer = judge(fleet(np.full(60, np.nan)))
    assert not answer.findings
    assert answer.blind.jobs == {"7"}


def test_a_gap_in_the_readings_does_not_break_a_climb():
    shares = np.linspace(0.3, 0.8, 60)
    shares[44:47] = np.nan
    assert judge(fleet(shares)).findings


def test_without_memory_nobody_is_judged():
    assert judge(facts(**held_by("7"))).blind.everybody
