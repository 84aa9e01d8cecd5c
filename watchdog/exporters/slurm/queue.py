"""The queue, read in pieces: a whole queue as text takes several times the memory of its bytes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

from watchdog.exporters.failure import CollectError
from watchdog.exporters.slurm.commands import Slurm
from watchdog.model.slurm import job_details, squeue
from watchdog.model.slurm.problems import Problems
from watchdog.model.slurm.records import ACTIVE, GpuHold, Job, JobState
from watchdog.model.slurm.rows import Marks, marks

_ROWS = 500
# Of `scontrol show job -d` these lines are all that `job_details.holds` looks at.
_LINES = re.compile(rb"^(?:JobId=\d+ | +Nodes=\S+ CPU_IDs=[^\n]* GRES[^\n]*| +MinCPUsNode=)", re.MULTILINE)

# A job keeps its GPUs while it runs; one that was resized has other nodes or counts, one requeued another start.
_Claim = tuple[int, datetime | None, int | None, tuple[str, ...]]


class Queue:
    """Reads the jobs, and which GPUs they hold: the latter only when a job has started that holds some."""

    def __init__(self, slurm: Slurm, new_secret: Callable[[], str]) -> None:
        """Prepare; nothing is run yet.

        Args:
            slurm: Runs the commands.
            new_secret: A random word, anew for each call: no user can forge what ends a field.
        """
        self._slurm = slurm
        self._new_secret = new_secret
        self._held: dict[_Claim, tuple[GpuHold, ...]] = {}

    def read(self, problems: Problems) -> tuple[Job, ...]:
        """Every job that slurmctld still knows.

        Raises:
            CollectError: squeue gave nothing.
        """
        ends = marks(self._new_secret())
        out = self._slurm.ask("jobs", squeue.arguments(ends))
        jobs: list[Job] = []
        forged: set[str] = set()
        for text in _pieces(out, ends):
            jobs.extend(squeue.jobs(text, ends, problems))
            forged |= squeue.texts(text, ends)
        del out
        self._learn(jobs, forged, problems)
        return tuple(self._with_holds(job) for job in jobs)

    def _learn(self, jobs: list[Job], forged: set[str], problems: Problems) -> None:
        """Forget the holds of jobs that are gone; ask for those of new ones, if there are any."""
        claims = {_claim(job): job for job in jobs if job.gpus and job.nodes}
        self._held = {claim: holds for claim, holds in self._held.items() if claim in claims}
        new = {c: job for c, job in claims.items() if job.state in ACTIVE and c not in self._held}
        if not new:
            return
        try:
            found = job_details.holds(_details(self._slurm, forged), problems)
        except CollectError as error:
            problems.add("which GPUs a job holds could not be read", str(error))
            return
        # One that is being configured may have no places yet: it is asked for again.
        settled = {c: found.get(j.raw_id, ()) for c, j in new.items() if j.state is not JobState.CONFIGURING}
        self._held.update(settled)

    def _with_holds(self, job: Job) -> Job:
        holds = self._held.get(_claim(job)) if job.gpus else None
        return replace(job, holds=holds) if holds else job


def _claim(job: Job) -> _Claim:
    return job.raw_id, job.started_at, job.gpus, job.nodes


def _pieces(out: bytes, ends: Marks) -> Iterator[str]:
    """The rows of squeue, some hundreds at a time, as text."""
    mark = ends.row.encode()
    start = at = count = 0
    while (found := out.find(mark, at)) >= 0:
        at, count = found + len(mark), count + 1
        if count == _ROWS:
            yield out[start:at].decode("utf-8", "replace")
            start, count = at, 0
    yield out[start:].decode("utf-8", "replace")


def _details(slurm: Slurm, forged: set[str]) -> str:
    out = slurm.ask("job_gpus", job_details.ARGUMENTS)
    for words in sorted(forged, key=len, reverse=True):
        raw = words.encode()
        out = out.replace(raw, raw.replace(b"\n", b" "))
    return b"\n".join(_LINES.findall(out)).decode("utf-8", "replace")
