"""What the GPUs of an incident have cost while they did nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from watchdog.alerts.board import OpenIncident
from watchdog.model.alerts import Alert

# Checks that say that GPUs did no work from their beginning on. Of the others no cost is known: a hot GPU still works.
IDLE_CHECKS = frozenset({"held_idle", "hung", "job_stall", "gpu_missing", "node_down", "node_drained", "drained_again"})


@dataclass(frozen=True)
class Prices:
    """What is needed to price GPUs.

    Attributes:
        rates: dollars a GPU-hour by GPU type in small letters, "" for any other (`Config.gpu_rates`).
        gpus: how many GPUs each node has; types: of which type they are.
        places: of each running job a node a GPU that it holds.
    """

    rates: Mapping[str, float] = field(default_factory=dict)
    gpus: Mapping[str, int] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def rate(self, node: str) -> float | None:
        """Dollars an hour of one GPU of a node; None where none is set."""
        return self.rates.get(self.types.get(node, "").lower(), self.rates.get(""))


def cost_so_far(each: OpenIncident, prices: Prices, now: datetime) -> float | None:
    """Dollars for the GPUs that did nothing since it began; None where no price or no such GPU is known.

    A GPU counts once, from the earliest alert about it.
    """
    since: dict[tuple[str, str], datetime] = {}
    for alert in each.alerts:
        for gpu in _idle_gpus(alert, prices):
            since[gpu] = min(since.get(gpu, alert.since), alert.since)
    costs = [_cost(node, began, prices, now) for (node, _), began in since.items()]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known else None


def _idle_gpus(alert: Alert, prices: Prices) -> list[tuple[str, str]]:
    subject = alert.subject
    if alert.finding.check not in IDLE_CHECKS:
        return []
    if subject.gpu_uuid:
        return [(subject.node, subject.gpu_uuid)]
    if subject.job_id:
        return [(node, f"{subject.job_id}:{i}") for i, node in enumerate(prices.places.get(subject.job_id, ()))]
    return [(subject.node, str(number)) for number in range(prices.gpus.get(subject.node, 0))]


def _cost(node: str, began: datetime, prices: Prices, now: datetime) -> float | None:
    rate = prices.rate(node)
    return None if rate is None else max(0.0, (now - began).total_seconds() / 3600) * rate
