"""One story: the same seed tells it again, however it is asked for."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.sources.demo.support import START, STEP, ZERO, by_gpu, cluster
from watchdog.base.errors import ConfigError
from watchdog.sources.demo.cluster import DemoCluster
from watchdog.sources.demo.config import DemoConfig
from watchdog.sources.demo.jobs import JobState
from watchdog.sources.demo.users import HOSTILE_NAME

UTIL = "DCGM_FI_DEV_GPU_UTIL"


def told(demo, now):
    return [demo.page(node, now) for node in demo.node_names], demo.slurm_page(now), demo.faults()


def default(**settings):
    return DemoCluster(DemoConfig(**settings), START)


@pytest.fixture(scope="module")
def now():
    demo = default()
    demo.advance(START)
    return demo


@given(hops=st.lists(st.floats(0, 1800), max_size=6), seed=st.integers(0, 3), speed=st.sampled_from([1.0, 7.5]))
@settings(max_examples=6, deadline=None)
def test_the_same_seed_tells_the_same_whatever_was_asked_between(hops, seed, speed):
    end = START + timedelta(minutes=40)
    hopping, direct = (default(nodes=2, gpus=4, seed=seed, speed=speed) for _ in range(2))
    for seconds in hops:
        hopping.advance(START + timedelta(seconds=seconds))
        hopping.jobs(START)
    assert told(hopping, end) == told(direct, end)


def test_another_seed_tells_another_story():
    assert told(default(seed=1), START) != told(default(seed=2), START)


def test_nothing_moves_between_two_instants_of_the_grid(now):
    demo = default()
    first = demo.page("gpu01", ZERO)
    assert demo.page("gpu01", ZERO + timedelta(seconds=14.9)) == first
    assert demo.page("gpu01", ZERO + STEP) != first
    assert demo.page("gpu01", ZERO) == demo.page("gpu01", ZERO + STEP), "time never runs back"


@pytest.mark.parametrize("seed", range(8))
def test_the_first_screen_shows_trouble_in_a_mostly_busy_cluster(seed):
    demo = default(seed=seed)
    demo.advance(START)
    active = {fault.kind: fault for fault in demo.faults() if fault.until > START}
    assert {"never_used", "thermal_throttle", "gpu_lost", "hung"} <= set(active)
    assert timedelta(hours=2.5) < START - active["never_used"].since <= timedelta(hours=3, minutes=1)
    assert START - active["gpu_lost"].since <= timedelta(minutes=41)
    lost_on = next(n for n in demo.nodes(START) if n.name == active["gpu_lost"].node)
    assert lost_on.state in {"draining", "drained"}
    held = sum(node.gpus_held for node in demo.nodes(START) if node is not lost_on)
    assert held >= 18, "of the 24 GPUs of the other nodes"
    hit = {place for fault in active.values() for place in fault.gpus}
    assert len(hit) <= 16, "mostly healthy"


def test_a_job_with_a_hostile_name_runs_and_stays_data(now):
    (job,) = [j for j in now.jobs(START) if j.name == HOSTILE_NAME and j.state is JobState.RUNNING]
    assert job.gpus == 1
    page = now.slurm_page(START).decode()
    assert page.count("\n") == sum(line.startswith(("#", "slurm_")) for line in page.splitlines())


def test_past_faults_are_part_of_the_truth_and_new_ones_come_and_go(now):
    kinds = {fault.kind for fault in now.faults() if fault.until <= START}
    assert {"job_stall", "exporter_dead", "node_down", "xid_31"} <= kinds
    demo = default()
    demo.advance(START + timedelta(hours=8))
    new = [fault for fault in demo.faults() if fault.since > START]
    assert 3 <= len(new) <= 20


def test_speed_lets_jobs_live_faster_but_keeps_wall_time():
    slow, fast = default(), default(speed=60)
    assert told(slow, START)[:2] == told(fast, START)[:2], "the past is the same"
    later = START + timedelta(minutes=10)
    started = [len([j for j in demo.jobs(later) if j.submitted_at > START]) for demo in (slow, fast)]
    assert started[1] > 5 * max(started[0], 1)
    assert all(START - timedelta(hours=24) < j.submitted_at <= later for j in fast.jobs(later))


def test_a_larger_cluster_and_a_single_gpu_work_too():
    for settings_ in ({"nodes": 1, "gpus": 1}, {"nodes": 12, "gpus": 8}, {"nodes": 1, "gpus": 20}):
        demo = default(**settings_)
        pages = [by_gpu(demo.page(node, START)) for node in demo.node_names]
        assert sum(len([g for g in page if g >= 0]) for page in pages) == settings_["nodes"] * settings_["gpus"]


def test_settings_that_make_no_cluster_are_refused():
    for wrong in ({"nodes": 0}, {"gpus": 0}, {"speed": 0.0}, {"step_seconds": 0}):
        with pytest.raises(ConfigError):
            DemoConfig(**wrong)


def test_a_healthy_cluster_exports_what_every_gpu_has():
    demo = cluster()
    for node in demo.node_names:
        page = by_gpu(demo.page(node, START))
        assert {len(values) for gpu, values in page.items() if gpu >= 0} == {len(page[0])}
        assert page[0][UTIL] >= 0
