"""From wishes to specs: which GPU types will be tried, at which price, and whether the money is there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from infra.book import ClusterEntry
from infra.budget import Cost, check_balance, check_limits, cluster_cost, hours_left
from infra.candidates import Candidate, survey, usable
from infra.errors import PaymentError, PlanError
from infra.prices import PriceList
from infra.spec import Spec, Wishes
from infra.wire import Balance, Pod
from watchdog.base.errors import InfraError


@dataclass(frozen=True)
class Market:
    """What RunPod offers and what we have.

    Attributes:
        networked: data centres with the private network.
        pods: of this cluster. standing: those of them that were ready once.
        spent_usd: what the cluster has cost before.
    """

    price_list: PriceList
    networked: frozenset[str]
    balance: Balance
    pods: Sequence[Pod]
    standing: Sequence[Pod] = ()
    spent_usd: float = 0.0


@dataclass(frozen=True)
class Offer:
    """What would be tried, in order.

    Attributes:
        specs: for those candidates that nothing is against.
        candidates: all that the wishes name, with what is against the others.
        costs: of the whole cluster, for each of `specs`.
        give_up: pods that run on another GPU type and would be returned first.
    """

    wishes: Wishes
    specs: list[Spec]
    candidates: list[Candidate]
    costs: list[Cost]
    market: Market
    give_up: list[Pod]

    def text(self) -> str:
        """For people, before they say yes: what it costs an hour, and for how long."""
        return "\n".join([*self._candidate_lines(), *self._money_lines()])

    @property
    def price_words(self) -> str:
        """USD an hour of the first type, and of the dearest that may come instead."""
        first, most = self.costs[0].hourly, max(cost.hourly for cost in self.costs)
        return f"${first:.2f}" if most == first else f"${first:.2f} (at most ${most:.2f})"

    def _candidate_lines(self) -> Iterable[str]:
        yield f"Cluster {self.wishes.name}: {self.wishes.words}. Prices: {self.market.price_list.source}."
        for candidate in self.candidates:
            cost = cluster_cost(self.wishes, candidate.gpu_usd, self.market.price_list.disk_usd)
            tail = candidate.why_not or f"free: {candidate.gpu.availability.lower()}"
            mark = "-" if candidate.why_not else "+"
            yield f"  {mark} {candidate.gpu.name:<12} ${candidate.gpu_usd:>5.2f} a GPU, ${cost.hourly:>6.2f} an hour  {tail}"

    def _money_lines(self) -> Iterable[str]:
        first, deadline = self.costs[0], self.specs[0].deadline_at
        yield f"It will cost {self.price_words} an hour: ${first.gpus:.2f} for GPUs, ${first.disks:.2f} for disks."
        yield f"It is to be returned by {deadline:%Y-%m-%d %H:%M} UTC: ${first.over(self.wishes.hours):.2f} until then."
        left = hours_left(self.market.balance, first.hourly - sum(pod.cost for pod in self.market.pods))
        yield f"Balance ${self.market.balance.usd:.2f}, enough for {_hours(left)}."
        if self.give_up:
            yield f"RETURNED FIRST, with all that is on them: {', '.join(pod.name for pod in self.give_up)}."


def offer(wishes: Wishes, entry: ClusterEntry, market: Market, now: datetime, *, may_replace: bool) -> Offer:
    """What to try for these wishes; a cluster that runs keeps its GPU type and its deadline.

    Raises:
        CandidateError: nothing fits; PaymentError, BudgetError: the money; PlanError: running pods are in the way.
    """
    candidates = survey(wishes, market.price_list.gpus, market.networked)
    running = {pod.gpu.id for pod in market.standing if pod.gpu}
    kept = [candidate for candidate in candidates if candidate.gpu.id in running]
    if running and not kept and not may_replace:
        raise PlanError(
            f"cluster {wishes.name} runs on {', '.join(sorted(running))}, which --gpu does not name",
            hint="Name it, tear the cluster down first, or say --replace: its pods and disks would be lost.",
        )
    if kept:
        candidates = [replace(candidate, why_not="") for candidate in kept[:1]]
    judged = _judge_money(candidates, wishes, market)
    chosen = usable(judged)
    deadline = _deadline(entry, now, wishes, runs=bool(kept))
    specs = [Spec(wishes, entry.owner, c.gpu.id, c.gpu_usd, deadline, c.data_centers) for c in chosen]
    costs = [cluster_cost(wishes, c.gpu_usd, market.price_list.disk_usd) for c in chosen]
    return Offer(wishes, specs, judged, costs, market, [] if kept else list(market.standing))


def _judge_money(candidates: Sequence[Candidate], wishes: Wishes, market: Market) -> list[Candidate]:
    """The candidates, with those that are too dear struck out; the balance's own word where it rules out all."""
    judged, refusals = [], []
    already = sum(pod.cost for pod in market.pods)
    for candidate in candidates:
        cost = cluster_cost(wishes, candidate.gpu_usd, market.price_list.disk_usd)
        try:
            check_limits(wishes, cost, market.spent_usd)
            check_balance(cost, market.balance, already)
        except InfraError as error:
            refusals.append(error)
            judged.append(replace(candidate, why_not=candidate.why_not or str(error)))
        else:
            judged.append(candidate)
    if refusals and len(refusals) == len(candidates):
        raise next((error for error in refusals if isinstance(error, PaymentError)), refusals[0])
    return judged


def _deadline(entry: ClusterEntry, now: datetime, wishes: Wishes, *, runs: bool) -> datetime:
    if runs and entry.deadline_at is not None and entry.deadline_at > now:
        return entry.deadline_at
    return (now + timedelta(hours=wishes.hours)).replace(microsecond=0)


def _hours(hours: float) -> str:
    return "ever" if hours == float("inf") else f"{hours:.0f} hours"
