"""Jobs that hang: a kernel that spins reads 100 % busy, but draws little power, and always the same.

Source: `analysis.gpu_state`; nebius/soperator#796 states the rule, NVIDIA/nccl#968 and horovod#3611 show it (70 W, and
47 W of 250 W, at 100 %). Where SM activity is published, a GPU whose SMs work is never hung.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from watchdog.analysis.gpu_state import COVERED, HUNG_ABOVE, HUNG_POWER_RATIO, STEADY_POWER_RATIO
from watchdog.analysis.health.check import Bools, Check, gpu_rows, gpu_subject, holder, place, reading
from watchdog.analysis.health.facts import Facts
from watchdog.analysis.health.held import (
    Held,
    busy_minutes,
    held_jobs,
    its,
    jobs_judged,
    minutes_axis,
    named,
    of_job,
    readings,
    unjudged,
)
from watchdog.analysis.health.throttled import throttled
from watchdog.analysis.health.trace import covered
from watchdog.analysis.load import BUSY_METRICS
from watchdog.model.arrays import Floats
from watchdog.model.findings import Finding, Judged, Severity

KEY = "hung"
MINUTES = 10
# Spinning keeps a few SMs active at most.
WORKING_SMS = 0.1
_SOURCE = "nebius/soperator#796, NVIDIA/nccl#968: constant 100 % at very low power"
_ACTION = "Look at the job's log and stacks (py-spy, NCCL RAS); cancel and restart it from its last checkpoint."


def judge(facts: Facts) -> Judged:
    """One finding a job with all its hung GPUs; of GPUs without a known job one for each."""
    nobody = unjudged(facts, BUSY_METRICS, ("power_watts",))
    if nobody:
        return nobody
    held = held_jobs(facts)
    hung, seen = _hung(facts)
    seen |= ~held.old_enough(int(minutes_axis(facts, MINUTES)[0]))
    findings = [_job_finding(facts, held, hung, int(job)) for job in np.flatnonzero(held.count(hung) > 0)]
    findings += _gpu_findings(facts, hung & (held.of < 0))
    unseen = held.count(~seen) > 0
    return jobs_judged(facts, held, findings, ~unseen, "no power was read", gpus=(held.of < 0) & ~seen)


def _hung(facts: Facts) -> tuple[Bools, Bools]:
    """Which GPUs spin, and of which it can be told."""
    busy, power = busy_minutes(facts, MINUTES), facts.trace.last("power_watts", MINUTES)
    limit = facts.column("power_limit_watts")
    seen = (covered(busy) >= COVERED) & (covered(power) >= COVERED) & ~np.isnan(limit) & ~facts.silent
    low, high = np.fmin.reduce(power, axis=1), np.fmax.reduce(power, axis=1)
    pinned = (np.fmin.reduce(busy, axis=1) >= HUNG_ABOVE) & (facts.column("busy_ratio") >= HUNG_ABOVE)
    spins = pinned & (high < HUNG_POWER_RATIO * limit) & (high - low <= STEADY_POWER_RATIO * limit)
    return spins & seen & ~_works(facts) & ~throttled(facts, MINUTES), seen


def _works(facts: Facts) -> Bools:
    active: Floats = np.fmax.reduce(facts.trace.last("sm_active_ratio", MINUTES), axis=1)
    return np.asarray(active >= WORKING_SMS)


def _job_finding(facts: Facts, held: Held, hung: Bools, job: int) -> Finding:
    rows = held.rows(job)
    rows = rows[hung[rows]]
    watts, limit = facts.column("power_watts")[rows], facts.column("power_limit_watts")[rows]
    return Finding(
        check=KEY,
        severity=Severity.CRITICAL,
        explanation=(
            f"{named(held, job)} seems to hang: {its(held, job, rows)} were 100 % busy for {MINUTES} min at "
            f"only {np.nanmean(watts):.0f} W of {np.nanmean(limit):.0f} W, and did not move."
        ),
        action=_ACTION,
        source=_SOURCE,
        value=float(np.nanmean(watts / limit)),
        evidence=readings(facts, held, rows, "gpu_util_ratio", "power_watts", "sm_clock_hertz"),
        **of_job(held, job),
    )


def _gpu_findings(facts: Facts, hung: Bools) -> Iterator[Finding]:
    for row in gpu_rows(facts, hung):
        yield Finding(
            check=KEY,
            severity=Severity.CRITICAL,
            subject=gpu_subject(row),
            explanation=(
                f"{place(row)} seems to hang: 100 % busy for {MINUTES} min at only {row['power_watts']:.0f} W of "
                f"{row['power_limit_watts']:.0f} W."
            ),
            action=_ACTION,
            source=_SOURCE,
            evidence=reading(row, "gpu_util_ratio", "power_watts", "sm_clock_hertz"),
            **holder(row),
        )


CHECK = Check(
    key=KEY,
    title="Job hangs",
    definition=(
        f"For {MINUTES} minutes a GPU was at least {HUNG_ABOVE:.0%} busy, its power stayed under "
        f"{HUNG_POWER_RATIO:.0%} of its limit and moved by no more than {STEADY_POWER_RATIO:.0%} of it; where SM "
        f"activity is published, that was under {WORKING_SMS:.0%}, too. Throttled GPUs are not judged to hang."
    ),
    source=_SOURCE,
    judge=judge,
    action=_ACTION,
    cleared_by="The GPUs work again, or the job ends.",
)
