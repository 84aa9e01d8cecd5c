"""Frames of what is remembered of jobs, beyond what Slurm says now."""

from __future__ import annotations

from watchdog.model.frames import UTC_DTYPE, Column, Frame
from watchdog.model.scheduler import JOBS

# Every job that was ever seen. A job that vanished without accounting is UNKNOWN and has no end.
JOB_HISTORY = Frame(
    name="job_history",
    key=JOBS.key,
    columns={
        **JOBS.columns,
        "first_seen_at": Column(UTC_DTYPE),
        "last_seen_at": Column(
            UTC_DTYPE, doc="The newest snapshot that had it; for a job known only afterwards its end."
        ),
    },
)
