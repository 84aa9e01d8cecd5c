"""The history of a real Slurm, kept by loops over its commands and over slurmrestd, with a stop in between."""

from __future__ import annotations

import itertools
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from tests.lab.cluster import LabOptions, SlurmLab, missing_programs, running_lab
from watchdog import scheduler_loop
from watchdog.base.clock import SystemClock
from watchdog.base.config import Config
from watchdog.model.slurm.records import ENDED
from watchdog.model.telemetry import Window
from watchdog.scheduler_loop import SchedulerLoop
from watchdog.services.history import History
from watchdog.sources.slurm_cli import SlurmCli
from watchdog.sources.slurm_rest import SlurmRest
from watchdog.store.jobs import JobStore
from watchdog.store.node_states import NodeStateStore

pytestmark = pytest.mark.integration
SOURCES = ("cli", "rest")
PATIENCE_SECONDS = 60.0
OVER = {str(state) for state in ENDED} - {"UNKNOWN"}


def window() -> Window:
    now = datetime.now(UTC)
    return Window(now - timedelta(hours=1), now + timedelta(hours=1))


class Kept:
    """One history, and the loop that keeps it now and then."""

    def __init__(self, path: Path, make) -> None:
        self.path, self._make, self._clock = path, make, SystemClock()
        self.history = History(path, self._clock)

    @contextmanager
    def watching(self):
        """A new loop, as after a start of the program."""
        loop = SchedulerLoop(Config(slurm_interval_seconds=0.5), self._make(self._clock), self.history, self._clock)
        stop = threading.Event()
        thread = threading.Thread(target=loop.run, args=(stop,))
        thread.start()
        try:
            yield loop
        finally:
            stop.set()
            thread.join()
            assert loop.state.error == ""

    def runs(self, job: str) -> pd.DataFrame:
        """Every run of a job, the newest first."""
        return JobStore(self.history.store()).job(job)

    def job(self, job: str) -> pd.Series | None:
        found = self.runs(job)
        return found.iloc[0] if len(found) else None

    def state(self, job: str) -> str:
        return "" if (seen := self.job(job)) is None else seen["state"]

    def node(self, name: str) -> pd.DataFrame:
        """Its changes, the oldest first."""
        frame = NodeStateStore(self.history.store()).states(window())
        return frame[frame["node"] == name].reset_index(drop=True)


