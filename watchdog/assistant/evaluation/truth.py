"""What is so in a simulated cluster, from the simulation itself: nothing here asks the store, a service or a tool."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from watchdog.base.errors import ToolError
from watchdog.sources.demo.cluster import DemoCluster
from watchdog.sources.demo.faults import Fault
from watchdog.sources.demo.jobs import JobState
from watchdog.sources.demo.records import DemoJob, DemoNode

# So far back questions of a window reach.
HOURS = 2.0
_TEMPLATE = re.compile(r"\{([\w.]+)\}")
_MINUTE = timedelta(minutes=1)
# A GPU that is used less than this, on the mean of a minute, is idle: docs/jobs.md.
_IDLE_BELOW = 0.05
_OUT = {"draining", "drained", "down"}


@dataclass(frozen=True)
class Truth:
    """Names and values by their dotted name; a name is told as Slurm tells it ("48264_3"), a place as "gpu03:3"."""

    values: Mapping[str, Any]

    def filled(self, text: str) -> str:
        """The text with its templates filled; ToolError for a name that is not known."""
        return _TEMPLATE.sub(lambda found: str(self.value(found[1])), text)

    def listed(self, told: str | Iterable[str]) -> frozenset[str]:
        """Names: each filled; a text that is a template alone may stand for a whole list."""
        if not isinstance(told, str):
            return frozenset(name for each in told for name in self.listed(each))
        found = _TEMPLATE.fullmatch(told)
        value = self.value(found[1]) if found else self.filled(told)
        return frozenset(map(str, value)) if isinstance(value, list) else frozenset([str(value)])

    def value(self, name: str) -> Any:  # noqa: ANN401 (a name, a number or a list)
        """The value; ToolError where the world has none of that name."""
        if name not in self.values:
            raise ToolError(f"the world has no {name!r}", hint=f"It has: {', '.join(sorted(self.values))}.")
        return self.values[name]


def truth_of(cluster: DemoCluster, past: Iterable[pd.DataFrame], now: datetime, price: float) -> Truth:
    """Everything that a question may ask about.

    Args:
        cluster: as of `now`.
        past: its samples of the last HOURS, as its pages showed them (SAMPLES).
        now: when the questions are asked.
        price: of a GPU-hour.
    """
    jobs, nodes = cluster.jobs(now), cluster.nodes(now)
    values = _names(jobs, nodes) | _faults(cluster.faults(), jobs, now) | _queue(jobs, now) | _room(nodes)
    values |= _ended(jobs, now) | _cost(jobs, now, price) | _readings(pd.concat(past), jobs, now, price)
    return Truth(values)


def _id(job: DemoJob) -> str:
    """As Slurm writes it."""
    return str(job.job_id) if job.array_job_id is None else f"{job.array_job_id}_{job.job_id - job.array_job_id}"


def _names(jobs: Sequence[DemoJob], nodes: Sequence[DemoNode]) -> dict[str, Any]:
    states = {f"node.{node.name}.state": node.state for node in nodes}
    return states | {
        "all.jobs": [_id(job) for job in jobs],
        "all.users": sorted({job.user for job in jobs}),
        "all.nodes": [node.name for node in nodes],
        "count.nodes": len(nodes),
        "count.gpus": sum(node.gpus for node in nodes),
        "out.nodes": [node.name for node in nodes if node.state in _OUT],
    }


def _faults(faults: Sequence[Fault], jobs: Sequence[DemoJob], now: datetime) -> dict[str, Any]:
    """Of the newest fault of each kind; what is over has `past.` before its name."""
    known = {job.job_id: job for job in jobs}
    values: dict[str, Any] = {}
    for fault in faults:
        name = str(fault.kind) if fault.until > now else f"past.{fault.kind}"
        job = known.get(fault.job or 0)
        values |= {
            f"{name}.node": fault.node,
            f"{name}.gpu": fault.gpu,
            f"{name}.place": f"{fault.node}:{fault.gpu}",
            f"{name}.places": [f"{node}:{index}" for node, index in fault.gpus],
            f"{name}.seconds": (now - fault.since).total_seconds(),
            f"{name}.clock": f"{fault.since + (min(fault.until, now) - fault.since) / 2:%H:%M}",
        }
        values |= {f"{name}.job": _id(job), f"{name}.user": job.user} if job else {}
    return values


def _queue(jobs: Sequence[DemoJob], now: datetime) -> dict[str, Any]:
    waiting = sorted((job for job in jobs if job.state is JobState.PENDING), key=lambda job: job.submitted_at)
    running = [job for job in jobs if job.state is JobState.RUNNING]
    held = Counter[str]()
    for job in running:
        held[job.user] += len(job.held)
    values: dict[str, Any] = {
        "queue.waiting": len(waiting),
        "queue.waiting_jobs": [_id(job) for job in waiting],
        "queue.running": len(running),
        "queue.running_jobs": [_id(job) for job in running],
        "queue.held": sum(held.values()),
        "queue.wanted": sum(job.gpus for job in waiting),
    }
    values |= {f"user.{user}.gpus": count for user, count in held.items()}
    values |= {f"user.{user}.jobs": [_id(job) for job in running if job.user == user] for user in held}
    if waiting:
        oldest = waiting[0]
        values |= {"longest.job": _id(oldest), "longest.user": oldest.user, "longest.gpus": oldest.gpus}
        values |= {"longest.seconds": (now - oldest.submitted_at).total_seconds()}
    if running:
        largest = max(running, key=lambda job: (len(job.held), -job.job_id))
        values |= {"largest.job": _id(largest), "largest.user": largest.user, "largest.gpus": len(largest.held)}
    return values


def _room(nodes: Sequence[DemoNode]) -> dict[str, Any]:
    free = {node.name: node.gpus - node.gpus_held for node in nodes if node.state not in _OUT}
    return {"free.gpus": sum(free.values()), "free.largest": max(free.values(), default=0)}


def _ended(jobs: Sequence[DemoJob], now: datetime) -> dict[str, Any]:
    """Jobs that ended in the window."""
    since = now - timedelta(hours=HOURS)
    ended = [job for job in jobs if job.ended_at is not None and since <= job.ended_at < now]
    failed = [job for job in ended if job.state is not JobState.COMPLETED]
    return {"failed.jobs": [_id(job) for job in failed], "failed.count": len(failed), "ended.count": len(ended)}


def _cost(jobs: Sequence[DemoJob], now: datetime, price: float) -> dict[str, Any]:
    """GPU-hours held in the window, by user, and their price."""
    hours = defaultdict[str, float](float)
    for job in jobs:
        hours[job.user] += _held_hours(job, now)
    top = max(hours, key=lambda user: hours[user])
    values = {f"held.{user}.seconds": 3600 * count for user, count in hours.items()}
    values |= {f"cost.{user}": price * count for user, count in hours.items()}
    return values | {
        "cost.top.user": top,
        "cost.top.usd": price * hours[top],
        "cost.total": price * sum(hours.values()),
    }


def _held_hours(job: DemoJob, now: datetime) -> float:
    if job.started_at is None:
        return 0.0
    since = max(job.started_at, now - timedelta(hours=HOURS))
    return max(0.0, (min(job.ended_at or now, now) - since).total_seconds()) / 3600 * len(job.held)


def _readings(samples: pd.DataFrame, jobs: Sequence[DemoJob], now: datetime, price: float) -> dict[str, Any]:
    kept = samples[samples["sampled_at"] < pd.Timestamp(now)]
    busy = _wide(kept, "gpu_util_ratio")
    values = _hottest(_wide(kept, "gpu_temperature_celsius"), now)
    values |= _power(_wide(kept, "power_watts"), now)
    values |= _waste(busy, jobs, now, price)
    for ago in (30, 60, 90):
        at = now - ago * _MINUTE
        # What is shown for an instant is the reading just before it.
        mean = _mean(_since(busy, at - _MINUTE, at + timedelta(seconds=1)))
        values |= {f"then{ago}.busy": mean, f"then{ago}.clock": f"{at:%H:%M}"}
    return values | {"hour.busy": _mean(_since(busy, now - timedelta(hours=1)))}


def _mean(table: pd.DataFrame) -> float:
    """Of all readings that there are."""
    return float(np.nanmean(table.to_numpy(dtype=np.float64)))


def _wide(samples: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Instants down, places across."""
    rows = samples[samples["metric"] == metric]
    place = rows["node"].astype(str) + ":" + rows["gpu_index"].astype(str)
    table = pd.DataFrame({"at": rows["sampled_at"], "place": place, "value": rows["value"]})
    return table.pivot_table(index="at", columns="place", values="value")


