"""The queue at an instant: who waits for how long and why, who runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from watchdog.analysis.pending import FORGOTTEN, Explanation, explain, explain_code
from watchdog.model.slurm.records import ACTIVE, WAITING, JobState

# Jobs that nobody keeps from starting but their own user, or time: they do not wait for the cluster.
_BY_CHOICE = ("JobHeldUser", "JobHeldAdmin", "BeginTime", "Dependency", "DependencyNeverSatisfied")
# For so many reasons, longest wait first, queue and nodes are looked at; Slurm has about a hundred, a broken source any number.
_LOOKED_AT = 40
_RANK = {**dict.fromkeys(WAITING, 0), **dict.fromkeys(ACTIVE, 1)}


@dataclass(frozen=True)
class Waiting:
    """Jobs that wait for the same reason, by the one that waits longest.

    Attributes:
        reason: Slurm's word, without the nodes that it names.
        jobs: how many there are; the waiting rest of an array counts once.
        job_id, user, since: of the longest wait; since it may start for all that it asks itself.
        explanation: of that job.
        by_choice: its user, an administrator or a dependency keeps it: it does not wait for the cluster.
    """

    reason: str
    jobs: int
    job_id: str
    user: str
    since: datetime
    explanation: Explanation
    by_choice: bool


def as_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Each row as a mapping from column to cell."""
    return [{str(name): cell for name, cell in row.items()} for row in frame.to_dict("records")]


def explained(jobs: pd.DataFrame, at: datetime) -> pd.DataFrame:
    """JOBS with `waited_seconds` (of waiting jobs, since they may start), and `why`, `unblock`, `by`, `known`.

    Waiting jobs come first, the longest wait on top; then running ones, newest first; then ended ones.
    """
    waits = jobs["state"].isin([state.value for state in WAITING]).to_numpy(dtype=bool)
    since = jobs["eligible_at"].fillna(jobs["submitted_at"])
    waited = (pd.Timestamp(at) - since).dt.total_seconds().where(waits)
    told = {reason: explain_code(reason) for reason in jobs.loc[waits, "reason"].unique()}
    why = [told[reason] if wait else None for reason, wait in zip(jobs["reason"], waits, strict=True)]
    table = jobs.assign(
        waited_seconds=waited,
        why=pd.array([found.words if found else "" for found in why], dtype="string"),
        unblock=pd.array([found.unblock if found else "" for found in why], dtype="string"),
        by=pd.array([found.by if found else "" for found in why], dtype="string"),
        known=[found.known if found else True for found in why],
        rank=jobs["state"].map({state.value: rank for state, rank in _RANK.items()}).fillna(2),
        order=waited.fillna((jobs["ended_at"].fillna(jobs["started_at"]).astype("int64") / 1e6).where(~waits)),
    )
    table = table.sort_values(["rank", "order", "job_id"], ascending=[True, False, True], kind="stable")
    return table.drop(columns=["rank", "order"]).reset_index(drop=True)


def reasons(
    jobs: pd.DataFrame, nodes: pd.DataFrame, at: datetime, partitions: pd.DataFrame | None = None
) -> tuple[Waiting, ...]:
    """Why `explained` jobs wait: those that wait for the cluster first, then the longest wait first.

    Args:
        jobs: as `explained` gives them.
        nodes: NODES, to look for room.
        at: the instant of the queue.
        partitions: PARTITIONS, for what they allow; None = not known.
    """
    waits = jobs[jobs["waited_seconds"].notna()].sort_values("waited_seconds", ascending=False, kind="stable")
    waits = waits.assign(code=waits["reason"].str.split(",", n=1).str[0])
    counts = waits["code"].value_counts()
    longest = as_rows(waits.drop_duplicates("code"))
    found = [
        _waiting(job, int(counts[job["code"]]), at, explain(job, jobs, nodes, partitions) if n < _LOOKED_AT else None)
        for n, job in enumerate(longest)
    ]
    return tuple(sorted(found, key=lambda item: (item.by_choice, item.since)))


def _waiting(job: dict[str, Any], count: int, at: datetime, explanation: Explanation | None) -> Waiting:
    reason = str(job["code"])
    return Waiting(
        reason=reason,
        jobs=count,
        job_id=str(job["job_id"]),
        user=str(job["user"]),
        since=at - timedelta(seconds=job["waited_seconds"]),
        explanation=explanation or explain_code(str(job["reason"])),
        by_choice=reason in _BY_CHOICE,
    )


def as_of(history: pd.DataFrame, at: datetime) -> pd.DataFrame:
    """JOB_HISTORY as the queue was at a past instant: JOBS of what waited or ran then.

    A reason is the last one that was seen; of a job that has started since it is not known any more: FORGOTTEN.
    """
    now = pd.Timestamp(at)
    over = history["ended_at"].fillna(history["last_seen_at"].where(history["state"] == JobState.UNKNOWN))
    here = (history["submitted_at"].fillna(history["first_seen_at"]) <= now) & ~(over <= now)
    rows = history[here.to_numpy(dtype=bool)]
    started = (rows["started_at"] <= now).to_numpy(dtype=bool)
    same = (rows["last_seen_at"] <= now).to_numpy(dtype=bool) | rows["state"].isin(
        [s.value for s in WAITING]
    ).to_numpy()
    state = rows["state"].mask(started, JobState.RUNNING.value).mask(~started, JobState.PENDING.value)
    past = rows.assign(
        state=state.astype("string"),
        reason=rows["reason"].where(same, FORGOTTEN).where(~started, "").astype("string"),
        started_at=rows["started_at"].where(started),
        ended_at=pd.Series(pd.NaT, index=rows.index, dtype=rows["ended_at"].dtype),
        exit_code=pd.array([pd.NA] * len(rows), dtype="Int64"),
        signal=pd.array([pd.NA] * len(rows), dtype="Int64"),
    )
    return past.drop(columns=["first_seen_at", "last_seen_at"]).reset_index(drop=True)
