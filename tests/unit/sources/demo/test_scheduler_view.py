"""The demo cluster's Slurm answers like a real one."""

from datetime import timedelta

import pytest

from tests.conftest import NOON
from watchdog.base.clock import FakeClock
from watchdog.model.slurm.records import ENDED, JobState
from watchdog.model.telemetry import Window
from watchdog.sources.demo.cluster import DemoCluster
from watchdog.sources.demo.config import DemoConfig
from watchdog.sources.demo.scheduler_view import DemoScheduler
from watchdog.sources.slurm_frames import job_gpus_frame, jobs_frame, nodes_frame, partitions_frame


@pytest.fixture(scope="module")
def demo():
    return DemoScheduler(DemoCluster(DemoConfig(), start=NOON), FakeClock(NOON))


def test_a_snapshot_fits_the_frames_and_each_gpu_has_one_holder(demo):
    seen = demo.snapshot()
    jobs_frame(seen.jobs)
    nodes_frame(seen.nodes)
    partitions_frame(seen.partitions)
    gpus = job_gpus_frame([job for job in seen.jobs if job.state is JobState.RUNNING])
    assert not gpus.duplicated(["node", "gpu_index"]).any()
    assert len(gpus) == sum(node.gpus_allocated for node in seen.nodes)


def test_a_drained_node_takes_no_work_and_says_why(demo):
    out = [node for node in demo.snapshot().nodes if not node.takes_work]
    assert out
    assert all(node.reason and node.reason_by and node.reason_at for node in out)


def test_finished_jobs_have_an_end_in_the_window_and_a_step(demo):
    window = Window(NOON - timedelta(hours=12), NOON)
    answer = demo.finished(window)
    assert answer.jobs
    assert all(window.since <= job.ended_at < window.until for job in answer.jobs)
    assert {job.state for job in answer.jobs} <= ENDED
    assert len(answer.steps) == len(answer.jobs)
