"""A Slurm whose past is a formula, and a loop that keeps its history until it is killed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tests.conftest import NOON
from watchdog.base.clock import Clock, FakeClock
from watchdog.base.config import Config
from watchdog.model.scheduler import Finished
from watchdog.model.slurm.records import GpuHold, Job, JobState, Node, Snapshot, Step
from watchdog.model.telemetry import SourceStatus, Window
from watchdog.scheduler_loop import SchedulerLoop
from watchdog.services.history import History

TICK = timedelta(seconds=Config().slurm_interval_seconds)
EVERY = timedelta(seconds=5)
# slurmctld forgets a finished job after this long (MinJobAge): many end out of sight.
FORGOTTEN_AFTER = timedelta(seconds=15)
ENDS = (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED, JobState.TIMEOUT, JobState.OUT_OF_MEMORY)
NODES = ("gn001", "gn002", "gn003")


def second(count: float) -> timedelta:
    return timedelta(seconds=count)


@dataclass(frozen=True)
class Life:
    """The true life of the job of a number."""

    number: int

    @property
    def submitted_at(self) -> datetime:
        return NOON + self.number * EVERY

    @property
    def started_at(self) -> datetime:
        return self.submitted_at + second(self.number % 4 * 15)

    @property
    def ended_at(self) -> datetime:
        return self.started_at + second(10 + self.number % 7 * 37)

    @property
    def end(self) -> JobState:
        return ENDS[self.number % len(ENDS)]

    def at(self, now: datetime) -> Job:
        """The job as Slurm would show it then."""
        waits, over = now < self.started_at, now >= self.ended_at
        node = NODES[self.number % len(NODES)]
        return Job(
            job_id=str(1000 + self.number), raw_id=1000 + self.number, name="train", user="ada", gpus=2,
            state=JobState.PENDING if waits else self.end if over else JobState.RUNNING,
            nodes=() if waits else (node,), holds=() if waits or over else (GpuHold(node, 2, (0, 1)),),
            submitted_at=self.submitted_at, started_at=None if waits else self.started_at,
            ended_at=self.ended_at if over else None, exit_code=self.number % 4 if over else None,
        )  # fmt: skip


def lives(now: datetime) -> list[Life]:
    """All jobs that were ever submitted until then."""
    return [Life(number) for number in range((now - NOON) // EVERY + 1)]


def node_at(number: int, now: datetime) -> Node:
    """Drained and resumed in turn, each node at a pace of its own."""
    turn = (now - NOON) // timedelta(minutes=5 + number)
    drained = turn % 2 == 1
    return Node(
        NODES[number], "IDLE", flags=frozenset({"DRAIN"}) if drained else frozenset(),
        reason=f"fan {turn}" if drained else "", reason_by="root" if drained else "",
        reason_at=NOON + turn * timedelta(minutes=5 + number) if drained else None,
    )  # fmt: skip


class FormulaSlurm:
    """Shows and accounts for `lives`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def snapshot(self) -> Snapshot:
        now = self._clock.now()
        jobs = [life.at(now) for life in lives(now) if life.ended_at > now - FORGOTTEN_AFTER]
        return Snapshot(now, tuple(jobs), tuple(node_at(number, now) for number in range(len(NODES))))

    def finished(self, window: Window) -> Finished:
        now = self._clock.now()
        ended = [life.at(now) for life in lives(now) if window.since <= life.ended_at < min(window.until, now)]
        steps = [Step(job.job_id, "batch", "batch", job.state, 0, 0, job.started_at, job.ended_at) for job in ended]
        return Finished(tuple(ended), tuple(steps))

    def status(self) -> SourceStatus:
        return SourceStatus("Slurm", self._clock.now(), self._clock.now())


def loop_on(path: Path, start: datetime) -> tuple[SchedulerLoop, FakeClock, History]:
    """A loop over such a Slurm, its clock, and its history in a real store."""
    clock = FakeClock(start)
    history = History(path, clock)
    return SchedulerLoop(Config(), FormulaSlurm(clock), history, clock), clock, history


def keep_until_killed(path: Path, noted: Path, start: datetime) -> None:
    """Tick on and on; note each instant once its tick has returned."""
    note = os.open(noted, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    loop, clock, _ = loop_on(path, start)
    while True:
        loop.tick()
        assert not loop.state.error
        os.write(note, f"{clock.now().isoformat()}\n".encode())
        clock.sleep(TICK.total_seconds())
