"""How many GPU-hours of a window did nothing, and what did they cost?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from watchdog.analysis.load import BUSY_METRICS
from watchdog.analysis.waste import Waste, waste
from watchdog.base.clock import floor_to
from watchdog.model.telemetry import EVERYWHERE, Telemetry, Where, Window
from watchdog.services.fleet import expected_at
from watchdog.services.steps import step_for

# So many values one page may read for this: a quarter of a million is 0.2 s.
_MOST_VALUES = 250_000
_SHORTEST = timedelta(minutes=1)


@dataclass(frozen=True)
class IdleHours:
    """GPU-hours of `window`; a GPU counts as idle for a bucket of `step` whose mean is under 5 %.

    `idle_usd` is None where no price is set.
    """

    window: Window
    step: timedelta
    hours: Waste
    idle_usd: float | None
    newest_bucket_at: datetime | None
    incomplete: tuple[str, ...]


def idle_hours(
    telemetry: Telemetry,
    inventory: pd.DataFrame,
    window: Window,
    gpu_hour_usd: float,
    where: Where = EVERYWHERE,
) -> IdleHours:
    """Read utilization in buckets as fine as the number of GPUs allows, and add it up."""
    expected = expected_at(inventory, window.until, where)
    points = min(400, max(12, _MOST_VALUES // max(len(expected), 1)))
    step = step_for(window.length, _SHORTEST, points)
    whole = Window(floor_to(window.since, step), window.until)
    answer = telemetry.range((BUSY_METRICS[0],), whole, step, where=where)
    frame, notes = answer.frame, answer.incomplete
    if BUSY_METRICS[0] in answer.not_exported:
        instead = telemetry.range((BUSY_METRICS[1],), whole, step, where=where)
        frame, notes = instead.frame, (*notes, *instead.incomplete)
    hours = waste(frame, expected, window, step)
    cost = hours.idle_hours * gpu_hour_usd if gpu_hour_usd > 0 else None
    newest = frame["bucket_at"].max().to_pydatetime() if len(frame) else None
    return IdleHours(window, step, hours, cost, newest, notes)