def _hottest(celsius: pd.DataFrame, now: datetime) -> dict[str, Any]:
    """The place with the highest reading of the last hour."""
    hour = _since(celsius, now - timedelta(hours=1)).max().to_dict()
    place = max(hour, key=lambda each: hour[each])
    return {"hot.place": str(place), "hot.celsius": hour[place]}


def _power(watts: pd.DataFrame, now: datetime) -> dict[str, Any]:
    """The node that drew most in the last hour: the sum of its GPUs that were read, on the mean."""
    hour = _since(watts, now - timedelta(hours=1))
    nodes = sorted({str(place).partition(":")[0] for place in hour.columns})
    drawn = {node: hour.filter(like=f"{node}:").sum(axis=1, min_count=1).mean() for node in nodes}
    node = max(drawn, key=lambda each: drawn[each])
    return {"power.node": node, "power.watts": drawn[node]}


def _since(table: pd.DataFrame, since: datetime, until: datetime | None = None) -> pd.DataFrame:
    rows = table.index >= pd.Timestamp(since)
    return table[rows & (table.index < pd.Timestamp(until))] if until else table[rows]


def _waste(busy: pd.DataFrame, jobs: Sequence[DemoJob], now: datetime, price: float) -> dict[str, Any]:
    """Hours of the window in which held GPUs were idle, by user."""
    idle = defaultdict[str, float](float)
    for job in jobs:
        idle[job.user] += _idle_seconds(job, busy, now)
    order = sorted(idle, key=lambda user: -idle[user])
    values = {f"idle.{user}.seconds": seconds for user, seconds in idle.items()}
    return values | {
        "waste.user": order[0],
        "waste.seconds": idle[order[0]],
        "waste.usd": price * idle[order[0]] / 3600,
        "waste.gap": idle[order[0]] - idle[order[1]],
    }


def _idle_seconds(job: DemoJob, busy: pd.DataFrame, now: datetime) -> float:
    """Of all its GPUs: the time it held them in minutes whose mean was idle."""
    if job.started_at is None:
        return 0.0
    rows = _since(busy, job.started_at, job.ended_at or now)
    places = [place for node, index in job.held if (place := f"{node}:{index}") in busy]
    minute = pd.DatetimeIndex(rows.index).floor("1min")
    by_minute = rows[places].groupby(minute)
    step = pd.Timedelta(busy.index[1] - busy.index[0]).total_seconds()
    idle = by_minute.count().where(by_minute.mean() < _IDLE_BELOW, 0)
    return step * float(int(idle.to_numpy().sum()))
