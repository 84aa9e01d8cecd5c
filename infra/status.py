"""How the pods of a cluster do, for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from infra.book import Book
from infra.budget import overrun
from infra.ownership import ours
from infra.pod_state import gpu_use, state_of
from infra.wire import Balance, Pod


@dataclass(frozen=True)
class PodLine:
    """One pod of ours. `gpu_ratio` is the mean use of its GPUs, 0 to 1, None where RunPod does not say."""

    name: str
    pod_id: str
    state: str
    gpu: str
    usd_per_hour: float
    age_seconds: float
    gpu_ratio: float | None


@dataclass(frozen=True)
class Status:
    """A cluster now: its pods, what it costs, and until when."""

    cluster: str
    at: datetime
    pods: list[PodLine]
    deadline_at: datetime | None
    spent_usd: float
    balance: Balance
    over_budget: str = ""

    @property
    def usd_per_hour(self) -> float:
        """What RunPod says the pods cost now."""
        return sum(pod.usd_per_hour for pod in self.pods)

    def text(self) -> str:
        """For people."""
        if not self.pods:
            return f"Cluster {self.cluster}: no pods. Account: ${self.balance.usd_per_hour:.2f} an hour, balance ${self.balance.usd:.2f}."
        lines = [
            f"  {pod.name:<24} {pod.pod_id:<15} {pod.state:<22} {pod.gpu:<28} ${pod.usd_per_hour:>6.2f}/h "
            f"{_age(pod.age_seconds):>8}  {_percent(pod.gpu_ratio)}"
            for pod in self.pods
        ]
        until = f"to be returned by {self.deadline_at:%Y-%m-%d %H:%M} UTC" if self.deadline_at else "no deadline"
        over = [f"  OVER BUDGET: {self.over_budget}."] if self.over_budget else []
        money = f"${self.usd_per_hour:.2f} an hour, about ${self.spent_usd:.2f} so far, {until}"
        return "\n".join(
            [f"Cluster {self.cluster}: {len(self.pods)} pods, {money}. Balance ${self.balance.usd:.2f}.", *over, *lines]
        )


def status(cluster: str, pods: Sequence[Pod], book: Book, balance: Balance, now: datetime) -> Status:
    """Put a status together from RunPod's list and our record."""
    entry = book.clusters.get(cluster)
    mine = ours(pods, cluster, entry.owner) if entry else []
    lines = [_line(pod, now) for pod in sorted(mine, key=lambda pod: (len(pod.name), pod.name))]
    spent = book.spent_usd(cluster, now)
    if entry is None:
        return Status(cluster, now, lines, None, spent, balance)
    over = overrun(entry.max_hourly, entry.max_total, sum(pod.cost for pod in mine), spent)
    return Status(cluster, now, lines, entry.deadline_at, spent, balance, over)


def _line(pod: Pod, now: datetime) -> PodLine:
    gpu = f"{pod.gpu.count} x {pod.gpu.id.removeprefix('NVIDIA ')}" if pod.gpu else "no GPU"
    age = (now - pod.created_at).total_seconds()
    return PodLine(pod.name, pod.id, state_of(pod, now).words, gpu, pod.cost, age, gpu_use(pod))


def _age(seconds: float) -> str:
    hours, minutes = divmod(int(seconds) // 60, 60)
    return f"{hours} h {minutes:02} m"


def _percent(ratio: float | None) -> str:
    return "GPU use unknown" if ratio is None else f"GPUs {ratio:.0%}"
