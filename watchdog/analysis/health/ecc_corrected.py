"""Corrected memory errors that come quickly.

The total says nothing: corrected errors are normal, and site limits on it (Azure 20 million, Meta 50 million) tell of
a board's age. What matters is the rate. Healthy boards show a few a day; the limit of one a minute for ten minutes is
ours, and far above that. One burst is not enough: errors must come in a third of the minutes.
"""

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
from watchdog.model.arrays import Floats
from watchdog.model.findings import Finding, Judged, Severity

KEY = "ecc_corrected"
METRIC = "ecc_corrected_volatile_count"
MINUTES = 10
PER_MINUTE = 1.0
LEAST_MINUTES = 4


def judge(facts: Facts) -> Judged:
    """One finding for each GPU whose corrected errors grow at PER_MINUTE or more."""
    nobody = unexported(facts, METRIC)
    if nobody:
        return nobody
    steps = facts.trace.steps(METRIC, MINUTES)
    seen = (~np.isnan(steps)).any(axis=1) & ~facts.silent
    rate = np.nansum(steps, axis=1) / MINUTES
    bad = seen & (rate >= PER_MINUTE) & ((steps > 0).sum(axis=1) >= LEAST_MINUTES)
    return judged(facts, _findings(facts, bad, rate), seen, "no ECC counter was read twice")


def _findings(facts: Facts, mask: Bools, rates: Floats) -> Iterator[Finding]:
    for row, rate in zip(gpu_rows(facts, mask), rates[mask], strict=True):
        yield Finding(
            check=KEY,
            severity=Severity.WARNING,
            subject=gpu_subject(row),
            explanation=f"{place(row)} corrects {rate:.1f} memory errors a minute.",
            action="Watch it; if it goes on, drain the node and run a field diagnostic.",
            source=f"rate of {PER_MINUTE:.0f} a minute, far above the few a day of a healthy board",
            value=float(rate),
            evidence=reading(row, METRIC, "ecc_corrected_aggregate_count", "row_remap_correctable_count"),
            **holder(row),
        )


CHECK = Check(
    key=KEY,
    title="Corrected memory errors come quickly",
    definition=f"At least {PER_MINUTE:.0f} corrected ECC error a minute over {MINUTES} minutes, in at least "
    f"{LEAST_MINUTES} of them. The total is not judged.",
    source="ours: healthy boards show a few a day",
    judge=judge,
    action="Watch it; if it goes on, drain the node and run a field diagnostic.",
)
