"""What rented pods cost, by what their GPUs were given to.

A pod's price is for all its GPUs, whoever holds them; a GPU's share of it is the price over their number. Between two
changes the shares of the jobs and what is free add up to the pod's price, so sums over pods, days, users and jobs agree.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pandas as pd

from watchdog.model.pods import CHARGES, FREE, HELD, UNKNOWN
from watchdog.model.slurm.records import ACTIVE
from watchdog.model.telemetry import Window

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_ACTIVE = {str(state) for state in ACTIVE}


@dataclass(frozen=True)
class _Hold:
    """GPUs of one node that a job held."""

    job_id: str
    submitted_at: datetime | None
    user: str
    since: datetime
    until: datetime
    gpus: int


@dataclass(frozen=True)
class Known:
    """Of which nodes it is known who held their GPUs, and from when until when."""

    nodes: frozenset[str] = frozenset()
    since: datetime | None = None
    until: datetime | None = None

    def covers(self, node: str, at: datetime) -> bool:
        """Whether it is known who held GPUs of the node then."""
        return (
            node in self.nodes and self.since is not None and self.until is not None and self.since <= at < self.until
        )


def charges(
    pods: pd.DataFrame, jobs: pd.DataFrame, job_gpus: pd.DataFrame, known: Known, window: Window
) -> pd.DataFrame:
    """What the pods cost in the window (CHARGES).

    Args:
        pods: PODS; a pod costs from renting to returning, or to the end of the window.
        jobs: JOB_HISTORY of the window; one that runs holds its GPUs to the window's end.
        job_gpus: JOB_GPUS of the same.
        known: of which times it is known who held what.
        window: whose costs are asked for.
    """
    holds = _holds(jobs, job_gpus, window.until)
    rented = [_pod(row) for row in pods.to_dict("records")]
    found = [piece for pod in rented for piece in _pieces(pod, holds, known, window)]
    if not found:
        return CHARGES.empty()
    frame = pd.DataFrame(found, columns=list(CHARGES.columns))
    frame["submitted_at"] = pd.to_datetime(frame["submitted_at"], utc=True)
    return CHARGES.conform(frame)


def _holds(jobs: pd.DataFrame, job_gpus: pd.DataFrame, now: datetime) -> dict[str, list[_Hold]]:
    """By node: who held how many GPUs of it from when to when."""
    key = ["job_id", "submitted_at"]
    started = jobs.loc[jobs["started_at"].notna()]
    ended = started["ended_at"]
    # A job that vanished held its GPUs until it was seen last.
    seen = started["last_seen_at"] if "last_seen_at" in started else pd.Series(pd.NaT, index=started.index)
    until = ended.fillna(seen.where(~started["state"].isin(_ACTIVE)))
    spans = started.assign(held_until=until.fillna(pd.Timestamp(now)))[[*key, "user", "started_at", "held_until"]]
    counts = job_gpus.groupby([*key, "node"], dropna=False, observed=True).size().rename("count").reset_index()
    found: dict[str, list[_Hold]] = {}
    for row in counts.merge(spans, on=key).to_dict("records"):
        found.setdefault(str(row["node"]), []).append(_hold(row))
    return found


def _hold(row: Mapping[Hashable, Any]) -> _Hold:
    submitted = None if pd.isna(row["submitted_at"]) else row["submitted_at"].to_pydatetime()
    user = "" if pd.isna(row["user"]) else str(row["user"])
    since, until = row["started_at"].to_pydatetime(), row["held_until"].to_pydatetime()
    return _Hold(str(row["job_id"]), submitted, user, since, until, int(row["count"]))


@dataclass(frozen=True)
class _Pod:
    """What the arithmetic needs of a row of PODS; `until` is None while it costs on."""

    pod_id: str
    cluster: str
    name: str
    gpus: int
    hourly_usd: float
    since: datetime
    until: datetime | None


def _pod(row: Mapping[Hashable, Any]) -> _Pod:
    until = None if pd.isna(row["returned_at"]) else row["returned_at"].to_pydatetime()
    who = (row["pod_id"], row["cluster"], row["name"], row["gpu_count"])
    return _Pod(*who, row["hourly_usd"], row["rented_at"].to_pydatetime(), until)


def _pieces(pod: _Pod, holds: dict[str, list[_Hold]], known: Known, window: Window) -> Iterator[tuple[object, ...]]:
    since, until = max(pod.since, window.since), min(pod.until or window.until, window.until)
    mine = [hold for hold in holds.get(pod.name, ()) if hold.since < until and hold.until > since]
    for start, end in _cut(since, until, mine, known):
        hours = (end - start) / _HOUR
        for use, job, gpus, part in _shares(pod, start, mine, known):
            who = (job.job_id, job.submitted_at, job.user) if job else ("", None, "")
            usd = pod.hourly_usd * hours * part
            yield (pod.pod_id, pod.cluster, pod.name, start, end, use, *who, gpus * hours, usd)


def _cut(since: datetime, until: datetime, holds: list[_Hold], known: Known) -> Iterator[tuple[datetime, datetime]]:
    """The span, cut at midnight, at changes of holders and where knowledge begins and ends."""
    if since >= until:
        return
    cuts = {since, until}
    cuts |= {at for hold in holds for at in (hold.since, hold.until)}
    cuts |= {at for at in (known.since, known.until) if at is not None}
    day = datetime(since.year, since.month, since.day, tzinfo=UTC) + _DAY
    while day < until:
        cuts.add(day)
        day += _DAY
    inside = sorted(at for at in cuts if since <= at <= until)
    yield from pairwise(inside)


def _shares(
    pod: _Pod, at: datetime, holds: list[_Hold], known: Known
) -> Iterator[tuple[str, _Hold | None, float, float]]:
    """Use, job, GPUs and share of the price of each that has a part in an instant; shares add up to 1."""
    there = [hold for hold in holds if hold.since <= at < hold.until]
    held = sum(hold.gpus for hold in there)
    # Jobs that share GPUs share their price.
    whole = max(held, pod.gpus)
    for hold in there:
        yield HELD, hold, pod.gpus * hold.gpus / whole, hold.gpus / whole
    free = (whole - held) / whole if whole else 1.0
    if free > 0:
        yield FREE if known.covers(pod.name, at) else UNKNOWN, None, pod.gpus * free, free
