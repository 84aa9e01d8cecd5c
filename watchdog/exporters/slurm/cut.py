"""Which jobs get series of their own when there are too many."""

from __future__ import annotations

import math
from collections.abc import Sequence

from watchdog.model.slurm.records import ACTIVE, ENDED, Job


def chosen(jobs: Sequence[Job], most: int) -> tuple[Job, ...]:
    """At most so many, in their order: first those that hold something, then the next to start, then the last ended."""
    if len(jobs) <= most:
        return tuple(jobs)
    places = sorted(range(len(jobs)), key=lambda place: _rank(jobs[place]))[:most]
    return tuple(jobs[place] for place in sorted(places))


def _rank(job: Job) -> tuple[int, float]:
    if job.state in ACTIVE:
        return 0, 0.0
    if job.state in ENDED:
        return 2, -job.ended_at.timestamp() if job.ended_at else math.inf
    return 1, -(job.priority or 0.0)
