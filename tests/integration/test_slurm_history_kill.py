"""A loop killed at any moment loses no job that it kept, doubles none, invents no end, and catches up."""

from __future__ import annotations

import multiprocessing
import random
import time
from datetime import UTC, datetime

import pytest

from tests.conftest import NOON
from tests.integration.slurm_history_writer import (
    FORGOTTEN_AFTER,
    NODES,
    TICK,
    keep_until_killed,
    lives,
    loop_on,
    node_at,
)
from watchdog.model.slurm.records import ENDED, JobState
from watchdog.store.connection import rows
from watchdog.store.database import Store

ROUNDS, KILLS_A_ROUND = 2, 4
KNOWN_ENDS = {str(state) for state in ENDED - {JobState.UNKNOWN}}


def _kill_at_random(path, noted, start, chance):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.integration.slurm_history_writer"])
    process = context.Process(target=keep_until_killed, args=(path, noted, start), daemon=True)
    process.start()
    # One in five is killed while it still opens the store or reads for the first time.
    least = 0 if chance.random() < 0.2 else 1
    while process.is_alive() and not (noted.exists() and noted.stat().st_size >= least):
        time.sleep(0.001)
    time.sleep(chance.uniform(0, 0.35))
    assert process.is_alive(), "the loop ended by itself"
    process.kill()
    process.join()
    lines = noted.read_text().split("\n")[:-1]
    return datetime.fromisoformat(lines[-1]) if lines else None


def _asked(path, sql):
    with Store(path, threads=1) as store, store.read() as (cursor, _):
        return rows(cursor, sql)


def _jobs(path):
    """Job to (state, end), once each."""
    found = _asked(path, "SELECT job_id, state, ended_at FROM jobs")
    jobs = {job: (state, end.astimezone(UTC) if end else None) for job, state, end in found}
    assert len(jobs) == len(found), "a job was doubled"
    return jobs


def _check_kept(path, noted_at, latest):
    """What the last noted tick saw is there; what is told of an end is true."""
    jobs = _jobs(path)
    seen = [life for life in lives(noted_at) if life.ended_at > noted_at - FORGOTTEN_AFTER]
    assert {str(1000 + life.number) for life in seen} <= set(jobs)
    ended = {str(1000 + life.number) for life in seen if life.ended_at <= noted_at}
    assert {job for job in ended if jobs[job][0] not in KNOWN_ENDS} == set()
    truth = {str(1000 + life.number): (str(life.end), life.ended_at) for life in lives(latest)}
    assert {job: told for job, told in jobs.items() if told[0] in KNOWN_ENDS and told != truth[job]} == {}
    vanished = {job for job, (state, _) in jobs.items() if state == JobState.UNKNOWN}
    assert all(truth[job][1] <= latest for job in vanished)


def _check_once(path):
    for table in ("job_gpus", "job_steps", "node_states"):
        doubled = f"SELECT * FROM {table} GROUP BY ALL HAVING count(*) > 1"
        assert _asked(path, doubled) == []
    again = (
        "SELECT node FROM (SELECT *, lag((flags, reason)) OVER (PARTITION BY node ORDER BY changed_at) AS before "
        "FROM node_states) WHERE before = (flags, reason)"
    )
    assert _asked(path, again) == [], "a change that is none"


def _catch_up(path, start):
    loop, clock, history = loop_on(path, start)
    for _ in range(15):
        loop.tick()
        assert loop.state.error == ""
        clock.sleep(TICK.total_seconds())
    until = loop.state.accounted_until
    history.close()
    return until, clock.now() - TICK


@pytest.mark.integration
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_kill_9_at_random_moments_loses_no_job_and_invents_no_end(tmp_path, seed):
    chance, path, now = random.Random(seed), tmp_path / "watchdog.duckdb", NOON
    for kill in range(KILLS_A_ROUND):
        noted_at = _kill_at_random(path, tmp_path / f"noted-{kill}", now, chance)
        if noted_at:
            # A tick may be committed and not yet noted.
            _check_kept(path, noted_at, noted_at + TICK)
            # The watchdog stays down for a while: jobs come and go meanwhile.
            now = noted_at + TICK * chance.randint(2, 30)
        _check_once(path)
    until, last = _catch_up(path, now)
    jobs = _jobs(path)
    over = {str(1000 + life.number): (str(life.end), life.ended_at) for life in lives(last) if life.ended_at < until}
    assert len(over) > 100
    assert {job: jobs.get(job) for job, told in over.items() if jobs.get(job) != told} == {}
    _check_once(path)
    latest = dict(_asked(path, "SELECT node, arg_max(reason, changed_at) FROM node_states GROUP BY node"))
    assert latest == {name: node_at(number, last).reason for number, name in enumerate(NODES)}
