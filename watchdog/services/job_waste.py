"""Who held GPUs in a window without using them, and what did that cost?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from watchdog.analysis.efficiency import bucket_readings, gpu_use, held_spans
from watchdog.analysis.job_waste import GROUPS, clipped, waste_by
from watchdog.analysis.load import BUSY_METRICS
from watchdog.base.clock import floor_to
from watchdog.model.frames import SERIES
from watchdog.model.telemetry import Answer, Telemetry, Window
from watchdog.services.steps import step_for

# So many values one page may read for this: a quarter of a million is 0.2 s.
_MOST_VALUES = 250_000
_SHORTEST = timedelta(minutes=1)


@dataclass(frozen=True)
class HeldWaste:
    """GPU-hours that jobs held in `window`.

    Attributes:
        step: of the buckets that were read: shorter pauses are not seen.
        tables: by group `analysis.job_waste.waste_by`, with after_hours (idle on a GPU that was used in the
            window; null where idle_hours are) and unknown_hours (without a reading; all where idle_hours are null).
        incomplete: in words, why readings may be missing.
    """

    window: Window
    step: timedelta
    tables: dict[str, pd.DataFrame]
    incomplete: tuple[str, ...] = ()


@dataclass(frozen=True)
class Total:
    """Hours of all jobs together; `idle_usd` is None without a price."""

    held_hours: float
    never_used_hours: float
    after_hours: float
    unknown_hours: float
    idle_usd: float | None

    @property
    def idle_hours(self) -> float:
        """Known not to have been used."""
        return self.never_used_hours + self.after_hours


def held_waste(
    telemetry: Telemetry,
    held: tuple[pd.DataFrame, pd.DataFrame],
    inventory: pd.DataFrame,
    window: Window,
    rates: Mapping[str, float],
    now: datetime,
    groups: Sequence[str] = GROUPS,
) -> HeldWaste:
    """Read utilization of the window in buckets as fine as the number of GPUs allows, and give it to who held them.

    Args:
        telemetry: who answers; SourceError and StoreError pass.
        held: jobs of the window and their GPUs (`services.timeline.held_in`).
        inventory: GPUS.
        window: whose hours count.
        rates: dollars a GPU-hour by type.
        now: the end of what still runs.
        groups: of GROUPS, those to add up by.
    """
    jobs, job_gpus = held
    holds = clipped(held_spans(jobs, job_gpus, inventory, now), window.since, window.until)
    gpus = holds["gpu_uuid"].nunique()
    step = step_for(window.length, _SHORTEST, min(400, max(12, _MOST_VALUES // max(gpus, 1))))
    answer = _read(telemetry, window, step) if gpus else Answer(SERIES.empty())
    use = gpu_use(holds, bucket_readings(answer.frame, step))
    tables = {by: _parted(waste_by(use, jobs, by, rates)) for by in groups}
    return HeldWaste(window, step, tables, answer.incomplete)


def _read(telemetry: Telemetry, window: Window, step: timedelta) -> Answer:
    whole = Window(floor_to(window.since, step), window.until)
    answer = telemetry.range((BUSY_METRICS[0],), whole, step)
    if BUSY_METRICS[0] in answer.not_exported:
        answer = telemetry.range((BUSY_METRICS[1],), whole, step)
    return answer


def _parted(table: pd.DataFrame) -> pd.DataFrame:
    known = table["idle_hours"].notna()
    missing = (table["held_hours"] - table["measured_hours"]).clip(lower=0)
    after = (table["idle_hours"] - table["never_used_hours"]).clip(lower=0)
    parted = table.assign(after_hours=after, unknown_hours=missing.where(known, table["held_hours"]))
    # Of those about whom nothing is known, who held most comes first.
    return parted.sort_values(["idle_hours", "held_hours"], ascending=False, kind="stable", ignore_index=True)


def total(table: pd.DataFrame) -> Total:
    """All rows of one of `HeldWaste.tables` together."""
    cost = table["idle_usd"].sum(min_count=1)
    return Total(
        held_hours=float(table["held_hours"].sum()),
        never_used_hours=float(table["never_used_hours"].sum()),
        after_hours=float(table["after_hours"].sum()),
        unknown_hours=float(table["unknown_hours"].sum()),
        idle_usd=None if pd.isna(cost) else float(cost),
    )
