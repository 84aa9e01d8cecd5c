"""Device memory too hot. Source: 95 °C, where published dashboards alert on HBM; its limit is not published."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from watchdog.analysis.health.check import (
    Bools,
    Check,
    gpu_rows,
    gpu_subject,
    holder,
    judged,
    place,
    reading,
    unexported,
)
from watchdog.analysis.health.facts import Facts
from watchdog.model.findings import Finding, Judged, Severity

KEY = "hot_memory"
METRIC = "memory_temperature_celsius"
LIMIT_CELSIUS = 95.0


def judge(facts: Facts) -> Judged:
    """One finding for each GPU whose memory is at LIMIT_CELSIUS or above."""
    nobody = unexported(facts, METRIC)
    if nobody:
        return nobody
    heat = facts.column(METRIC)
    seen = ~np.isnan(heat) & ~facts.silent
    return judged(facts, _findings(facts, seen & (heat >= LIMIT_CELSIUS)), seen, "no memory temperature was read")


def _findings(facts: Facts, mask: Bools) -> Iterator[Finding]:
    for row in gpu_rows(facts, mask):
        yield Finding(
            check=KEY,
            severity=Severity.WARNING,
            subject=gpu_subject(row),
            explanation=f"The memory of {place(row)} is at {row[METRIC]:.0f} °C; it should stay below "
            f"{LIMIT_CELSIUS:.0f} °C.",
            action="Look at its cooling: heat wears memory out and slows it down.",
            source=f"{LIMIT_CELSIUS:.0f} °C, as published HBM alert rules have it",
            value=row[METRIC],
            evidence=reading(row, METRIC, "gpu_temperature_celsius", "power_watts"),
            **holder(row),
        )


CHECK = Check(
    key=KEY,
    title="Memory hot",
    definition=f"The device memory is at {LIMIT_CELSIUS:.0f} °C or above.",
    source="published HBM alert rules (90 to 95 °C)",
    judge=judge,
    action="Look at its cooling.",
)
