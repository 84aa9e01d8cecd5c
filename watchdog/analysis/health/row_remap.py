"""Memory rows that wait to be replaced, could not be, or were replaced too often.

Sources: DCGM's health check and NVIDIA's guide to GPU memory errors. A failed remap is a candidate for return; a
pending one asks for a reset at the next idle moment; 512 rows after uncorrectable errors are DCGM's limit.
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
from watchdog.analysis.health.facts import Facts
from watchdog.model.findings import Finding, Judged, Severity

KEY = "row_remap"
MOST_ROWS = 512


class _Trouble(NamedTuple):
    metric: str
    limit: float
    severity: Severity
    words: str
    action: str
    source: str
    cleared_by: str


# The first that holds is the one told of; the others are in its evidence.
TROUBLES = (
    _Trouble(
        "row_remap_failure_flag",
        1,
        Severity.CRITICAL,
        "could not remap a memory row",
        "Drain the node, reset the GPU and run a field diagnostic; have the board replaced if it confirms.",
        "DCGM health: row remap failure",
        "a new board",
    ),
    _Trouble(
        "row_remap_pending_flag",
        1,
        Severity.WARNING,
        "waits for a reset to remap a memory row",
        "Reset the GPU as soon as its job has ended.",
        "NVIDIA GPU memory error management; DCGM: pending row remap",
        "a reset of the GPU",
    ),
    _Trouble(
        "row_remap_uncorrectable_count",
        MOST_ROWS,
        Severity.WARNING,
        f"has remapped {MOST_ROWS} memory rows or more after uncorrectable errors",
        "Run a field diagnostic and plan to replace the board.",
        f"DCGM health: uncorrectable remaps from {MOST_ROWS} on",
        "a new board",
    ),
)
_METRICS = tuple(trouble.metric for trouble in TROUBLES)


def judge(facts: Facts) -> Judged:
    """One finding a GPU: the gravest that holds."""
    nobody = unexported(facts, *_METRICS)
    if nobody:
        return nobody
    seen = np.zeros(len(facts.cells), dtype=bool)
    told = facts.silent
    findings: list[Finding] = []
    for trouble in TROUBLES:
        values = facts.column(trouble.metric)
        seen |= ~np.isnan(values)
        holds = (values >= trouble.limit) & ~told
        findings += _findings(facts, holds, trouble)
        told = told | holds
    return judged(facts, findings, seen & ~facts.silent, "no row remap state was read")


def _findings(facts: Facts, mask: Bools, trouble: _Trouble) -> Iterator[Finding]:
    for row in gpu_rows(facts, mask):
        yield Finding(
            check=KEY,
            severity=trouble.severity,
            subject=gpu_subject(row),
            explanation=f"{place(row)} {trouble.words}.",
            action=trouble.action,
            source=trouble.source,
            value=row[trouble.metric],
            evidence=reading(row, *_METRICS, "row_remap_correctable_count"),
            cleared_by=trouble.cleared_by,
            **holder(row),
        )


CHECK = Check(
    key=KEY,
    title="Memory rows to remap",
    definition="A row remap failed (critical), is pending (warning), or "
    f"{MOST_ROWS} rows or more were remapped after uncorrectable errors (warning).",
    source="DCGM health; NVIDIA GPU memory error management",
    judge=judge,
    action="Failed: reset, field diagnostic, replace the board. Pending: reset the GPU once its job has ended.",
    cleared_by="Pending: a reset of the GPU. The others: a new board.",
)
