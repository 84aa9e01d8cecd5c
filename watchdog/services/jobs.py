"""One job, live or finished: which GPUs it holds, how well it used them, what it cost, what to change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from watchdog.analysis.advice import Advice, advice
from watchdog.analysis.efficiency import bucket_readings, gpu_use, held_spans
from watchdog.analysis.held_readings import PROCESSES, process_readings
from watchdog.analysis.job_efficiency import Efficiency, job_efficiency
from watchdog.analysis.load import BUSY_METRICS
from watchdog.analysis.pending import Explanation, explain
from watchdog.analysis.queue import as_rows
from watchdog.base.clock import floor_to
from watchdog.base.errors import SourceError, StoreError
from watchdog.model.frames import SERIES
from watchdog.model.scheduler import STEPS
from watchdog.model.slurm.records import WAITING
from watchdog.model.telemetry import Telemetry, Where, Window
from watchdog.services.history import History
from watchdog.services.slurm_view import SlurmView
from watchdog.services.steps import step_for
from watchdog.store.jobs import JobStore

_SHORTEST = timedelta(minutes=1)
# So many buckets of one metric are read for a job at most: a job of 1,000 GPUs gets longer ones.
_MOST_BUCKETS = 125_000
_KEY = ["job_id", "submitted_at"]


@dataclass(frozen=True)
class JobDetail:
    """A job.

    Attributes:
        job: a row of JOBS or, once it is in the store, of JOB_HISTORY.
        gpus: a row a GPU it held: `analysis.efficiency.gpu_use`, with peers_ratio and apart.
        steps: STEPS of this run.
        runs: all its runs (JOB_HISTORY), newest first: a requeued job runs again.
        explanation: why it waits; None for a job that does not.
        incomplete: in words, what is missing from this answer.
    """

    job: Mapping[str, Any]
    gpus: pd.DataFrame
    steps: pd.DataFrame
    runs: pd.DataFrame
    explanation: Explanation | None
    efficiency: Efficiency
    advice: tuple[Advice, ...]
    incomplete: tuple[str, ...] = ()


@dataclass(frozen=True)
class Known:
    """Where jobs are looked up: the newest snapshot, and the store's history."""

    view: SlurmView
    history: History


def job_detail(
    job_id: str, known: Known, telemetry: Telemetry, inventory: pd.DataFrame, rates: Mapping[str, float], at: datetime
) -> JobDetail | None:
    """What is known of a job at `at`; None if nobody has seen it.

    Args:
        job_id: as people write it; of its runs the newest one submitted by `at`.
        known: snapshot and history.
        telemetry: who answers for its GPUs.
        inventory: GPUS, to find a GPU by its place.
        rates: dollars a GPU-hour by type (`Config.gpu_rates`).
        at: the end of what still runs.
    """
    runs, gpus, steps, notes = _look_up(job_id, known, at)
    if not len(runs):
        return None
    job = as_rows(runs.head(1))[0]
    mine = gpus[
        gpus["submitted_at"].isna() if pd.isna(job["submitted_at"]) else gpus["submitted_at"] == job["submitted_at"]
    ]
    holds = held_spans(runs.head(1), mine, inventory, at)
    series, step, missing = _utilization(telemetry, holds)
    use = gpu_use(holds, bucket_readings(series, step), process_readings(series, step))
    own_steps = _own(steps, job)
    efficiency = job_efficiency(job, use, own_steps, rates, at)
    waits = job["state"] in WAITING
    return JobDetail(
        job=job,
        gpus=efficiency.gpus,
        steps=own_steps,
        runs=runs,
        explanation=explain(job, known.view.jobs, known.view.nodes, known.view.partitions) if waits else None,
        efficiency=efficiency,
        advice=advice(job, efficiency),
        incomplete=(*notes, *missing),
    )


def _look_up(
    job_id: str, known: Known, at: datetime
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, tuple[str, ...]]:
    """Its runs submitted by `at` (newest first), GPUs and steps."""
    stored = known.history.attempt(
        lambda store: (JobStore(store).job(job_id), JobStore(store).gpus_of(job_id), JobStore(store).steps(job_id))
    )
    live = known.view.jobs[known.view.jobs["job_id"] == job_id]
    if stored is None:
        live_gpus = known.view.job_gpus[known.view.job_gpus["job_id"] == job_id]
        return live, live_gpus, STEPS.empty(), (f"no history, only what Slurm shows now: {known.history.error}",)
    runs, gpus, steps = stored
    if not len(runs):
        return live, known.view.job_gpus[known.view.job_gpus["job_id"] == job_id], steps, ()
    runs = _refreshed(runs, live)
    return runs[~(runs["submitted_at"] > pd.Timestamp(at))], gpus, steps, ()


def _refreshed(runs: pd.DataFrame, live: pd.DataFrame) -> pd.DataFrame:
    """Runs with what changes too often to be kept: the snapshot's priority and expected start."""
    columns = ["priority", "expected_start_at"]
    fresh = runs[_KEY].merge(live[[*_KEY, *columns]], how="left", on=_KEY)
    return runs.assign(**{name: fresh[name].fillna(runs[name]).to_numpy() for name in columns}) if len(live) else runs


def _utilization(telemetry: Telemetry, holds: pd.DataFrame) -> tuple[pd.DataFrame, timedelta, tuple[str, ...]]:
    """Utilization and processes of the held GPUs over the job's life, in buckets of the returned length."""
    uuids = tuple(str(uuid) for uuid in holds["gpu_uuid"].dropna().unique())
    if not uuids:
        return SERIES.empty(), _SHORTEST, ("its GPUs are not known by name, so their use is not",) * bool(len(holds))
    since, until = holds["held_from"].min().to_pydatetime(), holds["held_until"].max().to_pydatetime()
    points = min(400, max(12, _MOST_BUCKETS // len(uuids)))
    step = step_for(max(until - since, _SHORTEST), _SHORTEST, points)
    window = Window(floor_to(min(since, until), step), until)
    try:
        return _read(telemetry, window, step, Where(gpus=uuids))
    except (SourceError, StoreError) as error:
        return SERIES.empty(), step, (f"the use of its GPUs is not known: {error}",)


def _read(
    telemetry: Telemetry, window: Window, step: timedelta, where: Where
) -> tuple[pd.DataFrame, timedelta, tuple[str, ...]]:
    answer = telemetry.range((BUSY_METRICS[0], PROCESSES), window, step, where=where)
    if BUSY_METRICS[0] in answer.not_exported:
        answer = telemetry.range((BUSY_METRICS[1], PROCESSES), window, step, where=where)
    return answer.frame, step, answer.incomplete


def _own(steps: pd.DataFrame, job: Mapping[str, Any]) -> pd.DataFrame:
    """Steps of this run: begun since it was submitted and before it was over."""
    inside = pd.Series(True, index=steps.index)
    if not pd.isna(job["submitted_at"]):
        inside &= ~(steps["started_at"] < job["submitted_at"])
    if not pd.isna(job["ended_at"]):
        inside &= ~(steps["started_at"] > job["ended_at"])
    return steps[inside].reset_index(drop=True)


def job_gpus_now(view: SlurmView) -> pd.DataFrame:
    """Who holds each GPU now: JOB_GPUS with name, user, account, partition and started_at."""
    names = view.jobs[[*_KEY, "name", "user", "account", "partition", "started_at"]]
    return view.job_gpus.merge(names, on=_KEY)
