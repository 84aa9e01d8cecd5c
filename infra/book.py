"""What the records add up to: clusters, their pods, and intents whose outcome is not known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import singledispatchmethod
from typing import Any

from infra import records as r


@dataclass(frozen=True)
class PodEntry:
    """A pod as we wrote it down. `hourly_usd` is what it costs an hour; None instants have not come."""

    pod_id: str
    cluster: str
    name: str
    gpu_type: str
    gpu_count: int
    hourly_usd: float
    rented_at: datetime
    how: str
    ready_at: datetime | None = None
    returning_at: datetime | None = None
    returned_at: datetime | None = None
    proof: str = ""

    def cost_usd(self, now: datetime) -> float:
        """What it has cost by our own clock: from when we wrote it down until it was seen returned."""
        until = self.returned_at or now
        return max(0.0, (until - self.rented_at).total_seconds()) / 3600 * self.hourly_usd


@dataclass
class ClusterEntry:
    """A cluster as we wrote it down: its marker, its deadline, its budget, and intents still open."""

    name: str
    owner: str
    deadline_at: datetime | None = None
    gpu_type: str = ""
    max_hourly: float | None = None
    max_total: float | None = None
    open_intents: dict[str, r.Intended] = field(default_factory=dict)

    def settled_at(self, settle: float) -> datetime | None:
        """When nothing of an open intent may turn up any more, `settle` seconds after the newest; None: none is open."""
        newest = max((intent.at for intent in self.open_intents.values()), default=None)
        return None if newest is None else newest + timedelta(seconds=settle)


class Book:
    """All records added up."""

    def __init__(self, records: Iterable[r.Record] = ()) -> None:
        self.clusters: dict[str, ClusterEntry] = {}
        self.pods: dict[str, PodEntry] = {}
        for record in records:
            self.add(record)

    def live(self, cluster: str) -> list[PodEntry]:
        """Pods of a cluster that were rented and not seen returned."""
        return [pod for pod in self.pods.values() if pod.cluster == cluster and pod.returned_at is None]

    def spent_usd(self, cluster: str, now: datetime) -> float:
        """What all pods of a cluster have cost so far, by our own clock."""
        return sum(pod.cost_usd(now) for pod in self.pods.values() if pod.cluster == cluster)

    @singledispatchmethod
    def add(self, record: r.Record) -> None:
        """Take in one more record; kinds without a meaning here change nothing."""

    @add.register
    def _(self, record: r.Founded) -> None:
        self.clusters[record.cluster] = ClusterEntry(record.cluster, record.owner)

    @add.register
    def _(self, record: r.Intended) -> None:
        entry = self.clusters.get(record.cluster)
        if entry is not None:
            entry.open_intents[record.run] = record
            entry.deadline_at = record.deadline_at
            entry.gpu_type = record.gpu_type
            entry.max_hourly, entry.max_total = record.max_hourly, record.max_total

    @add.register
    def _(self, record: r.Settled) -> None:
        entry = self.clusters.get(record.cluster)
        if entry is not None:
            entry.open_intents.pop(record.run, None)

    @add.register
    def _(self, record: r.Extended) -> None:
        entry = self.clusters.get(record.cluster)
        if entry is not None:
            entry.deadline_at = record.deadline_at

    @add.register
    def _(self, record: r.Rented) -> None:
        self.pods.setdefault(
            record.pod_id,
            PodEntry(
                record.pod_id,
                record.cluster,
                record.name,
                record.gpu_type,
                record.gpu_count,
                record.hourly_usd,
                record.at,
                record.how,
            ),
        )

    @add.register
    def _(self, record: r.Priced) -> None:
        self._mark(record.pod_id, hourly_usd=record.hourly_usd)

    @add.register
    def _(self, record: r.Ready) -> None:
        self._mark(record.pod_id, ready_at=record.at)

    @add.register
    def _(self, record: r.Returning) -> None:
        self._mark(record.pod_id, returning_at=record.at)

    @add.register
    def _(self, record: r.Returned) -> None:
        self._mark(record.pod_id, returned_at=record.at, proof=record.proof)

    def _mark(self, pod_id: str, **changes: Any) -> None:  # noqa: ANN401 (fields of PodEntry)
        if pod_id in self.pods:
            self.pods[pod_id] = replace(self.pods[pod_id], **changes)
