"""What was seen last of the account: pods, money, what is to be had, and what is out of order."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from infra.book import Book, ClusterEntry
from infra.budget import overrun
from infra.ownership import ours
from infra.prices import PriceList, live, offline
from infra.reconcile import Report
from infra.wire import Balance, GpuType, Pod


@dataclass(frozen=True)
class Trouble:
    """Why something could not be read, and what to do."""

    error: str
    hint: str = ""


@dataclass(frozen=True)
class Sight:
    """One look at RunPod. What could not be read keeps what was read before, and says so.

    Attributes:
        connected: whether there is a key at all.
        tried_at: when it was looked last; None: not yet.
        at: when the list of pods came last.
        report: the list against our record and Terraform's state.
        gpus: the catalogue with what is free for pods of one GPU, by cloud.
        networked: data centres with the private network.
        trouble: of the list; money_trouble: of the balance; catalogue_trouble: of the catalogue.
    """

    connected: bool = False
    tried_at: datetime | None = None
    at: datetime | None = None
    pods: tuple[Pod, ...] = ()
    report: Report | None = None
    balance: Balance | None = None
    gpus: dict[str, tuple[GpuType, ...]] = field(default_factory=dict)
    networked: frozenset[str] = frozenset()
    book: Book = field(default_factory=Book)
    trouble: Trouble | None = None
    money_trouble: Trouble | None = None
    catalogue_trouble: Trouble | None = None

    @property
    def whole(self) -> bool:
        """Whether the list of pods came with the last look."""
        return self.at is not None and self.tried_at is not None and self.at >= self.tried_at

    def mine(self, entry: ClusterEntry) -> list[Pod]:
        """The pods of a cluster that RunPod listed."""
        return ours(self.pods, entry.name, entry.owner)

    def clusters(self) -> list[ClusterEntry]:
        """Clusters that have pods, in the list or by our record."""
        return [entry for entry in self.book.clusters.values() if self.mine(entry) or self.book.live(entry.name)]

    def overrun(self, entry: ClusterEntry, now: datetime) -> str:
        """In words what a cluster costs beyond its budget; empty while it is within."""
        usd_per_hour = sum(pod.cost for pod in self.mine(entry))
        return overrun(entry.max_hourly, entry.max_total, usd_per_hour, self.book.spent_usd(entry.name, now))

    def prices(self, cloud: str) -> PriceList:
        """The catalogue's prices where it was read; else the dated table."""
        known = self.gpus.get(cloud)
        return live(list(known)) if known else offline()

    @property
    def usd_per_hour(self) -> float:
        """What our pods cost an hour, as RunPod said last."""
        return sum(pod.cost for entry in self.clusters() for pod in self.mine(entry))
