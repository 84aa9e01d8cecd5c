"""Pods and money in words."""

from __future__ import annotations

from datetime import datetime

from infra import budget
from infra.book import ClusterEntry
from infra.pod_state import Health
from infra.sight import Sight
from watchdog.model.units import duration_text, instant_text

# Where the app sees only the record of the driver, as in Docker.
ELSEWHERE = (
    "This app reads the record of what is rented and does nothing about it. `make teardown` returns a cluster, "
    "in the folder from which it was rented; the page of `make run` there also extends it."
)
_SHAPES = {Health.OK: "✓", Health.WAITING: "…", Health.BAD: "✕", Health.UNKNOWN: "?"}


def state_text(health: Health, words: str) -> str:
    """Plain text: shape and word, for tables."""
    return f"{_SHAPES[health]} {words}"


def money(amount: float | None) -> str:
    """Dollars with cents; "n/a" where not known."""
    return "n/a" if amount is None else f"${amount:,.2f}"


def gpu_text(gpu_type: str) -> str:
    """RunPod's id of a GPU type without its maker."""
    return gpu_type.removeprefix("NVIDIA ").removeprefix("GeForce ")


def deadline_text(entry: ClusterEntry, now: datetime) -> str:
    """When the cluster is to be returned, and how long that is."""
    if entry.deadline_at is None:
        return "no deadline"
    left = entry.deadline_at - now
    day = instant_text(entry.deadline_at, near=now).replace(":00 UTC", " UTC")
    return f"{day}, in {duration_text(left)}" if left.total_seconds() > 0 else f"{day}, {duration_text(left)} ago"


def hours_left(sight: Sight) -> float | None:
    """How long the balance lasts if all goes on; None where it is not known or nothing is spent."""
    left = budget.hours_left(sight.balance) if sight.balance is not None else float("inf")
    return left if left < float("inf") else None
