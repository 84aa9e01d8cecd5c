"""Writing to the journal in the driver's words."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from infra import records as r
from infra.book import Book, ClusterEntry
from infra.desk import Desk
from infra.spec import Spec
from infra.wire import Pod


def book(desk: Desk) -> Book:
    """All that is written so far, added up."""
    return Book(desk.journal.read())


def founded(desk: Desk, cluster: str) -> ClusterEntry:
    """The cluster's entry; a new cluster gets its marker, written down before anything carries it."""
    entry = book(desk).clusters.get(cluster)
    if entry is None:
        owner = f"gpu-watchdog:{secrets.token_hex(8)}"
        desk.journal.append(r.Founded(at=desk.clock.now(), by=desk.by, cluster=cluster, owner=owner))
        entry = ClusterEntry(cluster, owner)
    return entry


def intend(desk: Desk, spec: Spec, names: Sequence[str]) -> str:
    """Write down that these pods are about to be rented; gives the run that `settle` closes."""
    run = secrets.token_hex(6)
    desk.journal.append(
        r.Intended(
            at=desk.clock.now(),
            by=desk.by,
            cluster=spec.wishes.name,
            run=run,
            names=list(names),
            gpu_type=spec.gpu_type,
            gpu_count=spec.wishes.gpu_count,
            hourly_usd=spec.pod_usd,
            deadline_at=spec.deadline_at,
            max_hourly=spec.wishes.max_hourly,
            max_total=spec.wishes.max_total,
        )
    )
    return run


def settle(desk: Desk, cluster: str, run: str, outcome: str) -> None:
    """Write down what became of an intent."""
    desk.journal.append(r.Settled(at=desk.clock.now(), by=desk.by, cluster=cluster, run=run, outcome=outcome))


def rented(desk: Desk, cluster: str, pod: Pod, how: str) -> None:
    """Write down a pod as RunPod lists it."""
    desk.journal.append(
        r.Rented(
            at=desk.clock.now(),
            by=desk.by,
            cluster=cluster,
            pod_id=pod.id,
            name=pod.name,
            gpu_type=pod.gpu.id if pod.gpu else "",
            gpu_count=pod.gpu.count if pod.gpu else 0,
            hourly_usd=pod.cost,
            how=how,
        )
    )


def rented_unseen(desk: Desk, spec: Spec, pod_id: str, name: str) -> None:
    """Write down a pod whose id is all that is known: at once, without asking RunPod for more."""
    desk.journal.append(
        r.Rented(
            at=desk.clock.now(),
            by=desk.by,
            cluster=spec.wishes.name,
            pod_id=pod_id,
            name=name,
            gpu_type=spec.gpu_type,
            gpu_count=spec.wishes.gpu_count,
            hourly_usd=spec.pod_usd,
            how="created",
        )
    )


def record_unknown(desk: Desk, cluster: str, pods: Iterable[Pod], how: str) -> list[Pod]:
    """Write down those that the journal lacks, and give them."""
    known = book(desk).pods
    fresh = [pod for pod in pods if pod.id not in known]
    for pod in fresh:
        rented(desk, cluster, pod, how)
    return fresh


def price(desk: Desk, cluster: str, pods: Iterable[Pod]) -> None:
    """Write down what RunPod itself says the pods cost, where we had another figure."""
    known = book(desk).pods
    for pod in pods:
        if pod.id in known and pod.cost > 0 and abs(pod.cost - known[pod.id].hourly_usd) > 0.0005:
            at = desk.clock.now()
            desk.journal.append(r.Priced(at=at, by=desk.by, cluster=cluster, pod_id=pod.id, hourly_usd=pod.cost))


def proof(pod_id: str, listed: Mapping[str, Pod], at: datetime) -> str:
    """How RunPod's whole list of an instant shows that a pod is not billed; empty where it does not."""
    if pod_id not in listed:
        return f"not in RunPod's list of {at:%H:%M:%S} UTC"
    return "" if listed[pod_id].billed else f"listed as {listed[pod_id].status} at {at:%H:%M:%S} UTC"


def gone(desk: Desk, cluster: str, pods: Iterable[Pod]) -> list[str]:
    """Write down which recorded pods RunPod no longer bills, by a list that is whole; gives their names."""
    listed, at = {pod.id: pod for pod in pods}, desk.clock.now()
    lost = {entry: seen for entry in book(desk).live(cluster) if (seen := proof(entry.pod_id, listed, at))}
    for entry, seen in lost.items():
        returned(desk, cluster, entry.pod_id, seen)
    return [f"{entry.name} ({entry.pod_id})" for entry in lost]


def ready(desk: Desk, cluster: str, pod_id: str) -> None:
    """Write down that a pod can be reached."""
    desk.journal.append(r.Ready(at=desk.clock.now(), by=desk.by, cluster=cluster, pod_id=pod_id))


def returning(desk: Desk, cluster: str, pod_id: str, reason: str) -> None:
    """Write down that a pod is about to be returned."""
    desk.journal.append(r.Returning(at=desk.clock.now(), by=desk.by, cluster=cluster, pod_id=pod_id, reason=reason))


def returned(desk: Desk, cluster: str, pod_id: str, proof: str) -> None:
    """Write down that RunPod no longer bills a pod."""
    desk.journal.append(r.Returned(at=desk.clock.now(), by=desk.by, cluster=cluster, pod_id=pod_id, proof=proof))
