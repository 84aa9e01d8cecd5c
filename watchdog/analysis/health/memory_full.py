"""Memory that grows steadily until it is full: a leak, which ends in an out-of-memory error.

Frameworks take 90 % and more at once and keep it; that is no leak, so what matters is growth, not the level. The
thresholds are ours. The share is of what a program can have: the total without the driver's reserve.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from watchdog.analysis.gpu_state import COVERED
from watchdog.analysis.health.check import Bools, Check, gpu_rows, gpu_subject, holder, place, reading
from watchdog.analysis.health.facts import TRACE_MINUTES, Facts
from watchdog.analysis.health.held import (
    Held,
    held_jobs,
    its,
    jobs_judged,
    minute,
    minutes_axis,
    named,
    of_job,
    readings,
    trailing,
    unjudged,
    within_job,
)
from watchdog.analysis.health.trace import Matrix, covered
from watchdog.model.arrays import Floats, Ints
from watchdog.model.findings import Finding, Judged, Severity
from watchdog.model.units import duration_text, percent

KEY = "memory_full"
FULL_RATIO = 0.97
MINUTES = 20
SOON_MINUTES = 60
# Programs take their memory when they begin.
GRACE_MINUTES = 10
GROWN_RATIO = 0.02
# Of the minutes, so many must grow; one jump is an allocation.
_GROWING_SHARE = 0.7
_FEWEST_STEPS = 5
_STEP, _FALL, _JUMP = 0.0005, 0.005, 0.1
_STILL_MINUTES = 3
_SOURCE = "ours: growth tells a leak from memory that a framework takes at once"
_ACTION = "Let the job write a checkpoint now; look for tensors that are kept (losses, graphs, caches)."


@dataclass(frozen=True)
class _Growth:
    """Memory of each GPU: the share in use now, minutes until it is full (inf: it does not grow), since when."""

    ratio: Floats
    left: Floats
    since: Ints
    seen: Bools

    @property
    def leaks(self) -> Bools:
        return np.asarray(np.isfinite(self.left))


def judge(facts: Facts) -> Judged:
    """One finding a job; of GPUs without a known job one for each."""
    nobody = unjudged(facts, ("memory_used_bytes",))
    if nobody:
        return nobody
    held = held_jobs(facts)
    growth = _growth(facts, held)
    leaks = growth.leaks
    findings = [_job_finding(facts, held, growth, int(job)) for job in np.flatnonzero(held.count(leaks) > 0)]
    findings += _gpu_findings(facts, growth, leaks & (held.of < 0))
    unseen = held.count(~growth.seen) > 0
    blind = (held.of < 0) & ~growth.seen
    return jobs_judged(facts, held, findings, ~unseen, "no memory was read", gpus=blind)


def _growth(facts: Facts, held: Held) -> _Growth:
    usable = facts.column("memory_total_bytes") - np.nan_to_num(facts.column("memory_reserved_bytes"))
    used = np.asarray(facts.trace.last("memory_used_bytes", TRACE_MINUTES) / usable[:, None], dtype=np.float32)
    young = ~held.old_enough(int(minutes_axis(facts, MINUTES + GRACE_MINUTES)[0]))
    seen = ((covered(used[:, -MINUTES:]) >= COVERED) & ~facts.silent) | young
    grown, length, goes_on = climb(within_job(facts, held, used, GRACE_MINUTES))
    now = facts.column("memory_used_bytes") / usable
    full = (now >= FULL_RATIO) & (grown > GROWN_RATIO)
    leaks = (length >= MINUTES) & (grown > GROWN_RATIO) & goes_on
    ahead = (1 - now) * length / np.where(grown > 0, grown, 1.0)
    left = np.where(full, 0.0, np.where(leaks & (ahead <= SOON_MINUTES), ahead, np.inf))
    return _Growth(now, np.where(facts.silent, np.inf, left), length, seen)


def climb(used: Matrix) -> tuple[Floats, Ints, Bools]:
    """How much each row has grown in small steps since it last fell or jumped, for how many minutes, and whether it goes on.

    A row that stands still has climbed all the same: it may be full.

    Args:
        used: shares of the memory, shape (rows, minutes), NaN where there is none.
    """
    filled = _filled(used)
    steps = np.diff(filled, axis=1)
    width, columns = steps.shape[1], np.arange(steps.shape[1])
    broken = np.isnan(steps) | (steps < -_FALL) | (steps > _JUMP)
    rises = (steps > _STEP) & (columns >= width - trailing(~broken)[:, None])
    some = rises.any(axis=1)
    first = np.where(some, rises.argmax(axis=1), width)
    quiet = np.where(some, rises[:, ::-1].argmax(axis=1), width)
    climbed = rises.sum(axis=1) >= np.maximum(_FEWEST_STEPS, _GROWING_SHARE * (width - quiet - first))
    grown = np.where(rises, steps, 0.0).sum(axis=1, dtype=np.float64)
    return np.where(climbed, grown, 0.0), np.where(climbed, width - first, 0), quiet < _STILL_MINUTES


def _filled(used: Matrix) -> Floats:
    """Minutes without a reading take the one before; what lies before the first reading stays NaN."""
    places = np.where(np.isnan(used), 0, np.arange(used.shape[1]))
    np.maximum.accumulate(places, axis=1, out=places)
    return np.asarray(np.take_along_axis(used, places, axis=1), dtype=np.float64)


def _words(ratio: float, left: float) -> str:
    if left == 0:
        return f"has grown until it is full ({percent(ratio)})"
    when = duration_text(timedelta(minutes=round(left)))
    return f"grows steadily, is at {percent(ratio)} and will be full in about {when}"


def _since(facts: Facts, length: int) -> datetime:
    return minute(minutes_axis(facts, TRACE_MINUTES), -max(1, min(length, TRACE_MINUTES)))


def _job_finding(facts: Facts, held: Held, growth: _Growth, job: int) -> Finding:
    rows = held.rows(job)
    rows = rows[growth.leaks[rows]]
    worst = rows[np.argmin(growth.left[rows])]
    ratio, left = float(growth.ratio[worst]), float(growth.left[worst])
    return Finding(
        check=KEY,
        severity=Severity.WARNING,
        explanation=f"The memory of job {named(held, job)[4:]} on {its(held, job, rows)} {_words(ratio, left)}.",
        action=_ACTION,
        source=_SOURCE,
        since=_since(facts, int(growth.since[worst])),
        value=ratio,
        evidence=readings(facts, held, rows, "memory_used_bytes", "memory_total_bytes"),
        **of_job(held, job),
    )


def _gpu_findings(facts: Facts, growth: _Growth, mask: Bools) -> Iterator[Finding]:
    for row, at in zip(gpu_rows(facts, mask), np.flatnonzero(mask), strict=True):
        yield Finding(
            check=KEY,
            severity=Severity.WARNING,
            subject=gpu_subject(row),
            explanation=f"The memory of {place(row)} {_words(float(growth.ratio[at]), float(growth.left[at]))}.",
            action=_ACTION,
            source=_SOURCE,
            since=_since(facts, int(growth.since[at])),
            value=float(growth.ratio[at]),
            evidence=reading(row, "memory_used_bytes", "memory_total_bytes"),
            **holder(row),
        )


CHECK = Check(
    key=KEY,
    title="Memory fills up",
    definition=(
        f"The memory in use grew by {GROWN_RATIO:.0%} of the GPU's or more, in many small steps and without falling, "
        f"and is at {FULL_RATIO:.0%}, or has grown for {MINUTES} minutes and will be full within {SOON_MINUTES}. What "
        f"a job takes in its first {GRACE_MINUTES} minutes does not count."
    ),
    source=_SOURCE,
    judge=judge,
    action=_ACTION,
    cleared_by="It no longer grows, or the job ends.",
)