@dataclass
class Story:
    """What was done to the lab: jobs by what happens to them, and when the loops were stopped."""

    lab: SlurmLab
    kept: dict[str, Kept]
    jobs: dict[str, str] = field(default_factory=dict)
    stopped: Window | None = None

    def submit(self, name: str, script: str, *options: str) -> None:
        self.jobs[name] = self.lab.submit(script, "-J", name, *options)

    def until(self, holds, *names: str) -> None:
        """Wait until `holds` of both histories."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not all(holds(kept) for kept in self.kept.values()):
            seen = {
                source: {name: kept.state(job) for name, job in self.jobs.items()} for source, kept in self.kept.items()
            }
            assert time.monotonic() < end, f"{names} did not come: {seen}"
            time.sleep(0.1)

    def states(self, **wanted: str) -> None:
        """Wait until jobs are kept in these states."""
        self.until(lambda kept: all(kept.state(self.jobs[name]) == state for name, state in wanted.items()), *wanted)

    def run(self, *argv: str) -> None:
        self.lab.run(*argv, check=True)


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    options = LabOptions(nodes=3, silent_seconds=5, forget_seconds=2)
    if missing := missing_programs(options):
        pytest.skip(f"Slurm is not installed here: {', '.join(missing)} missing (see tests/lab/README.md)")
    folder = tmp_path_factory.mktemp("histories")
    with running_lab(options) as lab, pytest.MonkeyPatch.context() as patch:
        for name in ("SLURM_CONF", "PATH"):
            patch.setenv(name, lab.env[name])
        # Minutes would be long for a test.
        patch.setattr(scheduler_loop, "_ACCOUNTING_EVERY", timedelta(seconds=3))
        makers = {"cli": SlurmCli, "rest": lambda clock: SlurmRest(clock, f"unix://{lab.rest_socket}")}
        kept = {source: Kept(folder / f"{source}.duckdb", make) for source, make in makers.items()}
        told = Story(lab, kept)
        try:
            play(told)
            yield told
        finally:
            for one in kept.values():
                one.history.close()


def play(story: Story) -> None:
    """All that happens, in about half a minute; what takes long begins first."""
    with story.kept["cli"].watching(), story.kept["rest"].watching():
        begin(story)
        while_watched(story)
    # Slurm tells whole seconds.
    time.sleep(1)
    stopped_at = datetime.now(UTC).replace(microsecond=0)
    while_nobody_watches(story)
    story.stopped = Window(stopped_at, datetime.now(UTC))
    with story.kept["cli"].watching(), story.kept["rest"].watching():
        story.states(missed="FAILED", long="CANCELLED", overdue="TIMEOUT")
        story.until(lambda kept: "NOT_RESPONDING" in kept.node("gn003")["flags"].iloc[-1], "gn003 down")
        story.until(lambda kept: kept.node("gn003")["state"].iloc[-1] == "DOWN", "gn003 down")
        story.until(lambda kept: len(JobStore(kept.history.store()).steps(story.jobs["missed"])) == 1, "a step")


def begin(story: Story) -> None:
    """A job over its limit, of which slurmctld takes notice twice a minute only; and a node that falls silent."""
    story.until(lambda kept: len(kept.node("gn003")) == 1, "gn003")
    story.submit("overdue", "sleep 300", "--time=1", "-w", "gn001")
    story.states(overdue="RUNNING")
    end = (datetime.now(UTC) + timedelta(seconds=1)).astimezone().strftime("%Y-%m-%dT%H:%M:%S")
    story.run("scontrol", "update", f"jobid={story.jobs['overdue']}", f"EndTime={end}")
    story.lab.stop_node("gn003", 9)


def while_watched(story: Story) -> None:
    story.submit("long", "sleep 300", "--gres=gpu:2", "-w", "gn001")
    story.submit("ok", "true", "-w", "gn001")
    story.submit("fails", "exit 3", "-w", "gn001")
    story.submit("cancelled", "sleep 300", "-w", "gn001")
    story.submit("again", "sleep 300", "--requeue", "-w", "gn001")
    story.states(ok="COMPLETED", fails="FAILED", cancelled="RUNNING", long="RUNNING", again="RUNNING")
    story.run("scancel", story.jobs["cancelled"])
    story.run("scontrol", "requeue", story.jobs["again"])
    story.run("scontrol", "update", "nodename=gn002", "state=down", "reason=psu | bay 3")
    story.until(lambda kept: kept.node("gn002")["state"].iloc[-1] == "DOWN", "gn002 down")
    story.run("scontrol", "update", "nodename=gn002", "state=resume")
    story.until(lambda kept: kept.node("gn002")["state"].iloc[-1] == "IDLE", "gn002 back")
    story.states(cancelled="CANCELLED")
    story.until(lambda kept: "REQUEUED" in set(kept.runs(story.jobs["again"])["state"]), "the first run of again")


def while_nobody_watches(story: Story) -> None:
    """Jobs end, and slurmctld forgets them: only accounting knows."""
    story.submit("missed", "exit 4", "-w", "gn001")
    story.run("scancel", story.jobs["long"])
    ended = {story.jobs["missed"], story.jobs["long"]}
    end = time.monotonic() + PATIENCE_SECONDS
    while ended & set(story.lab.run("squeue", "-h", "--states=all", "-o", "%i").stdout.split()):
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.fixture(params=SOURCES)
def source(request):
    return request.param


@pytest.fixture
def kept(story, source):
    return story.kept[source]


@pytest.fixture
def job(story, kept):
    return lambda name: kept.job(story.jobs[name])


def test_a_job_that_ends_in_sight_keeps_its_exit_code(job):
    assert (job("ok")["state"], job("ok")["exit_code"]) == ("COMPLETED", 0)
    assert (job("fails")["state"], job("fails")["exit_code"]) == ("FAILED", 3)


@pytest.mark.parametrize(
    ("name", "state"), [("cancelled", "CANCELLED"), ("overdue", "TIMEOUT"), ("long", "CANCELLED"), ("missed", "FAILED")]
)
def test_each_end_is_told_with_its_time(job, name, state):
    seen = job(name)
    assert seen["state"] == state
    assert seen["submitted_at"] <= seen["started_at"] <= seen["ended_at"]
    assert (seen["user"], seen["partition"]) != ("", "")


def test_a_job_that_ended_while_nobody_watched_has_its_end_from_accounting(story, job):
    assert story.stopped.since <= job("long")["ended_at"] < story.stopped.until
    # It was seen to run: what it held is known.
    assert job("long")["first_seen_at"] < story.stopped.since


def test_a_job_that_lived_while_nobody_watched_is_known_from_accounting_alone(story, source, job):
    missed = job("missed")
    assert story.stopped.since <= missed["submitted_at"] <= missed["ended_at"] < story.stopped.until
    # slurmrestd of 22.05 says 0 of every job that failed: the exit code is unknown there.
    version = story.lab.run("scontrol", "--version").stdout
    if source == "cli":
        assert missed["exit_code"] == 4
    elif "22.05" in version:
        assert pd.isna(missed["exit_code"])


def test_gpus_that_a_job_held_stay_known_after_its_end(story, kept):
    held = JobStore(kept.history.store()).gpus_of(story.jobs["long"])
    assert list(zip(held["node"], held["gpu_index"], strict=True)) == [("gn001", 0), ("gn001", 1)]


def test_steps_come_from_accounting(story, kept):
    (step,) = JobStore(kept.history.store()).steps(story.jobs["missed"]).itertuples()
    assert (step.step_id, step.state) == ("batch", "FAILED")


def test_a_requeued_job_is_two_runs_of_one_id(story, kept):
    newest, first = kept.runs(story.jobs["again"]).itertuples()
    assert first.state == "REQUEUED"
    assert first.ended_at <= newest.submitted_at
    assert newest.state in {"PENDING", "RUNNING"}


def test_no_job_is_doubled_and_none_has_an_invented_end(story, kept):
    frame = JobStore(kept.history.store()).jobs(window())
    assert not frame.duplicated(["job_id", "submitted_at"]).any()
    assert set(frame["job_id"]) == set(story.jobs.values())
    assert frame.loc[frame["state"].isin(OVER), "ended_at"].notna().all()
    assert "UNKNOWN" not in set(frame["state"])


def test_both_sources_keep_the_same_history(story):
    columns = [
        "job_id",
        "state",
        "user",
        "account",
        "partition",
        "nodes",
        "gpus",
        "submitted_at",
        "started_at",
        "ended_at",
    ]
    told = [JobStore(kept.history.store()).jobs(window())[columns] for kept in story.kept.values()]
    by_job = ["job_id", "submitted_at"]
    one, other = (frame.sort_values(by_job, ignore_index=True) for frame in told)
    pd.testing.assert_frame_equal(one, other)


def test_a_node_set_down_tells_why_and_by_whom_and_when_it_came_back(story, kept):
    # After "resume" it may be waited for (idle*) for a moment.
    changes = kept.node("gn002")
    assert [state for state, _ in itertools.groupby(changes["state"])] == ["IDLE", "DOWN", "IDLE"]
    (down,) = changes[changes["state"] == "DOWN"].itertuples()
    assert (down.reason, down.reason_by) == ("psu | bay 3", story.lab.run("whoami").stdout.strip())
    assert list(changes["reason"])[-1] == ""


def test_a_node_that_falls_silent_goes_down_by_slurms_own_word(story, kept):
    last = kept.node("gn003").iloc[-1]
    assert (last["state"], last["reason"]) == ("DOWN", "Not responding")
    assert last["reason_by"] == story.lab.users.slurm
