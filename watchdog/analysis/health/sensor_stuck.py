"""Sensors that show nothing: power and temperature stand still while the GPU's load moves.

No source publishes such a rule. Power is reported in milliwatts and never repeats for minutes under a load that moves;
an exact repetition of power and temperature together over MINUTES is a dead sensor. Whether the load moves is told
from utilization, SM activity and the clock, which must have moved in LEAST_MOVES of these minutes.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from watchdog.analysis.health.check import (
    Bools,
    Check,
    first_true,
    gpu_rows,
    gpu_subject,
    holder,
    judged,
    place,
    reading,
)
from watchdog.analysis.health.facts import Facts
from watchdog.analysis.health.still import moved, stood_still
from watchdog.model.findings import Finding, Judged, Severity

KEY = "sensor_stuck"
MINUTES = 15
LEAST_MOVES = 5
_SENSORS = ("power_watts", "gpu_temperature_celsius")
_LOAD = ("gpu_util_ratio", "graphics_engine_active_ratio", "sm_active_ratio", "sm_clock_hertz")


def judge(facts: Facts) -> Judged:
    """One finding for each GPU whose sensors stand still under a load that moves."""
    read = ~np.isnan(facts.trace.last(_SENSORS[0], MINUTES + 1)) & ~np.isnan(facts.trace.last(_SENSORS[1], MINUTES + 1))
    seen = (read.sum(axis=1) >= MINUTES) & ~facts.silent
    still = seen & stood_still(facts.trace, _SENSORS, MINUTES)
    if still.any():
        still &= (
            np.max([moved(facts.trace, metric)[:, -MINUTES:].sum(axis=1) for metric in _LOAD], axis=0) >= LEAST_MOVES
        )
    return judged(facts, _findings(facts, still), seen, "power and temperature were not read long enough")


def _findings(facts: Facts, mask: Bools) -> Iterator[Finding]:
    if not mask.any():
        return
    quiet = ~np.any([moved(facts.trace, metric)[mask] for metric in _SENSORS], axis=0)
    for row, since in zip(gpu_rows(facts, mask), first_true(quiet, facts.trace.minutes[1:]), strict=True):
        yield Finding(
            check=KEY,
            severity=Severity.WARNING,
            subject=gpu_subject(row),
            explanation=f"Power and temperature of {place(row)} have stood at exactly {row['power_watts']:.1f} W and "
            f"{row['gpu_temperature_celsius']:.0f} °C for {MINUTES} minutes or more, while its load moves.",
            action="Do not trust its power and heat; reload the driver or reset the GPU when it is idle.",
            source="exact repetition of both sensors",
            since=since,
            value=row["power_watts"],
            evidence=reading(row, *_SENSORS, "gpu_util_ratio", "sm_clock_hertz"),
            cleared_by="a reading that differs",
            **holder(row),
        )


CHECK = Check(
    key=KEY,
    title="Sensors stuck",
    definition=f"Power and temperature of a GPU have been exactly the same for {MINUTES} minutes, while its utilization, "
    f"SM activity or clock moved in at least {LEAST_MOVES} of them.",
    source="ours: power in milliwatts never repeats under a load that moves",
    judge=judge,
    action="Do not trust its power and heat; reload the driver or reset the GPU when idle.",
    cleared_by="A reading that differs.",
)
