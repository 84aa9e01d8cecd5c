"""NVLink errors that grow.

Source: DCGM's health check fails a GPU for one replay or recovery error and for 100 CRC errors a second. CRC errors
are found and sent again, so a few do no harm; a link that makes one a second for minutes is on its way out (1 % of
DCGM's limit; Meta's GCM warns at any).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from watchdog.analysis.health.check import Bools, Check, gpu_rows, gpu_subject, holder, judged, place, unexported
from watchdog.analysis.health.facts import Facts
from watchdog.model.arrays import Floats
from watchdog.model.findings import Evidence, Finding, Judged, Severity

KEY = "nvlink"
CRC = ("nvlink_crc_flit_errors_count", "nvlink_crc_data_errors_count")
HARD = ("nvlink_replay_errors_count", "nvlink_recovery_errors_count")
MINUTES = 10
CRC_MINUTES = 5
CRC_PER_SECOND = 1.0
CRC_FAILS_PER_SECOND = 100.0
LEAST_MINUTES = 3


def judge(facts: Facts) -> Judged:
    """One finding for each GPU whose links count errors."""
    nobody = unexported(facts, *CRC, *HARD)
    if nobody:
        return nobody
    hard, _, saw_hard = _growth(facts, HARD, MINUTES)
    crc, minutes, saw_crc = _growth(facts, CRC, CRC_MINUTES)
    rate = crc / (60 * CRC_MINUTES)
    seen = (saw_hard | saw_crc) & ~facts.silent
    bad = seen & ((hard >= 1) | ((rate >= CRC_PER_SECOND) & (minutes >= LEAST_MINUTES)))
    return judged(facts, _findings(facts, bad, hard, rate), seen, "no NVLink counter was read twice")


def _growth(facts: Facts, metrics: tuple[str, ...], minutes: int) -> tuple[Floats, Floats, Bools]:
    """How much these grew together, in how many minutes, and whether they were read."""
    steps = [facts.trace.steps(metric, minutes) for metric in metrics]
    total = np.sum([np.nan_to_num(part) for part in steps], axis=0)
    seen = np.any([~np.isnan(part) for part in steps], axis=(0, 2))
    return total.sum(axis=1), (total > 0).sum(axis=1).astype(np.float64), seen


def _findings(facts: Facts, mask: Bools, hard: Floats, crc_rate: Floats) -> Iterator[Finding]:
    for row, failed, rate in zip(gpu_rows(facts, mask), hard[mask], crc_rate[mask], strict=True):
        grave = failed >= 1 or rate >= CRC_FAILS_PER_SECOND
        yield Finding(
            check=KEY,
            severity=Severity.CRITICAL if grave else Severity.WARNING,
            subject=gpu_subject(row),
            explanation=f"NVLink errors of {place(row)} grow: {failed:.0f} failed replays or recoveries in {MINUTES} "
            f"minutes, {rate:.1f} CRC errors a second.",
            action="Look at `nvidia-smi nvlink -e`; drain the node, reset the GPU, and reseat it if it comes again.",
            source="DCGM health: any replay or recovery error, or 100 CRC errors a second",
            value=float(failed if failed else rate),
            evidence=(
                Evidence("replay and recovery errors", f"{failed:.0f} in {MINUTES} min"),
                Evidence("CRC errors", f"{rate:.2f} a second"),
            ),
            **holder(row),
        )


CHECK = Check(
    key=KEY,
    title="NVLink errors",
    definition=f"A replay or recovery error in the last {MINUTES} minutes, or {CRC_FAILS_PER_SECOND:.0f} CRC errors a "
    f"second (critical); or {CRC_PER_SECOND:.0f} CRC error a second over {CRC_MINUTES} minutes, in {LEAST_MINUTES} of "
    "them (warning).",
    source="DCGM health; the lower CRC limit is 1 % of DCGM's",
    judge=judge,
    action="Look at `nvidia-smi nvlink -e`; reset the GPU, and reseat it if it comes again.",
    cleared_by=f"No error for {MINUTES} minutes.",
)
