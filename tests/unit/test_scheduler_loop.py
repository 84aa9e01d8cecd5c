"""The loop that reads Slurm, with a scheduler of our own and a real store."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.conftest import NOON
from tests.unit.slurm_snapshots import job, node, snapshot
from watchdog.base.clock import FakeClock
from watchdog.base.config import Config
from watchdog.base.errors import SourceUnavailableError
from watchdog.model.scheduler import Finished
from watchdog.model.slurm.records import JobState, Step
from watchdog.model.telemetry import SourceStatus, Window
from watchdog.scheduler_loop import SchedulerLoop
from watchdog.services.history import History
from watchdog.services.jobs import Known, job_detail
from watchdog.services.timeline import timeline
from watchdog.store.jobs import JobStore
from watchdog.store.node_states import NodeStateStore

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


class FakeScheduler:
    """Shows `jobs`; accounting knows `ended`, unless there is none (None)."""

    def __init__(self, clock):
        self.clock = clock
        self.jobs, self.nodes, self.ended, self.steps, self.problems = [], [node()], [], [], ()
        self.down = False
        self.asked = []

    def snapshot(self):
        if self.down:
            raise SourceUnavailableError("slurmctld does not answer", hint="Is it running?")
        taken = snapshot(*self.jobs, nodes=self.nodes, problems=self.problems)
        return replace(taken, taken_at=self.clock.now())

    def finished(self, window):
        self.asked.append(window)
        if self.ended is None:
            return Finished(problems=("finished jobs are not known: Slurm accounting storage is disabled",))
        jobs = [j for j in self.ended if window.since <= j.ended_at < window.until]
        return Finished(tuple(jobs), tuple(self.steps))

    def status(self):
        now = self.clock.now()
        error = "slurmctld does not answer" if self.down else ""
        return SourceStatus("Slurm", now, None if self.down else now, 0.1, len(self.jobs), now, error)


@pytest.fixture
def clock():
    return FakeClock(NOON)


@pytest.fixture
def slurm(clock):
    return FakeScheduler(clock)


@pytest.fixture
def history(tmp_path, clock):
    kept = History(tmp_path / "watchdog.duckdb", clock)
    yield kept
    kept.close()


def loop_of(slurm, history, clock, **more):
    return SchedulerLoop(Config(), slurm, history, clock, **more)


def ticks(loop, clock, count=1, every=30):
    for _ in range(count):
        loop.tick()
        clock.sleep(every)


def states(history):
    frame = JobStore(history.store()).jobs(Window(NOON - 24 * HOUR, NOON + 24 * HOUR))
    return dict(zip(frame["job_id"], frame["state"], strict=True))


def test_the_newest_snapshot_is_in_memory_and_its_jobs_in_the_store(slurm, history, clock):
    slurm.jobs = [job("1"), job("2", JobState.PENDING, reason="Resources")]
    loop = loop_of(slurm, history, clock)
    ticks(loop, clock)
    assert loop.view.taken_at == NOON
    assert list(loop.view.job_gpus["gpu_index"]) == [0, 1]
    assert states(history) == {"1": "RUNNING", "2": "PENDING"}
    assert loop.state.error == ""
    assert [status.name for status in history.store().scrapes()] == ["Slurm"]


def test_a_job_that_ends_out_of_sight_gets_its_end_from_accounting(slurm, history, clock):
    slurm.jobs = [job("1")]
    loop = loop_of(slurm, history, clock)
    ticks(loop, clock, 2)
    slurm.jobs = []
    ticks(loop, clock)
    assert states(history) == {"1": "UNKNOWN"}
    slurm.ended = [job("1", JobState.FAILED, exit_code=2, ended_at=NOON + MINUTE)]
    slurm.steps = [Step("1", "0", "python", JobState.FAILED, 2, 0, NOON, NOON + MINUTE)]
    ticks(loop, clock, 12)
    assert states(history) == {"1": "FAILED"}
    assert len(JobStore(history.store()).steps("1")) == 1


def test_without_accounting_a_vanished_job_stays_unknown(slurm, history, clock):
    slurm.ended = None
    slurm.jobs = [job("1")]
    loop = loop_of(slurm, history, clock)
    ticks(loop, clock)
    slurm.jobs = []
    ticks(loop, clock, 20)
    assert states(history) == {"1": "UNKNOWN"}
    assert loop.state.accounted_until is None


def test_accounting_is_asked_at_most_every_five_minutes_once_it_is_known(slurm, history, clock):
    loop = loop_of(slurm, history, clock)
    ticks(loop, clock)
    first = len(slurm.asked)
    ticks(loop, clock, 40)
    assert 0 < len(slurm.asked) - first <= 4


def test_what_ended_while_the_watchdog_was_down_is_filled_in(slurm, history, clock):
    ticks(loop_of(slurm, history, clock), clock)
    slurm.ended = [job("9", JobState.COMPLETED, exit_code=0, started_at=NOON, ended_at=NOON + 30 * HOUR)]
    clock.sleep(50 * 3600)
    loop = loop_of(slurm, history, clock)
    ticks(loop, clock)
    assert JobStore(history.store()).job("9")["state"].iloc[0] == "COMPLETED"
    assert loop.state.accounted_until == NOON + timedelta(seconds=30) + 50 * HOUR
    assert max(window.length for window in slurm.asked) <= timedelta(days=1, minutes=2)


def test_when_slurm_does_not_answer_the_last_view_stays_with_its_age(slurm, history, clock):
    slurm.jobs = [job("1")]
    loop = loop_of(slurm, history, clock)
    ticks(loop, clock)
    slurm.down = True
    ticks(loop, clock, 40)
    assert loop.view.taken_at == NOON
    assert "does not answer" in loop.state.error
    assert loop.state.hint
    assert states(history) == {"1": "RUNNING"}
    slurm.down = False
    ticks(loop, clock)
    assert loop.state.error == ""
    assert states(history) == {"1": "RUNNING"}


def test_a_store_that_refuses_does_not_hide_the_queue(slurm, history, clock, tmp_path):
    (tmp_path / "watchdog.duckdb").mkdir()
    slurm.jobs = [job("1")]
    loop = loop_of(slurm, history, clock)
    ticks(loop, clock, 2)
    assert len(loop.view.jobs) == 1
    assert loop.state.error


def test_nodes_are_kept_when_they_change(slurm, history, clock):
    loop = loop_of(slurm, history, clock)
    ticks(loop, clock, 2)
    slurm.nodes = [node(flags=frozenset({"DRAIN"}), reason="fan", reason_by="root", reason_at=NOON + MINUTE)]
    ticks(loop, clock, 3)
    frame = NodeStateStore(history.store()).states(Window(NOON, NOON + HOUR))
    assert list(frame["reason"]) == ["", "fan"]


def test_a_slurm_that_nobody_asked_for_and_that_never_answered_is_not_spoken_of(slurm, history, clock):
    slurm.down = True
    loop = loop_of(slurm, history, clock, sure=False)
    ticks(loop, clock, 2)
    assert not loop.there
    assert history.store().scrapes() == ()
    slurm.down = False
    ticks(loop, clock)
    assert loop.there


def test_a_job_is_found_live_and_when_it_is_over(slurm, history, clock):
    from tests.fakes import FakeCluster
    from tests.unit.slurm_rows import inventory

    places = inventory(*({"node": "gn001", "gpu_uuid": f"GPU-0000000{i}-0000", "gpu_index": i} for i in range(2)))
    slurm.jobs = [job("1")]
    loop = loop_of(slurm, history, clock)
    ticks(loop, clock)

    def look(job_id="1"):
        return job_detail(job_id, Known(loop.view, history), FakeCluster(), places, {"": 3.0}, clock.now())

    assert look().job["state"] == "RUNNING"
    assert list(look().gpus["gpu_uuid"]) == list(places["gpu_uuid"])
    slurm.jobs, slurm.ended = (
        [],
        [job("1", JobState.COMPLETED, exit_code=0, started_at=NOON - MINUTE, ended_at=NOON + MINUTE)],
    )
    ticks(loop, clock, 12)
    assert look().job["state"] == "COMPLETED"
    assert look().efficiency.held_hours == pytest.approx(2 * 2 / 60)
    assert look().efficiency.cost_usd == pytest.approx(0.2)
    assert look("2") is None
    assert len(timeline(Known(loop.view, history), loop.view.nodes, Window(NOON - HOUR, NOON + HOUR)).bars) == 2
