"""Uncorrected memory errors.

Source: DCGM's health check fails a GPU with any volatile double-bit error and says "drain the GPU and reset it or
reboot the node"; Meta's GCM and AWS HyperPod are critical above 0, too. The counter begins anew with the driver, so
an error that is older than the trace is still there, and told of more calmly. So is one that XID 94 says was contained:
it cost its job, and the GPU goes on (DCGM warns of 94 where it fails 48 and 95).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

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
    new, contained = bad & (grown > 0), _contained(facts)
    findings = [
        *_findings(facts, new & ~contained, _NEW),
        *_findings(facts, new & contained, _CONTAINED),
        *_findings(facts, bad & ~new, _OLD),
    ]
    return judged(facts, findings, seen, "no ECC counter was read")


class _How(NamedTuple):
    severity: Severity
    words: str
    action: str


_NEW = _How(Severity.CRITICAL, "the last in the last hour", "Drain the node and reset the GPU, or reboot the node.")
_CONTAINED = _How(Severity.WARNING, "contained (XID 94): its job was lost", "Reset the GPU when it is idle.")
_OLD = _How(Severity.WARNING, "the last more than an hour ago", "Reset the GPU when it is idle.")
_CONTAINED_XID, _WORSE_XIDS = 94, frozenset({48, 63, 64, 95, 140, 171, 172})


def _contained(facts: Facts) -> Bools:
    """GPUs that told of a contained error in the last 24 hours, and of no worse one."""
    told = facts.xids["xid"].to_numpy()
    uuids = facts.xids["gpu_uuid"].to_numpy(dtype=object)
    contained = set(uuids[told == _CONTAINED_XID]) - set(uuids[np.isin(told, list(_WORSE_XIDS))])
    return np.asarray(facts.cells["gpu_uuid"].astype(object).isin(contained), dtype=bool)


def _findings(facts: Facts, mask: Bools, how: _How) -> Iterator[Finding]:
    for row in gpu_rows(facts, mask):
        errors = f"{row[METRIC]:.0f} uncorrected memory error{'s' if row[METRIC] > 1 else ''}"
        yield Finding(
            check=KEY,
            severity=how.severity,
            subject=gpu_subject(row),
            explanation=f"{place(row)} has {errors} since its driver was loaded, {how.words}.",
            action=how.action,
            source="DCGM health: volatile DBE above 0",
            value=row[METRIC],
            evidence=reading(row, METRIC, "ecc_uncorrected_aggregate_count", "row_remap_pending_flag"),
            cleared_by=CLEARED_BY,
            **holder(row),
        )


CHECK = Check(
    key=KEY,
    title="Uncorrected memory errors",
    definition="The GPU has uncorrected ECC errors since its driver was loaded: critical if they grew in the last hour "
    "and were not contained (XID 94), else a warning.",
    source="DCGM health (volatile DBE above 0 fails); Meta GCM, AWS HyperPod",
    judge=judge,
    action="Drain the node and reset the GPU, or reboot the node.",
    cleared_by="A reset of the GPU or a reload of its driver.",
)
