"""The demo cluster's queue, nodes and jobs as a `Scheduler`."""

from __future__ import annotations

from watchdog.base.clock import Clock
from watchdog.model.scheduler import Finished
from watchdog.model.slurm.records import Job, Snapshot, Step
from watchdog.model.telemetry import SourceStatus, Window
from watchdog.sources.demo.cluster import DemoCluster
from watchdog.sources.demo.slurm_records import gpu_types, slurm_job, slurm_snapshot


class DemoScheduler:
    """Answers as Slurm would, from the same story as the demo's exporters."""

    def __init__(self, cluster: DemoCluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock
        self._status = SourceStatus(name="the demo cluster's Slurm")

    def snapshot(self) -> Snapshot:
        """Queue, nodes and partitions now."""
        now = self._clock.now()
        answer = slurm_snapshot(now, self._cluster.jobs(now), self._cluster.nodes(now))
        self._status = SourceStatus(self._status.name, now, now, 0.0, len(answer.jobs), now)
        return answer

    def finished(self, window: Window) -> Finished:
        """Jobs that ended in the window, as far as a day back."""
        now = self._clock.now()
        types = gpu_types(self._cluster.nodes(now))
        ended = [
            job
            for job in self._cluster.jobs(now)
            if job.ended_at is not None and window.since <= job.ended_at < window.until
        ]
        jobs = tuple(slurm_job(job, types) for job in ended)
        return Finished(jobs, tuple(_step(job) for job in jobs))

    def status(self) -> SourceStatus:
        """The last read."""
        return self._status


def _step(job: Job) -> Step:
    return Step(
        job_id=job.job_id,
        step_id="0",
        name="python",
        state=job.state,
        exit_code=job.exit_code,
        signal=job.signal,
        started_at=job.started_at,
        ended_at=job.ended_at,
        nodes=job.nodes,
        max_memory_bytes=None if job.memory_bytes is None else job.memory_bytes * (0.3 + job.raw_id % 7 / 10),
    )
