"""Slurm through slurmrestd: for a machine that has neither Slurm's commands nor its keys."""

from __future__ import annotations

from watchdog.base.clock import Clock
from watchdog.model.scheduler import Finished
from watchdog.model.slurm import json_accounting, json_jobs, json_nodes
from watchdog.model.slurm.jsonish import whole
from watchdog.model.slurm.problems import Problems
from watchdog.model.slurm.records import Job, Snapshot
from watchdog.model.telemetry import SourceStatus, Window
from watchdog.sources.slurm_rest_api import Api
from watchdog.sources.slurm_status import StatusKeeper
from watchdog.sources.slurm_windows import ended_in

# Since v0.0.39 times are plain seconds; before, text as sacct takes it.
_PLAIN_SECONDS = 39


class SlurmRest:
    """Three requests a snapshot: all jobs, all nodes, all partitions.

    Never a single node: asked for one, slurmctld tells an allocation that may be long over. Where the server says
    when its answer was made, the next one asks only for what changed since, and a 304 keeps the jobs we have.
    """

    def __init__(
        self, clock: Clock, url: str, *, user: str = "", token: str = "", timeout_seconds: float = 30.0
    ) -> None:
        self._clock = clock
        self._api = Api(clock, url, user, token, timeout_seconds)
        self._keeper = StatusKeeper(clock, self._api.name)
        self._jobs: tuple[Job, ...] = ()
        self._job_problems: tuple[str, ...] = ()
        self._jobs_as_of: int | None = None

    def snapshot(self) -> Snapshot:
        """Jobs, nodes and partitions now.

        Raises:
            SourceError: slurmrestd does not answer as it should.
        """
        problems = Problems()
        with self._keeper.reading() as reading:
            taken_at = self._clock.now()
            jobs = self._current_jobs()
            nodes = json_nodes.nodes(self._api.get("slurm/nodes"), problems)
            partitions = json_nodes.partitions(self._api.get("slurm/partitions"), problems)
            reading.records, reading.newest_at = len(jobs) + len(nodes), taken_at
            reading.notes = (*self._job_problems, *problems.words())
        return Snapshot(taken_at, jobs, nodes, partitions, reading.notes)

    def finished(self, window: Window) -> Finished:
        """Jobs that ended in the window, with their steps; where no accounting is served, nothing but a problem.

        Raises:
            SourceError: slurmrestd or slurmdbd does not answer: ask again later.
        """
        problems = Problems()
        with self._keeper.reading() as reading:
            if not self._api.serves("slurmdb/jobs"):
                reading.notes = ("no finished jobs but those the queue still shows: slurmrestd serves no slurmdb",)
                return Finished(problems=reading.notes)
            jobs, steps = json_accounting.records(self._api.get("slurmdb/jobs", self._times(window)), problems)
            reading.records, reading.notes = len(jobs), problems.words()
        return ended_in(window, jobs, steps, reading.notes)

    def status(self) -> SourceStatus:
        """The last read."""
        return self._keeper.status

    def _current_jobs(self) -> tuple[Job, ...]:
        since = self._jobs_as_of
        answer = self._api.get("slurm/jobs", {"update_time": str(since)} if since else None)
        if answer is not None:
            problems = Problems()
            self._jobs = json_jobs.jobs(answer, problems)
            self._job_problems = problems.words()
            self._jobs_as_of = whole(answer.get("last_update"))
        return self._jobs

    def _times(self, window: Window) -> dict[str, str]:
        since, until = int(window.since.timestamp()), int(window.until.timestamp()) + 1
        if self._api.version < _PLAIN_SECONDS:
            return {"start_time": f"uts{since}", "end_time": f"uts{until}"}
        return {"start_time": str(since), "end_time": str(until), "show_duplicates": "true"}
