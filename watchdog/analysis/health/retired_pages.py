"""Memory pages taken out of use on GPUs before Ampere, which cannot remap rows.

Source: DCGM's health check (DcgmHealthWatch.cpp) fails a GPU at 63 pages or, if one is from the last week, above 15
pages after double-bit errors; that week is not published, so the latter is a warning here. Pending is a warning.
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
from watchdog.model.findings import Finding, Judged, Severity

KEY = "retired_pages"
MOST_PAGES = 63
MANY_DOUBLE = 15
_SINGLE, _DOUBLE, _PENDING = "retired_pages_sbe_count", "retired_pages_dbe_count", "retired_pages_pending_flag"
_METRICS = (_SINGLE, _DOUBLE, _PENDING)


def judge(facts: Facts) -> Judged:
    """One finding a GPU: the gravest that holds."""
    nobody = unexported(facts, *_METRICS)
    if nobody:
        return nobody
    single, double, pending = (facts.column(metric) for metric in _METRICS)
    seen = ~(np.isnan(single) & np.isnan(double) & np.isnan(pending)) & ~facts.silent
    full = seen & (np.nan_to_num(single) + np.nan_to_num(double) >= MOST_PAGES)
    waits = seen & (pending > 0) & ~full
    many = seen & (double > MANY_DOUBLE) & ~full & ~waits
    findings = [*_full(facts, full), *_waiting(facts, waits), *_many(facts, many)]
    return judged(facts, findings, seen, "no page retirement was read")


def _full(facts: Facts, mask: Bools) -> Iterator[Finding]:
    for row in gpu_rows(facts, mask):
        pages = (row[_SINGLE] or 0) + (row[_DOUBLE] or 0)
        yield Finding(
            check=KEY,
            severity=Severity.CRITICAL,
            subject=gpu_subject(row),
            explanation=f"{place(row)} has retired {pages:.0f} memory pages; {MOST_PAGES} are the limit.",
            action="Drain the node and run a field diagnostic; have the board replaced.",
            source=f"DCGM health: {MOST_PAGES} retired pages",
            value=float(pages),
            evidence=reading(row, *_METRICS),
            cleared_by="a new board",
            **holder(row),
        )


def _waiting(facts: Facts, mask: Bools) -> Iterator[Finding]:
    for row in gpu_rows(facts, mask):
        yield Finding(
            check=KEY,
            severity=Severity.WARNING,
            subject=gpu_subject(row),
            explanation=f"{place(row)} waits for a reboot to retire a memory page.",
            action="Reset the GPU or reboot the node when it is idle.",
            source="DCGM health: pending page retirement",
            value=row[_PENDING],
            evidence=reading(row, *_METRICS),
            cleared_by="a reset of the GPU or a boot of its node",
            **holder(row),
        )


def _many(facts: Facts, mask: Bools) -> Iterator[Finding]:
    for row in gpu_rows(facts, mask):
        yield Finding(
            check=KEY,
            severity=Severity.WARNING,
            subject=gpu_subject(row),
            explanation=f"{place(row)} has retired {row[_DOUBLE]:.0f} memory pages after double-bit errors.",
            action="Run a field diagnostic, at once if the number grew in the last week.",
            source=f"DCGM health: more than {MANY_DOUBLE} pages after double-bit errors",
            value=row[_DOUBLE],
            evidence=reading(row, *_METRICS),
            cleared_by="a new board",
            **holder(row),
        )


CHECK = Check(
    key=KEY,
    title="Memory pages retired",
    definition=f"At least {MOST_PAGES} pages are retired (critical), a retirement is pending (warning), or more than "
    f"{MANY_DOUBLE} pages were retired after double-bit errors (warning). For GPUs before Ampere.",
    source="DCGM health (DcgmHealthWatch.cpp)",
    judge=judge,
    action="Pending: reset the GPU when idle. Otherwise a field diagnostic, then a new board.",
    cleared_by="Pending: a reset or boot. The others: a new board.",
)
