"""Which of the jobs that accounting tells ended in a window: it tells every job that was there."""

from __future__ import annotations

from collections.abc import Iterable

from watchdog.model.scheduler import Finished
from watchdog.model.slurm.records import Job, Step
from watchdog.model.telemetry import Window


def ended_in(window: Window, jobs: Iterable[Job], steps: Iterable[Step], problems: tuple[str, ...]) -> Finished:
    """The jobs that ended in the window, requeued attempts included, and all steps of these jobs."""
    over = tuple(job for job in jobs if job.ended_at is not None and window.since <= job.ended_at < window.until)
    names = {job.job_id for job in over}
    return Finished(over, tuple(step for step in steps if step.job_id in names), problems)
