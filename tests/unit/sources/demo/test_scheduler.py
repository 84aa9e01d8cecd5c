"""The small Slurm never gives a GPU twice and lets nothing starve."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchdog.sources.demo.arrivals import Arrivals
from watchdog.sources.demo.hardware import Fleet
from watchdog.sources.demo.jobs import JobState, Profile, Request
from watchdog.sources.demo.scheduler import Scheduler
from watchdog.sources.demo.timeline import Timeline

HOUR = 3600.0


@pytest.fixture
def scheduler():
    return Scheduler(Fleet(2, 4, seed=1), Timeline())


def request(gpus=1, hours=1.0, **more):
    return Request("u", "a", "h100", "job", gpus, hours * HOUR, hours * HOUR, profile=Profile(), **more)


def free(scheduler):
    return len(scheduler.free_gpus())


def test_jobs_run_for_their_time_and_end_as_fated(scheduler):
    scheduler.submit([request(hours=1, outcome=JobState.FAILED)], 0.0)
    assert free(scheduler) == 7
    scheduler.timeline.run_until(HOUR)
    assert free(scheduler) == 8
    assert [job.state for job in scheduler.finished] == [JobState.FAILED]


def test_whole_nodes_are_kept_whole(scheduler):
    scheduler.submit([request(3)], 0.0)
    scheduler.submit([request(1)], 0.0)
    scheduler.submit([request(4)], 0.0)
    assert not scheduler.pending


def test_a_small_job_may_pass_one_that_does_not_fit(scheduler):
    scheduler.submit([request(1)], 0.0)
    scheduler.submit([request(8)], 1.0)
    scheduler.submit([request(1)], 2.0)
    assert [job.request.gpus for job in scheduler.pending] == [8]


def test_who_waited_long_gets_nodes_reserved_so_that_it_starts_at_last(scheduler):
    scheduler.submit([request(1, hours=4)], 0.0)
    scheduler.submit([request(8, hours=1)], 1.0)
    scheduler.timeline.run_until(3 * HOUR)
    scheduler.submit([request(1, hours=9)], 3 * HOUR)
    assert len(scheduler.pending) == 2, "a long job would delay the reserved start"
    scheduler.submit([request(1, hours=0.5)], 3 * HOUR)
    assert len(scheduler.pending) == 2, "a short one fits the gap"
    scheduler.timeline.run_until(4 * HOUR)
    assert max(len(job.gpus) for job in scheduler.running.values()) == 8


def test_a_drained_node_finishes_its_jobs_and_takes_none(scheduler):
    scheduler.submit([request(1)], 0.0)
    node = next(iter(scheduler.running.values())).gpus[0] // 4
    scheduler.drain(node, "test", 1.0)
    scheduler.submit([request(4), request(4)], 2.0)
    assert len(scheduler.pending) == 1
    scheduler.timeline.run_until(HOUR)
    scheduler.resume(node, HOUR)
    assert not scheduler.pending


def test_a_failed_node_takes_its_jobs_along(scheduler):
    scheduler.submit([request(8)], 0.0)
    scheduler.fail(0, "Not responding", 5.0)
    assert [job.state for job in scheduler.finished] == [JobState.NODE_FAIL]
    assert free(scheduler) == 4


def test_tasks_of_an_array_share_the_first_ones_id(scheduler):
    scheduler.submit([request(), request(), request()], 0.0)
    jobs = list(scheduler.running.values())
    assert {job.array_id for job in jobs} == {jobs[0].job_id}
    assert len({job.job_id for job in jobs}) == 3


@given(seed=st.integers(0, 10_000), nodes=st.integers(1, 6), gpus=st.integers(1, 8))
@settings(max_examples=15, deadline=None)
def test_no_gpu_is_given_twice_and_the_cluster_stays_full(seed, nodes, gpus):
    scheduler = Scheduler(Fleet(nodes, gpus, seed), Timeline())
    Arrivals(scheduler, seed).begin(0.0)
    held = []
    for hour in range(1, 48):
        scheduler.timeline.run_until(hour * HOUR)
        places = [gpu for job in scheduler.running.values() for gpu in job.gpus]
        assert len(places) == len(set(places)) == int((scheduler.holder > 0).sum())
        held.append(len(places) / scheduler.fleet.count)
    assert np.mean(held) > 0.6
