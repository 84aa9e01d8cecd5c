"""Whom a fault hits: running jobs, GPUs and nodes that no other fault has hit yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from watchdog.sources.demo.faults import FaultSpec, Hit, Target
from watchdog.sources.demo.jobs import Job, JobState, Request, Work
from watchdog.sources.demo.scheduler import Scheduler
from watchdog.sources.demo.users import HOSTILE_USER


@dataclass(frozen=True)
class Aim:
    """What was found to hit."""

    gpus: tuple[int, ...]
    job: Job | None = None


class Targets:
    """Chooses victims; the same generator state and cluster give the same choice."""

    def __init__(self, scheduler: Scheduler, rng: np.random.Generator) -> None:
        self._scheduler, self._fleet, self._rng = scheduler, scheduler.fleet, rng
        self._gpus: set[int] = set()
        self._job_ids: set[int] = set()

    def find(self, spec: FaultSpec, node: int | None, span: tuple[float, float], active: Sequence[Hit]) -> Aim | None:
        """Someone for this fault, on `node` if it can be; `span` is the fault's begin and end. None: nobody fits."""
        self._gpus = {gpu for hit in active for gpu in hit.gpus}
        self._job_ids = {int(self._scheduler.holder[g]) for g in self._gpus} | {hit.job or 0 for hit in active}
        since, until = span
        if spec.target is Target.NODE:
            return self._some_node(node)
        if spec.target is Target.FREE_GPU:
            gpu = self._make_room(node, since)
            return None if gpu is None else Aim((gpu,))
        if spec.target is Target.NEW_JOB:
            return self._unused_job(node, since, until - since)
        return self._some_job(spec, node, since)

    def _works(self, node: int) -> bool:
        flags = self._scheduler.nodes[node]
        return not (flags.drain or flags.down)

    def _nodes_of(self, job: Job) -> set[int]:
        return {gpu // self._fleet.per_node for gpu in job.gpus}

    def _untouched(self, job: Job) -> bool:
        clean = job.job_id not in self._job_ids and not self._gpus & set(job.gpus)
        return clean and all(self._works(n) for n in self._nodes_of(job)) and job.request.user != HOSTILE_USER

    def _some_job(self, spec: FaultSpec, node: int | None, now: float) -> Aim | None:
        jobs = [
            job
            for job in self._scheduler.running.values()
            if job.request.profile.work is Work.TRAINING
            and len(job.gpus) >= spec.min_gpus
            and now - job.started > job.request.profile.loading
            and self._untouched(job)
        ]
        jobs = [job for job in jobs if node in self._nodes_of(job)] or jobs
        if not jobs:
            return None
        if spec.target is Target.JOB:  # small jobs are many; one fault should not take half the cluster
            jobs.sort(key=lambda job: (len(job.gpus), job.job_id))
            job = jobs[int(self._rng.integers((len(jobs) + 1) // 2))]
            return Aim(job.gpus, job)
        job = jobs[int(self._rng.integers(len(jobs)))]
        places = [g for g in job.gpus if g // self._fleet.per_node == node] or list(job.gpus)
        return Aim((places[int(self._rng.integers(len(places)))],), job)

    def _some_node(self, node: int | None) -> Aim | None:
        free = [
            i
            for i in range(len(self._fleet.node_names))
            if self._works(i)
            and not self._gpus & set(self._fleet.of_node(i))
            and not self._job_ids & {job.job_id for job in self._scheduler.on_node(i)}
        ]
        if not free:
            return None
        chosen = node if node in free else free[int(self._rng.integers(len(free)))]
        return Aim(tuple(self._fleet.of_node(chosen)))

    def _unused_job(self, node: int | None, now: float, seconds: float) -> Aim | None:
        gpu = self._make_room(node, now)
        if gpu is None:
            return None
        partition, limit = self._fleet.models[gpu].partition, max(8 * 3600.0, seconds)
        request = Request("jdoe", "teaching", partition, "jupyter", 1, limit, seconds, JobState.CANCELLED)
        return Aim((gpu,), self._scheduler.start_at_once(request, (gpu,), now))

    def _make_room(self, node: int | None, now: float) -> int | None:
        """A free GPU; where there is none, the smallest job ends a little early."""
        free = [int(g) for g in self._scheduler.free_gpus() if int(g) not in self._gpus]
        here = [g for g in free if node is None or g // self._fleet.per_node == node]
        if here:
            return here[0]
        jobs = [job for job in self._scheduler.running.values() if self._untouched(job)]
        jobs = [job for job in jobs if node in self._nodes_of(job)] or jobs
        if not jobs:
            return free[0] if free else None
        job = min(jobs, key=lambda job: (len(job.gpus), job.ends, job.job_id))
        self._scheduler.stop(job, JobState.COMPLETED, now)
        return ([g for g in job.gpus if g // self._fleet.per_node == node] or list(job.gpus))[0]
