"""Which pods are ours: those with the cluster's name AND its marker. Accounts are shared, and pods get cloned."""

from __future__ import annotations

import re
from collections.abc import Iterable

from infra.wire import Pod

MARKER = "WATCHDOG_MARKER"
_ROLE = re.compile(r"(?P<cluster>.+)-(?:head|worker-(?P<index>\d+))")


def head_name(cluster: str) -> str:
    """Name of the head pod."""
    return f"{cluster}-head"


def worker_name(cluster: str, index: int) -> str:
    """Name of a worker pod, counted from 0."""
    return f"{cluster}-worker-{index}"


def address_of(name: str) -> str:
    """Terraform's address for a pod of this name."""
    found = _ROLE.fullmatch(name)
    index = found["index"] if found else None
    return "runpod_pod.head" if index is None else f"runpod_pod.worker[{index}]"


def named_like(pod: Pod, cluster: str) -> bool:
    """Whether it is named as a pod of this cluster is."""
    found = _ROLE.fullmatch(pod.name)
    return found is not None and found["cluster"] == cluster


def is_ours(pod: Pod, cluster: str, owner: str) -> bool:
    """Whether it was rented for this cluster by the one who keeps its record."""
    return named_like(pod, cluster) and pod.env.get(MARKER) == owner


def ours(pods: Iterable[Pod], cluster: str, owner: str) -> list[Pod]:
    """Our pods that may still cost money."""
    return [pod for pod in pods if pod.billed and is_ours(pod, cluster, owner)]
