"""Who held GPUs in a window without using them, and what did that cost?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from watchdog.analysis.efficiency import bucket_readings, gpu_use, held_spans
from watchdog.analysis.job_waste import GROUPS, clipped, waste_by
from watchdog.analysis.load import BUSY_METRICS
from watchdog.base.clock import floor_to
from watchdog.model.telemetry import Telemetry, Window
from watchdog.services.steps import step_for

# So many values one page may read for this: a quarter of a million is 0.2 s.
_MOST_VALUES = 250_000
_SHORTEST = timedelta(minutes=1)


@dataclass(frozen=True)
class HeldWaste:
    """GPU-hours of jobs in `window`: a table for each of GROUPS (`analysis.job_waste.waste_by`)."""

    window: Window
    step: timedelta
    tables: dict[str, pd.DataFrame]
    incomplete: tuple[str, ...] = ()


def held_waste(
    telemetry: Telemetry,
    jobs: pd.DataFrame,
    job_gpus: pd.DataFrame,
    inventory: pd.DataFrame,
    window: Window,
    rates: Mapping[str, float],
    now: datetime,
) -> HeldWaste:
    """Read utilization of the window in buckets as fine as the number of GPUs allows, and give it to who held them.

    Args:
        telemetry: who answers; SourceError and StoreError pass.
        jobs: JOB_HISTORY of the window.
        job_gpus: JOB_GPUS of it.
        inventory: GPUS.
        window: whose hours count.
        rates: dollars a GPU-hour by type.
        now: the end of what still runs.
    """
    holds = clipped(held_spans(jobs, job_gpus, inventory, now), window.since, window.until)
    points = min(400, max(12, _MOST_VALUES // max(holds["gpu_uuid"].nunique(), 1)))
    step = step_for(window.length, _SHORTEST, points)
    whole = Window(floor_to(window.since, step), window.until)
    answer = telemetry.range((BUSY_METRICS[0],), whole, step)
    if BUSY_METRICS[0] in answer.not_exported:
        answer = telemetry.range((BUSY_METRICS[1],), whole, step)
    use = gpu_use(holds, bucket_readings(answer.frame, step))
    return HeldWaste(window, step, {by: waste_by(use, jobs, by, rates) for by in GROUPS}, answer.incomplete)
