"""Uncorrected memory errors.

Source: DCGM's health check fails a GPU with any volatile double-bit error and says "drain the GPU and reset it or
reboot the node"; Meta's GCM and AWS HyperPod are critical above 0, too. The counter begins anew with the driver, so
an error that is older than the trace is still there, and told of more calmly.
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
from watchdog.analysis.health.facts import TRACE_MINUTES, Facts
from watchdog.model.findings import Finding, Judged, Severity

KEY = "ecc_uncorrected"
METRIC = "ecc_uncorrected_volatile_count"
CLEARED_BY = "a reset of the GPU or a reload of its driver"


def judge(facts: Facts) -> Judged:
    """One finding for each GPU with an uncorrected error since its driver was loaded."""
    nobody = unexported(facts, METRIC)
    if nobody:
        return nobody
    count = facts.column(METRIC)
    seen = ~np.isnan(count) & ~facts.silent
    bad = seen & (count > 0)
    if not bad.any():
        return judged(facts, (), seen, "no ECC counter was read")
    grown = np.nan_to_num(facts.trace.grown(METRIC, TRACE_MINUTES - 1))
    new = bad & (grown > 0)
    findings = [*_findings(facts, new, Severity.CRITICAL), *_findings(facts, bad & ~new, Severity.WARNING)]
    return judged(facts, findings, seen, "no ECC counter was read")


def _findings(facts: Facts, mask: Bools, severity: Severity) -> Iterator[Finding]:
    when = "in the last hour" if severity is Severity.CRITICAL else "more than an hour ago"
    for row in gpu_rows(facts, mask):
        yield Finding(
            check=KEY,
            severity=severity,
            subject=gpu_subject(row),
            explanation=f"{place(row)} has {row[METRIC]:.0f} uncorrected memory errors since its driver was loaded, "
            f"the last {when}.",
            action="Drain the node and reset the GPU, or reboot the node.",
            source="DCGM health: volatile DBE above 0",
            value=row[METRIC],
            evidence=reading(row, METRIC, "ecc_uncorrected_aggregate_count", "row_remap_pending_flag"),
            cleared_by=CLEARED_BY,
            **holder(row),
        )


CHECK = Check(
    key=KEY,
    title="Uncorrected memory errors",
    definition="The GPU has uncorrected ECC errors since its driver was loaded: critical if they grew in the last hour, "
    "else a warning.",
    source="DCGM health (volatile DBE above 0 fails); Meta GCM, AWS HyperPod",
    judge=judge,
    action="Drain the node and reset the GPU, or reboot the node.",
    cleared_by=CLEARED_BY.capitalize() + ".",
)
