"""Ended jobs and their steps, as accounting tells of them."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

from tests.conftest import NOON
from tests.slurm_fakes import gpus_frame, jobs_frame
from watchdog.model.scheduler import JOB_GPUS, STEPS
from watchdog.model.telemetry import Window
from watchdog.store.jobs import JobStore


def finished(runtime, *rows: dict, holds=None, steps=()) -> None:
    """Let accounting tell of ended jobs."""
    jobs = jobs_frame(*rows)
    columns = {name: pd.Series([step.get(name) for step in steps], dtype=c.dtype) for name, c in STEPS.columns.items()}
    gpus = gpus_frame(jobs, holds) if holds else JOB_GPUS.empty()
    window = Window(NOON - timedelta(hours=9), NOON)
    table = STEPS.conform(pd.DataFrame(columns)) if steps else STEPS.empty()
    JobStore(runtime.history.store()).finish(jobs, gpus, table, window, now=NOON)


def done(**more) -> dict:
    return {
        "job_id": "77", "state": "COMPLETED", "started_at": NOON - timedelta(hours=2), "nodes": "node001",
        "ended_at": NOON - timedelta(hours=1), "exit_code": 0, "signal": 0, "gpus": 4,
    } | more  # fmt: skip


def step(number: str, **more) -> dict:
    times = {"started_at": NOON - timedelta(minutes=110), "ended_at": NOON - timedelta(minutes=60)}
    return {"job_id": "77", "step_id": number, "name": "train", "state": "COMPLETED", "exit_code": 0} | times | more
