"""The loop that reads Slurm: keeps the newest snapshot in memory and its changes in the store."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from watchdog.base.beat import beats
from watchdog.base.clock import Clock
from watchdog.base.config import Config
from watchdog.base.errors import SourceError, WatchdogError
from watchdog.model.scheduler import Finished, Scheduler
from watchdog.model.slurm.records import Snapshot
from watchdog.model.telemetry import SourceStatus, Window
from watchdog.services.history import History
from watchdog.services.slurm_view import SlurmView
from watchdog.sources.slurm_frames import job_gpus_frame, jobs_frame, nodes_frame, partitions_frame, steps_frame
from watchdog.store.jobs import JobStore
from watchdog.store.node_states import NodeStateStore

_log = logging.getLogger(__name__)
_HOUR = timedelta(hours=1)
# Accounting is asked for a day at a time, so that the answer about a long downtime stays small.
_LONGEST_QUESTION = timedelta(days=1)
# sacct is behind squeue by up to a second, and steps come last; a job is asked for again for this long.
_OVERLAP = timedelta(minutes=2)
# Jobs shorter than the interval are seen by accounting alone.
_ACCOUNTING_EVERY = timedelta(minutes=5)
# Accounting may be behind; a job that vanished is asked about for this long.
_UNEXPLAINED_FOR = timedelta(hours=1)


@dataclass(frozen=True)
class SchedulerState:
    """How the loop is doing.

    Attributes:
        accounted_until: accounting was read up to here; None before the first time or where there is none.
        error, hint: of the last tick; empty when all went well.
    """

    alive: bool = False
    started_at: datetime | None = None
    ticks: int = 0
    last_tick_at: datetime | None = None
    last_tick_seconds: float | None = None
    accounted_until: datetime | None = None
    error: str = ""
    hint: str = ""


class SchedulerLoop:
    """Reads `scheduler` every `slurm_interval_seconds`; what goes wrong is in `state`, never raised."""

    def __init__(
        self, config: Config, scheduler: Scheduler, history: History, clock: Clock, *, sure: bool = True
    ) -> None:
        """Prepare; nothing is read yet. Unless `sure`, nothing is said of a Slurm that has never answered."""
        self._sure = sure
        self._config = config
        self._scheduler = scheduler
        self._history = history
        self._clock = clock
        self._accounted: datetime | None = None
        self._asked: datetime | None = None
        self._tidied: datetime | None = None
        self.view = SlurmView()
        self.state = SchedulerState()

    @property
    def there(self) -> bool:
        """Whether there is a Slurm: it was asked for, or it has answered."""
        return self._sure or self.view.taken_at is not None

    def status(self) -> SourceStatus:
        """The last read of Slurm."""
        return self._scheduler.status()

    def run(self, stop: threading.Event) -> None:
        """Tick until `stop` is set; a tick that takes long skips the ones it missed."""
        self.state = replace(self.state, alive=True, started_at=self._clock.now())
        try:
            for _ in beats(self._clock, self._config.slurm_interval_seconds, stop):
                self.tick()
        finally:
            self.state = replace(self.state, alive=False)

    def tick(self) -> None:
        """Read Slurm once, keep what changed, and ask accounting for what ended out of sight."""
        started, now = self._clock.monotonic(), self._clock.now()
        trouble = self._look()
        if trouble is None:
            trouble = self._account(now)
        if self.there:
            self._history.attempt(lambda store: store.record_scrapes([self._scheduler.status()]))
        self._tidy(now)
        self._report(started, now, trouble or self._history.error)

    def _look(self) -> SourceError | None:
        try:
            snapshot = self._scheduler.snapshot()
        except SourceError as error:
            # What was seen last stays on view, with its age: it is not made younger or emptied.
            return error
        self.view = _view(snapshot)
        self._keep(self.view)
        return None

    def _keep(self, view: SlurmView) -> None:
        at, whole = view.taken_at, not view.problems
        if at is None:
            return
        self._history.attempt(lambda store: JobStore(store).take(view.jobs, view.job_gpus, at, whole=whole))
        self._history.attempt(lambda store: NodeStateStore(store).take(view.nodes, at, whole=whole))

    def _account(self, now: datetime) -> SourceError | None:
        """Ask for finished jobs now and then; while behind, day by day for at most about half an interval."""
        deadline = self._clock.monotonic() + self._config.slurm_interval_seconds / 2
        if self._asked is not None and now - self._asked < _ACCOUNTING_EVERY:
            return None
        try:
            known = self._ask(now)
            while known and self._behind(now) and self._clock.monotonic() < deadline:
                known = self._ask(now)
        except SourceError as error:
            return error
        if known and self._behind(now):
            self._asked = None  # go on at the next tick
        return None

    def _behind(self, now: datetime) -> bool:
        return now - self._accounted_until(now) > _ACCOUNTING_EVERY

    def _ask(self, now: datetime) -> bool:
        """Ask for the oldest day that is not known; False where accounting has nothing to say."""
        self._asked = now
        since = self._accounted_until(now)
        unexplained = self._history.attempt(lambda store: JobStore(store).unexplained_since(now - _UNEXPLAINED_FOR))
        since = min(since, unexplained or since) - _OVERLAP
        window = Window(since, min(now, since + _LONGEST_QUESTION + _OVERLAP))
        return self._take(self._scheduler.finished(window), window, now)

    def _take(self, answer: Finished, window: Window, now: datetime) -> bool:
        if answer.problems and not answer.jobs:
            return False  # no accounting: jobs that vanished stay unknown
        jobs, gpus, steps = jobs_frame(answer.jobs), job_gpus_frame(answer.jobs), steps_frame(answer.steps)
        done = self._history.done(lambda store: JobStore(store).finish(jobs, gpus, steps, window, now=now))
        if done:
            self._accounted = window.until
        return done

    def _accounted_until(self, now: datetime) -> datetime:
        """Until when accounting is known; it is not asked about more than `backfill_hours`."""
        if self._accounted is None:
            self._accounted = self._history.attempt(lambda store: JobStore(store).accounted_until())
        oldest = now - timedelta(hours=self._config.backfill_hours)
        return min(max(oldest, self._accounted or oldest), now)

    def _tidy(self, now: datetime) -> None:
        if self._tidied is not None and timedelta() <= now - self._tidied < _HOUR:
            return
        before = now - timedelta(days=self._config.hours_retention_days)
        jobs_done = self._history.done(lambda store: JobStore(store).expire(before))
        if jobs_done and self._history.done(lambda store: NodeStateStore(store).expire(before)):
            self._tidied = now

    def _report(self, started: float, now: datetime, trouble: WatchdogError | None) -> None:
        if trouble is not None and str(trouble) != self.state.error and self.there:
            _log.error("Slurm: %s. %s", trouble, trouble.hint)
        self.state = replace(
            self.state,
            ticks=self.state.ticks + 1,
            last_tick_at=now,
            last_tick_seconds=self._clock.monotonic() - started,
            accounted_until=self._accounted,
            error=str(trouble or ""),
            hint=trouble.hint if trouble else "",
        )


def _view(snapshot: Snapshot) -> SlurmView:
    return SlurmView(
        jobs=jobs_frame(snapshot.jobs),
        job_gpus=job_gpus_frame(snapshot.jobs),
        nodes=nodes_frame(snapshot.nodes),
        partitions=partitions_frame(snapshot.partitions),
        taken_at=snapshot.taken_at,
        problems=snapshot.problems,
    )
