"""A job whose GPUs all stop at the same moment: storage, network or a collective that waits for one rank.

Two ways to see it: utilization of all its GPUs falls to nothing together; or it stays high, as the waiting kernels
spin, and their power falls together far below the job's own earlier level.

Source: JUWELS Booster job 9479418 (64 nodes, 23 stalls at 0.43 of the usual power with utilization at 96 %);
marin#7344 (512 GPUs, 100 % busy during a stall of 33 minutes). Checkpoints stop a job for up to a minute or two.
"""

from __future__ import annotations

import numpy as np

from watchdog.analysis.gpu_state import IDLE_BELOW
from watchdog.analysis.health.check import Bools, Check
from watchdog.analysis.health.facts import TRACE_MINUTES, Facts
from watchdog.analysis.health.held import (
    Held,
    busy_minutes,
    held_jobs,
    its,
    jobs_judged,
    minute,
    minutes_axis,
    named,
    of_job,
    quantile,
    trailing,
    unjudged,
    within_job,
)
from watchdog.analysis.health.throttled import throttled
from watchdog.analysis.health.together import POWER_RATIO, fallen, low_together, usual
from watchdog.analysis.health.trace import Matrix
from watchdog.analysis.load import BUSY_METRICS
from watchdog.model.arrays import Floats, Ints
from watchdog.model.findings import Evidence, Finding, Judged, Severity

KEY = "job_stall"
MINUTES = 3
# The minute that is under way does not count.
_COLUMNS = MINUTES + 1
GRACE_MINUTES = 5
WORKED_MINUTES = 5
# A GPU that the job works with; others of its GPUs cannot stop.
WORKING_ABOVE = 0.3
SPINNING_ABOVE = 0.8
_SOURCE = "JUWELS Booster job 9479418; marin#7344"
_ACTION = "Look at the file system and the network, then at the job's log; it may go on by itself."


def judge(facts: Facts) -> Judged:
    """One finding a job of two GPUs or more."""
    nobody = unjudged(facts, BUSY_METRICS)
    if nobody:
        return nobody
    held = held_jobs(facts)
    busy = within_job(facts, held, busy_minutes(facts, TRACE_MINUTES), GRACE_MINUTES)
    power = within_job(facts, held, facts.trace.last("power_watts", TRACE_MINUTES), GRACE_MINUTES)
    mean, draw = held.means(busy), held.means(power)
    several = held.sizes >= 2
    candidates = several & (_silent(mean) | _spins(mean, draw))
    slow = throttled(facts, _COLUMNS) if candidates.any() else np.zeros(len(held.of), dtype=bool)
    found = [_finding(facts, held, int(job), busy, power, slow) for job in np.flatnonzero(candidates)]
    unseen = several & (np.isnan(mean[:, -_COLUMNS:]).sum(axis=1) > 1) & _old(facts, held)
    # Idle for as long as is remembered: nothing tells whether it ever worked.
    forgotten = several & _silent(mean) & (quantile(mean, 1.0) < WORKING_ABOVE) & _old(facts, held)
    why = "no utilization was read, or none of the time when it worked"
    return jobs_judged(facts, held, [each for each in found if each], ~(unseen | forgotten), why)


def _old(facts: Facts, held: Held) -> Bools:
    return np.asarray(held.started_us <= minutes_axis(facts, WORKED_MINUTES + GRACE_MINUTES)[0])


def _silent(mean: Floats) -> Bools:
    last = mean[:, -_COLUMNS:]
    return np.asarray((np.fmax.reduce(last, axis=1) < IDLE_BELOW) & ~np.isnan(last[:, -1]))


def _spins(mean: Floats, draw: Floats) -> Bools:
    """Jobs worth a closer look: busy, with their power far below what it was."""
    low = np.fmax.reduce(draw[:, -_COLUMNS:], axis=1) <= 1.1 * POWER_RATIO * np.fmax.reduce(draw, axis=1)
    return np.asarray(low & (np.fmin.reduce(mean[:, -_COLUMNS:], axis=1) >= SPINNING_ABOVE))


def _finding(facts: Facts, held: Held, job: int, busy: Matrix, power: Matrix, slow: Bools) -> Finding | None:
    rows = held.rows(job)
    spins = bool(np.nanmean(busy[rows, -_COLUMNS:]) >= SPINNING_ABOVE)
    if spins and slow[rows].any():
        return None
    working = rows[usual(busy[rows]) >= WORKING_ABOVE]
    stopped = low_together(power[working]) if spins else silent_together(busy[working])
    length = int(trailing(stopped[None, :])[0])
    worked = int((~stopped & ~np.isnan(busy[working]).all(axis=0)).sum()) if len(working) else 0
    if len(working) < 2 or length < _COLUMNS or worked < WORKED_MINUTES:
        return None
    how = _power_words(power[working], length) if spins else "fell to 0 % busy"
    return Finding(
        check=KEY,
        severity=Severity.WARNING,
        explanation=(
            f"{named(held, job)} stands still: {its(held, job, working)} {how} at the same moment "
            f"{length - 1} min ago, and wait."
        ),
        action=_ACTION,
        source=_SOURCE,
        since=minute(minutes_axis(facts, TRACE_MINUTES), -length),
        value=float(np.nanmean(busy[working, -_COLUMNS:])),
        evidence=_evidence(facts, working, busy, power, length),
        **of_job(held, job),
    )


def silent_together(busy: Floats | Matrix) -> Bools:
    """Minutes in which every GPU of a job is idle, after one of them had been busy."""
    return fallen(busy, np.full(len(busy), np.nextafter(IDLE_BELOW, 0)))


def _power_words(power: Matrix, length: int) -> str:
    now, before = np.nanmean(power[:, -length:]), np.nanmean(usual(power))
    return f"read busy, but their power fell from {before:.0f} W to {now:.0f} W each"


def _evidence(facts: Facts, rows: Ints, busy: Matrix, power: Matrix, length: int) -> tuple[Evidence, ...]:
    told = [Evidence("gpu_util_ratio", f"{_mean(busy[rows, -length:]):.0%}, usually {_mean(usual(busy[rows])):.0%}")]
    if not np.isnan(power[rows, -length:]).all():
        watts = f"{_mean(power[rows, -length:]):.0f} W, usually {_mean(usual(power[rows])):.0f} W"
        told.append(Evidence("power_watts", watts))
    return tuple(Evidence(each.what, f"{each.value}, mean of {len(rows)} GPUs", facts.at) for each in told)


def _mean(values: Floats | Matrix) -> float:
    return float(np.nanmean(values))


CHECK = Check(
    key=KEY,
    title="Job stands still",
    definition=(
        f"For {MINUTES} minutes or more all GPUs that a job worked with for {WORKED_MINUTES} minutes before are under "
        f"5 % busy, or busy at {POWER_RATIO:.0%} of their own usual power or below; all since the same minute. Jobs of "
        "one GPU are not judged, nor is the power of throttled ones."
    ),
    source=_SOURCE,
    judge=judge,
    action=_ACTION,
    cleared_by="One of the GPUs works again, or the job ends.",
)
