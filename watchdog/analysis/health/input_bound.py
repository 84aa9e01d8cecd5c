"""A job that has become slow: its utilization fell far below its own earlier steady level, and stays there.

Mostly it waits for its input. The thresholds are ours, chosen so that evaluation passes, checkpoints and services with
a daily rhythm (all above half of their level, or shorter than ten minutes) are left alone.
"""

from __future__ import annotations

import numpy as np

from watchdog.analysis.gpu_state import COVERED, IDLE_BELOW
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
from watchdog.analysis.health.trace import covered
from watchdog.analysis.load import BUSY_METRICS
from watchdog.model.arrays import Floats, Ints
from watchdog.model.findings import Evidence, Finding, Judged, Severity
from watchdog.model.units import percent

KEY = "input_bound"
MINUTES = 20
FALLEN_RATIO = 0.45
STEADY_ABOVE = 0.5
EARLIER_MINUTES = 10
GRACE_MINUTES = 10
_STEADY_RATIO = 0.7
_SOURCE = "ours: evaluation passes and a daily rhythm keep above half of the steady level"
_ACTION = "Look at what feeds it: data loaders, storage, network, the CPUs of its nodes."


def judge(facts: Facts) -> Judged:
    """One finding a job; a job whose steady level was more than an hour ago is not judged."""
    nobody = unjudged(facts, BUSY_METRICS)
    if nobody:
        return nobody
    held = held_jobs(facts)
    mean = held.means(within_job(facts, held, busy_minutes(facts, TRACE_MINUTES), GRACE_MINUTES))
    level, length = fallen_from(mean)
    now = quantile(mean[:, -MINUTES:], 0.5)
    # Idle jobs are judged by others.
    found = np.flatnonzero((length >= MINUTES) & (now >= IDLE_BELOW))
    findings = [_finding(facts, held, int(job), level, now, length) for job in found]
    old = held.started_us < minutes_axis(facts, TRACE_MINUTES)[0]
    unseen = covered(mean[:, -MINUTES:].astype(np.float32)) < COVERED
    why = "no utilization was read, or none of the time when it was steady"
    return jobs_judged(facts, held, findings, ~(old & (unseen | _forgotten(mean, now))), why)


def fallen_from(mean: Floats) -> tuple[Floats, Ints]:
    """The steady level of each row before it fell, and for how many minutes it has been down (0: it has not fallen).

    Args:
        mean: utilization, shape (jobs, minutes), NaN where nobody read.
    """
    usual = quantile(mean, 0.75)
    down = (mean < FALLEN_RATIO * usual[:, None]) | np.isnan(mean)
    length = trailing(down)
    columns = np.arange(mean.shape[1])
    inside = columns >= mean.shape[1] - length[:, None]
    earlier = np.where(inside, np.nan, mean)
    level, shaky = quantile(earlier, 0.5), quantile(earlier, 0.25)
    steady = (level >= STEADY_ABOVE) & (shaky >= _STEADY_RATIO * level)
    enough = (~np.isnan(earlier)).sum(axis=1) >= EARLIER_MINUTES
    read = (~np.isnan(mean) & inside).sum(axis=1) >= COVERED * length
    lower = np.where(inside, mean, np.nan)
    below = quantile(lower, 0.75) < FALLEN_RATIO * level
    return level, np.where(steady & enough & read & below, length, 0)


def _forgotten(mean: Floats, now: Floats) -> Bools:
    return np.asarray((quantile(mean, 0.75) < STEADY_ABOVE) & (now >= IDLE_BELOW))


def _finding(facts: Facts, held: Held, job: int, level: Floats, now: Floats, length: Ints) -> Finding:
    before, after, minutes = float(level[job]), float(now[job]), int(length[job])
    return Finding(
        check=KEY,
        severity=Severity.WARNING,
        explanation=(
            f"{named(held, job)} has slowed down: {its(held, job, held.rows(job))} fell from {percent(before)} "
            f"to {percent(after)} busy and stay there for {minutes} min."
        ),
        action=_ACTION,
        source=_SOURCE,
        since=minute(minutes_axis(facts, TRACE_MINUTES), -minutes),
        value=after,
        evidence=(
            Evidence("gpu_util_ratio", f"{percent(after)} in the last {MINUTES} min, mean of its GPUs", facts.at),
            Evidence("gpu_util_ratio", f"{percent(before)} before, mean of its GPUs"),
        ),
        **of_job(held, job),
    )


CHECK = Check(
    key=KEY,
    title="Job slowed down",
    definition=(
        f"The mean utilization of a job's GPUs stayed under {FALLEN_RATIO:.0%} of its own earlier level for {MINUTES} "
        f"minutes; the earlier level was steady, at {STEADY_ABOVE:.0%} or more, for {EARLIER_MINUTES} minutes. The "
        f"first {GRACE_MINUTES} minutes of a job do not count."
    ),
    source=_SOURCE,
    judge=judge,
    action=_ACTION,
    cleared_by="Its utilization is near the earlier level again, or the job ends.",
)
