"""Jobs that Slurm calls COMPLETED though all that they ran failed: the script went on, and its last line returned 0.

Source: JUWELS Booster job 9438058, COMPLETED with 200 of 200 steps FAILED.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from watchdog.analysis.health.check import Check
from watchdog.analysis.health.ended import with_state
from watchdog.analysis.health.facts import Facts
from watchdog.analysis.health.node_down import rows_of
from watchdog.analysis.health.sight import as_far_as_read, fresh_slurm, slurm_unseen, texts
from watchdog.model.findings import Evidence, Finding, Judged, Severity, Subject
from watchdog.model.slurm.records import JobState

KEY = "steps_failed"
_FAILED = (JobState.FAILED, JobState.OUT_OF_MEMORY, JobState.NODE_FAIL, JobState.TIMEOUT)
_SCRIPT = ("batch", "extern", "interactive")
_SOURCE = "Slurm's job and step states; JUWELS Booster job 9438058"
_ACTION = "Tell the user: the results are likely missing. `set -e` in the script lets the job fail with its steps."


def judge(facts: Facts) -> Judged:
    """One finding a job."""
    slurm = fresh_slurm(facts)
    if slurm is None:
        return slurm_unseen(facts)
    jobs = with_state(slurm, JobState.COMPLETED.value)
    failed = all_failed(slurm.steps)
    found = jobs[jobs["job_id"].isin(failed.index).to_numpy(dtype=bool)]
    findings = tuple(_finding(row, int(failed.loc[row["job_id"], "steps"]), failed) for row in rows_of(found))
    return as_far_as_read(facts, Judged(findings))


def all_failed(steps: pd.DataFrame) -> pd.DataFrame:
    """Jobs of which a step failed and none completed: index job_id; `steps` how many there were, `exit_code` the last one's.

    Args:
        steps: STEPS; the script's own ones (batch, extern) do not count.
    """
    own = steps[~np.isin(texts(steps, "step_id"), _SCRIPT)]
    states = texts(own, "state")
    table = pd.DataFrame(
        {
            "job_id": texts(own, "job_id"),
            "failed": np.isin(states, [state.value for state in _FAILED]),
            "fine": np.isin(states, [JobState.COMPLETED.value, JobState.RUNNING.value]),
            "exit_code": own["exit_code"].array,
        }
    )
    grouped = table.groupby("job_id", sort=False)
    sums = grouped.agg(steps=("failed", "size"), failed=("failed", "sum"), fine=("fine", "sum"))
    sums = sums.assign(exit_code=grouped["exit_code"].last())
    return sums[((sums["failed"] > 0) & (sums["fine"] == 0)).to_numpy(dtype=bool)]


def _finding(row: dict[str, Any], count: int, failed: pd.DataFrame) -> Finding:
    job, code = str(row["job_id"]), failed.loc[row["job_id"], "exit_code"]
    bad = int(failed.loc[row["job_id"], "failed"])
    ended = row["ended_at"].to_pydatetime()
    steps = f"all its {count} steps failed" if bad == count else f"{bad} of its {count} steps failed and none completed"
    return Finding(
        check=KEY,
        severity=Severity.WARNING,
        subject=Subject(job_id=job),
        explanation=f"Job {job} of {row['user']} ended COMPLETED, but {steps if count > 1 else 'its only step failed'}.",
        action=_ACTION,
        source=_SOURCE,
        since=ended,
        job_id=job,
        user=str(row["user"]),
        value=float(bad),
        evidence=(
            Evidence("state", "COMPLETED", ended),
            Evidence("steps", f"{bad} of {count} failed, the last with exit code {'n/a' if pd.isna(code) else code}"),
        ),
    )


CHECK = Check(
    key=KEY,
    title="All steps failed, job COMPLETED",
    definition=(
        "A job ended COMPLETED within the last hour, one of its steps or more failed, and none completed; the script "
        "itself (batch, extern) does not count."
    ),
    source=_SOURCE,
    judge=judge,
    action=_ACTION,
    cleared_by="An hour after the job's end.",
)
