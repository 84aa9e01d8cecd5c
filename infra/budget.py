"""Whether the money is there and allowed, before anything is rented."""

from __future__ import annotations

import math
from dataclasses import dataclass

from infra import prices
from infra.errors import BudgetError, PaymentError
from infra.spec import Wishes
from infra.wire import Balance

# RunPod starts nothing below an hour's worth of credit.
_LEAST_HOURS = 1.0


@dataclass(frozen=True)
class Cost:
    """USD for one hour of the cluster, by its parts."""

    gpus: float
    disks: float

    @property
    def hourly(self) -> float:
        """USD an hour, all together."""
        return self.gpus + self.disks

    def over(self, hours: float) -> float:
        """USD for so many hours."""
        return self.hourly * hours


def cluster_cost(wishes: Wishes, gpu_usd: float, disk_usd: float) -> Cost:
    """Price of a GPU x GPUs a pod x pods, and the disks.

    Args:
        wishes: pods, GPUs a pod, sizes of disks.
        gpu_usd: USD an hour for one GPU.
        disk_usd: USD a month for one GB of disk.
    """
    return Cost(gpu_usd * wishes.gpu_count * wishes.pods, prices.disk_usd_an_hour(wishes.disks_gb, disk_usd))


def check_limits(wishes: Wishes, cost: Cost, spent_usd: float) -> None:
    """BudgetError where the cluster would cost more than the owner allowed.

    Args:
        wishes: the limits and the hours until the deadline.
        cost: of the whole cluster.
        spent_usd: what it has cost before.
    """
    if wishes.max_hourly is not None and cost.hourly > wishes.max_hourly:
        raise BudgetError(
            f"${cost.hourly:.2f} an hour is above --max-hourly ${wishes.max_hourly:.2f}",
            hint="Fewer workers, a smaller GPU.",
        )
    total = spent_usd + cost.over(wishes.hours)
    if wishes.max_total is not None and total > wishes.max_total:
        before = f" and ${spent_usd:.2f} before" if spent_usd else ""
        raise BudgetError(
            f"${cost.over(wishes.hours):.2f} for {wishes.hours:g} h{before} is above --max-total ${wishes.max_total:.2f}",
            hint=f"--hours {_hours_that_fit(wishes, cost, spent_usd):.1f} would fit.",
        )


def overrun(max_hourly: float | None, max_total: float | None, usd_per_hour: float, spent_usd: float) -> str:
    """In words what a cluster that runs has spent beyond its budget; empty while it is within.

    Args:
        max_hourly: the budget of an hour, as when it was rented; None: no limit.
        max_total: the budget in all; None: no limit.
        usd_per_hour: what its pods cost now.
        spent_usd: what it has cost so far.
    """
    found = []
    if max_hourly is not None and usd_per_hour > max_hourly:
        found.append(f"${usd_per_hour:.2f} an hour is above --max-hourly ${max_hourly:.2f}")
    if max_total is not None and spent_usd > max_total:
        found.append(f"${spent_usd:.2f} so far is above --max-total ${max_total:.2f}")
    return "; ".join(found)


def check_balance(cost: Cost, balance: Balance, already_usd: float = 0.0) -> None:
    """PaymentError where the balance does not carry the first hour of what is new, or RunPod's own limit is passed.

    Args:
        cost: of the whole cluster.
        balance: of the account.
        already_usd: what of that cost runs already, USD an hour.
    """
    new = max(0.0, cost.hourly - already_usd)
    needed = (balance.usd_per_hour + new) * _LEAST_HOURS
    if new and balance.usd < needed:
        raise PaymentError(
            f"the balance is ${balance.usd:.2f}; an hour of everything would cost ${needed:.2f}",
            hint="Add credit at console.runpod.io/user/billing.",
        )
    limit = balance.limit_usd_per_hour
    if limit is not None and balance.usd_per_hour + new > limit:
        raise PaymentError(
            f"${balance.usd_per_hour + new:.2f} an hour in all is above RunPod's limit for the account, ${limit:.2f}",
            hint="Ask RunPod to raise the spend limit, or rent less.",
        )


def hours_left(balance: Balance, more_usd_per_hour: float = 0.0) -> float:
    """Hours until the balance is used up if `more_usd_per_hour` is spent beside all that runs; infinite if nothing is."""
    spend = balance.usd_per_hour + more_usd_per_hour
    return balance.usd / spend if spend > 0 else float("inf")


def _hours_that_fit(wishes: Wishes, cost: Cost, spent_usd: float) -> float:
    assert wishes.max_total is not None
    return max(0, math.floor((wishes.max_total - spent_usd) / cost.hourly * 10 + 1e-9)) / 10
