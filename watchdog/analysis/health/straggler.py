"""A GPU that holds back its job: its clock is far below that of the job's other GPUs, and nothing says why.

Robust against the peers' own spread: a distance of 3.5 scaled median deviations (Iglewicz and Hoaglin) and 15 % of
their clock. A GPU whose driver names a reason is told of by the check on throttling.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from watchdog.analysis.gpu_state import COVERED
from watchdog.analysis.health.check import Bools, Check, gpu_rows, gpu_subject, holder, place, reading
from watchdog.analysis.health.facts import Facts
from watchdog.analysis.health.held import Held, busy_minutes, held_jobs, minutes_axis, unjudged, within_job
from watchdog.analysis.health.sight import as_far_as_read, texts
from watchdog.analysis.health.throttled import throttled
from watchdog.analysis.health.trace import covered
from watchdog.analysis.load import BUSY_METRICS
from watchdog.model.arrays import Floats, Ints
from watchdog.model.findings import Blind, Evidence, Finding, Judged, Severity
from watchdog.model.units import percent

KEY = "straggler"
MINUTES = 10
SLOWER_RATIO = 0.15
ROBUST_Z = 3.5
# A GPU that waits keeps low clocks; it is not the one that others wait for.
WORKING_ABOVE = 0.5
_MAD_TO_SIGMA = 1.4826
# The clocks of equal GPUs differ by this share at the same load.
_USUAL_SPREAD = 0.02
_SOURCE = "robust z-score of Iglewicz and Hoaglin (3.5) over the GPUs of the job"
_ACTION = "Check the GPU's set clocks and power limit (nvidia-smi -q -d CLOCK,POWER); exclude its node and restart."


def judge(facts: Facts) -> Judged:
    """One finding a GPU that is slower than the GPUs of the same model in its job."""
    nobody = unjudged(facts, BUSY_METRICS, ("sm_clock_hertz",))
    if nobody:
        return nobody
    held = held_jobs(facts)
    clocks = within_job(facts, held, facts.trace.last("sm_clock_hertz", MINUTES), 1)
    busy = within_job(facts, held, busy_minutes(facts, MINUTES), 1)
    young = ~held.old_enough(int(minutes_axis(facts, MINUTES + 1)[0]))
    seen = (covered(clocks) >= COVERED) & (covered(busy) >= COVERED) & ~facts.silent
    group = np.where(seen & (_mean(busy) >= WORKING_ABOVE), _groups(facts, held), -1)
    peers, spread = _peers(group, _mean(clocks))
    far = peers - np.fmax.reduce(clocks, axis=1)
    slow = (far > SLOWER_RATIO * peers) & (far > ROBUST_Z * spread) & ~throttled(facts, MINUTES)
    answer = Judged(tuple(_findings(facts, slow, peers)), _unseen(facts, held, seen | young))
    return as_far_as_read(facts, answer)


def _mean(values: np.ndarray) -> Floats:
    seen = ~np.isnan(values)
    total = np.where(seen, values, 0).sum(axis=1, dtype=np.float64)
    return np.where(seen.any(axis=1), total / np.maximum(seen.sum(axis=1), 1), np.nan)


def _groups(facts: Facts, held: Held) -> Ints:
    """A number for each job and GPU model; -1 for GPUs without a job."""
    models, codes = np.unique(texts(facts.cells, "gpu_model").astype(str), return_inverse=True)
    return np.asarray(np.where(held.of >= 0, held.of * len(models) + codes, -1))


def _peers(group: Ints, clocks: Floats) -> tuple[Floats, Floats]:
    """For each GPU the upper median of its group's clocks, and their scaled median deviation; NaN without peers."""
    middle = _upper_median(group, clocks)
    spread = _MAD_TO_SIGMA * _upper_median(group, np.abs(clocks - middle), low=True)
    return middle, np.fmax(spread, _USUAL_SPREAD * middle)


def _upper_median(group: Ints, values: Floats, *, low: bool = False) -> Floats:
    """By group: of an even number of values the higher one of the middle (or the lower)."""
    order = np.lexsort((values, group))
    order = order[np.searchsorted(group[order], 0) :]
    answer = np.full(len(group), np.nan)
    if not len(order):
        return answer
    _, starts, sizes = np.unique(group[order], return_index=True, return_counts=True)
    middle = starts + (sizes - low) // 2
    median = np.where(sizes > 1, values[order][middle], np.nan)
    answer[order] = np.repeat(median, sizes)
    return answer


def _unseen(facts: Facts, held: Held, seen: Bools) -> Blind:
    several = np.append(held.sizes > 1, False)[held.of]
    blind = frozenset(texts(facts.cells, "gpu_uuid")[~seen & (several | facts.cells["job_id"].isna().to_numpy())])
    return Blind(gpus=blind, why="no clock was read, or nobody knows its job" if blind else "")


def _findings(facts: Facts, slow: Bools, peers: Floats) -> Iterator[Finding]:
    for row, usual in zip(gpu_rows(facts, slow), peers[slow], strict=True):
        clock = row["sm_clock_hertz"]
        yield Finding(
            check=KEY,
            severity=Severity.WARNING,
            subject=gpu_subject(row),
            explanation=_words(row, clock, float(usual)),
            action=_ACTION,
            source=_SOURCE,
            value=clock,
            evidence=(
                *reading(row, "sm_clock_hertz", "max_sm_clock_hertz", "power_watts", "gpu_util_ratio"),
                Evidence("sm_clock_hertz", f"{usual / 1e6:.0f} MHz, median of the job's GPUs", facts.at),
            ),
            **holder(row),
        )


def _words(row: dict[str, Any], clock: float | None, usual: float) -> str:
    now = "" if clock is None else f": {clock / 1e6:.0f} MHz, {percent(1 - clock / usual)} less"
    return (
        f"{place(row)} holds back job {row['job_id']}: for {MINUTES} min its clock has been far below the "
        f"{usual / 1e6:.0f} MHz of the job's other GPUs, without a reason{now}."
    )


CHECK = Check(
    key=KEY,
    title="Straggler",
    definition=(
        f"For {MINUTES} minutes the SM clock of a working GPU stayed {SLOWER_RATIO:.0%} and {ROBUST_Z} scaled median "
        "deviations below the median of its job's working GPUs of the same model, and no clock event reason but the "
        "power cap was set."
    ),
    source=_SOURCE,
    judge=judge,
    action=_ACTION,
    cleared_by="Its clock is near the others' again, or the job ends.",
)
