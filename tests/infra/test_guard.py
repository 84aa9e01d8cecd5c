"""The idle guard: warns first, acts only for who opted in, and never on what is not known."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.guard import Action, Effect, Phase, Policy, Watch, step
from infra.idleness import Work, idleness
from infra.wire import Gpu, GpuUse, Network, Pod, Runtime
from tests.conftest import NOON
from watchdog.model.scheduler import JOBS, NODES
from watchdog.services.slurm_view import SlurmView

MINUTE = timedelta(minutes=1)
READINGS = st.lists(
    st.tuples(st.integers(-3, 9), st.sampled_from([True, True, True, True, True, False, None]), st.booleans()),
    max_size=80,
)


@given(READINGS, st.sampled_from(list(Action)), st.integers(1, 20), st.integers(0, 15))
@settings(max_examples=300)
def test_it_acts_only_after_a_warning_and_unbroken_known_idling(readings, action, idle_for, notice):
    """Told back from every act: what must have been read before it."""
    policy = Policy(idle_for * MINUTE, notice * MINUTE, action)
    watch, now, past, kept_until = Watch(), NOON, [], None
    for minutes, idle, keep in readings:
        now += minutes * MINUTE
        if keep and len(past) % 7 == 0:
            kept_until = now + 10 * MINUTE
            watch = watch.kept(kept_until)
        watch, effect = step(watch, now, idle, policy)
        past.append((now, idle, effect))
        assert (effect is Effect.ACT) <= (action is not Action.WARN)
        assert effect in (None, Effect.CALL_OFF) or (idle is True and (kept_until is None or now >= kept_until))
        if effect in (Effect.WARN, Effect.ACT):
            needed = policy.idle_for if effect is Effect.WARN else policy.idle_for + policy.notice
            assert _unbroken(past, policy.longest_gap) >= needed
        if effect is Effect.ACT:
            warned = next(at for at, _, was in reversed(past[:-1]) if was is Effect.WARN)
            assert now - warned >= policy.notice


def _unbroken(past, longest_gap) -> timedelta:
    """For how long every reading up to the last said idle, without a gap and with a clock that went forward."""
    since = last = past[-1][0]
    for at, idle, _ in reversed(past):
        if idle is not True or not timedelta() <= last - at <= longest_gap:
            break
        since = last = at
    return past[-1][0] - since


def run(policy, *readings):
    watch, effects = Watch(), []
    for minutes, idle in readings:
        watch, effect = step(watch, NOON + minutes * MINUTE, idle, policy)
        effects.append(effect)
    return watch, effects


TEARDOWN = Policy(10 * MINUTE, 5 * MINUTE, Action.TEARDOWN)


def test_an_idle_cluster_is_warned_of_and_then_torn_down_once():
    watch, effects = run(TEARDOWN, *[(minute, True) for minute in range(20)])

    assert effects.index(Effect.WARN) == 10
    assert effects.index(Effect.ACT) == 15
    assert effects.count(Effect.ACT) == effects.count(Effect.WARN) == 1
    assert watch.phase is Phase.ACTED


@pytest.mark.parametrize("reading", [False, None])
def test_work_or_doubt_calls_a_warning_off(reading):
    watch, effects = run(TEARDOWN, *[(minute, True) for minute in range(12)], (12, reading))

    assert effects[-1] is Effect.CALL_OFF
    assert watch.phase is Phase.WATCHING


def test_a_machine_that_slept_begins_anew():
    _, effects = run(TEARDOWN, *[(minute, True) for minute in range(12)], (200, True), (201, True))

    assert Effect.ACT not in effects
    assert effects[-2] is Effect.CALL_OFF


def test_one_click_keeps_it_and_then_it_must_idle_all_over():
    watch, _ = run(TEARDOWN, *[(minute, True) for minute in range(12)])
    watch = watch.kept(NOON + 100 * MINUTE)
    effects = []
    for minute in range(12, 130):
        watch, effect = step(watch, NOON + minute * MINUTE, True, TEARDOWN)
        effects.append((minute, effect))

    assert [(minute, effect) for minute, effect in effects if effect] == [(110, Effect.WARN), (115, Effect.ACT)]


# What it judges by


def pod(name="lab-head", util=0, ready=True, count=1):
    runtime = Runtime(uptime=900, gpus=[GpuUse(util)] * count) if ready else None
    network = Network(enabled=True, ip="10.65.0.2") if ready else Network()
    return Pod(name, name, "RUNNING", 1.0, NOON, gpu=Gpu("A100", count), runtime=runtime, global_networking=network)


def slurm(*states, nodes=("lab-head",), age=0, problems=()):
    jobs = pd.DataFrame({name: pd.Series([pd.NA] * len(states), dtype="object") for name in JOBS.columns})
    listed = pd.DataFrame({name: pd.Series([pd.NA] * len(nodes), dtype="object") for name in NODES.columns})
    view = SlurmView(
        jobs=jobs.assign(state=list(states)), nodes=listed.assign(node=list(nodes)), taken_at=NOON - age * MINUTE,
        problems=problems,
    )  # fmt: skip
    return Work(view)


def judged(pods, work):
    return idleness(pods, work, 0.05, NOON).idle


def test_idle_is_no_job_and_no_busy_gpu():
    assert judged([pod()], slurm("COMPLETED")) is True
    assert judged([pod()], slurm("RUNNING")) is False
    assert judged([pod()], slurm("PENDING")) is False
    assert judged([pod(util=60)], slurm()) is False


@pytest.mark.parametrize(
    ("pods", "work"),
    [
        ([], slurm()),
        ([pod(ready=False)], slurm()),
        ([pod(util=None)], slurm()),
        ([pod()], Work(None)),
        ([pod()], slurm(age=10)),
        ([pod()], slurm(problems=("half of it",))),
        ([pod()], slurm("UNKNOWN")),
        ([pod()], slurm(nodes=("node001",))),
        ([pod(), pod("lab-worker-0")], slurm()),
    ],
    ids=[
        "no-pod",
        "starting",
        "no-gpu-reading",
        "no-slurm",
        "old-slurm",
        "half-a-slurm",
        "odd-job",
        "other-slurm",
        "unlisted-worker",
    ],
)
def test_what_is_not_known_is_not_idle(pods, work):
    assert judged(pods, work) is None


def test_an_exporter_that_saw_a_busy_gpu_counts_more_than_runpods_glimpse():
    work = Work(slurm().slurm, {"lab-head": (0.9, 1)})

    assert judged([pod(util=0)], work) is False
    assert judged([pod(util=None)], Work(slurm().slurm, {"lab-head": (0.0, 1)})) is True
    assert judged([pod(util=None, count=2)], Work(slurm().slurm, {"lab-head": (0.0, 1)})) is None


def test_the_guard_tears_an_idle_cluster_down_when_its_owner_opted_in(tmp_path):
    from tests.pages.rental_stage import stage_at

    now = SimpleNamespace(view=None)
    config = {"guard_action": "teardown", "guard_idle_minutes": 10.0, "guard_notice_minutes": 5.0}
    with stage_at(tmp_path, work=lambda: Work(now.view), config=config) as stage:
        stage.kit.up(workers=1)
        for _ in range(20):
            names = ("gpuwd-head", "gpuwd-worker-0")
            seen = slurm(nodes=names).slurm
            now.view = SlurmView(seen.jobs, seen.job_gpus, seen.nodes, taken_at=stage.runtime.clock.now())
            stage.look()
            stage.rental.deeds.join(30)
            stage.pass_hours(1 / 60)

        assert stage.kit.billed() == {}
        assert [act for act, _, _ in stage.runtime.told] == ["warn: cluster idle", "idle: teardown"]
        assert "return the whole cluster" in stage.runtime.told[0][2]


def test_without_slurm_the_guard_never_stops_anything(tmp_path):
    from tests.pages.rental_stage import stage_at

    config = {"guard_action": "teardown", "guard_idle_minutes": 1.0, "guard_notice_minutes": 0.0}
    with stage_at(tmp_path, config=config) as stage:
        stage.kit.up(workers=1)
        for _ in range(20):
            stage.look()
            stage.pass_hours(1 / 60)

        assert len(stage.kit.billed()) == 2
        assert stage.runtime.told == []
