"""Compare what RunPod lists, what we wrote down and what Terraform holds; name every pod that is out of order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from infra import notes
from infra.book import Book, ClusterEntry
from infra.desk import Desk
from infra.ownership import MARKER, is_ours, named_like
from infra.wire import Pod

_Held: TypeAlias = Mapping[str, Mapping[str, str]] | None


@dataclass(frozen=True)
class Finding:
    """A pod that is billed, or may be, and what is out of order with it.

    Attributes:
        kind: unrecorded, unheld (Terraform does not hold it), overdue, returning (was to be returned, still there),
            unmarked (our name without our marker, or the other way round), foreign (of another GPU Watchdog, or of one
            whose record was lost).
        ours: whether name and marker say that we rented it, so that we may return it.
    """

    pod: Pod
    cluster: str
    kind: str
    text: str
    ours: bool


@dataclass(frozen=True)
class Report:
    """What a comparison found.

    Attributes:
        findings: one a pod and fault; `order` are our pods with none.
        vanished: pods that we wrote down and RunPod no longer lists.
        pending: names that may still turn up, by the cluster whose intent is not settled, and until when.
        others: number of pods of the account that have nothing to do with us, and what they cost an hour.
    """

    at: datetime
    order: list[Pod]
    findings: list[Finding]
    vanished: list[str]
    pending: dict[str, tuple[list[str], datetime]]
    others: tuple[int, float]

    @property
    def returnable(self) -> list[Finding]:
        """Ours and out of order: one for each pod."""
        return list({finding.pod.id: finding for finding in self.findings if finding.ours}.values())

    @property
    def clean(self) -> bool:
        """Whether nothing is out of order and nothing may still turn up."""
        return not (self.findings or self.pending)


def reconcile(desk: Desk, held: Mapping[str, Mapping[str, str]]) -> Report:
    """Compare, and write down what was found: pods of ours that were not recorded, and those that are gone.

    Args:
        desk: with the lock held, so that nobody rents meanwhile.
        held: what Terraform holds, by cluster and address.

    Raises:
        InfraError: RunPod's list cannot be had; nothing is then known.
    """
    pods = desk.runpod.pods()
    before = notes.book(desk)
    vanished = []
    for cluster, entry in before.clusters.items():
        mine = [pod for pod in pods if pod.billed and is_ours(pod, cluster, entry.owner)]
        notes.record_unknown(desk, cluster, mine, "found")
        vanished += notes.gone(desk, cluster, pods)
        _settle_old(desk, entry)
    return report(pods, before, notes.book(desk), held, desk.clock.now(), desk.timing.settle, vanished)


def report(
    pods: Sequence[Pod],
    before: Book,
    after: Book,
    held: _Held,
    now: datetime,
    settle: float,
    vanished: Sequence[str] = (),
) -> Report:
    """The comparison itself, without writing.

    Args:
        pods: RunPod's list.
        before: our record before the list was taken in.
        after: our record after it.
        held: what Terraform holds, by cluster and address; None: not known here, so no pod is said to be unheld.
        now: the instant of the list.
        settle: seconds after an intent in which a pod of it may still turn up.
        vanished: recorded pods that the list lacks.
    """
    order: list[Pod] = []
    findings: list[Finding] = []
    others: list[Pod] = []
    for pod in filter(lambda pod: pod.billed, pods):
        found = _judge(pod, before, held, now)
        findings += found or []
        if found == []:
            order.append(pod)
        if found is None:
            others.append(pod)
    pending = {
        name: (sorted({n for i in entry.open_intents.values() for n in i.names}), until)
        for name, entry in after.clusters.items()
        if (until := entry.settled_at(settle)) is not None
    }
    return Report(now, order, findings, list(vanished), pending, (len(others), sum(pod.cost for pod in others)))


def _judge(pod: Pod, book: Book, held: _Held, now: datetime) -> list[Finding] | None:
    """What is wrong with a pod; None where it has nothing to do with us."""
    for cluster, entry in book.clusters.items():
        if is_ours(pod, cluster, entry.owner):
            return [Finding(pod, cluster, kind, text, ours=True) for kind, text in _faults(pod, entry, book, held, now)]
        if named_like(pod, cluster) or pod.env.get(MARKER) == entry.owner:
            text = "has our name or our marker, but not both: rented by somebody else, renamed or cloned"
            return [Finding(pod, cluster, "unmarked", text, ours=False)]
    if pod.env.get(MARKER):
        text = "rented by another GPU Watchdog, or by this one before its record was lost"
        return [Finding(pod, pod.env.get("WATCHDOG_CLUSTER", ""), "foreign", text, ours=False)]
    return None


def _faults(pod: Pod, entry: ClusterEntry, book: Book, held: _Held, now: datetime) -> Iterable[tuple[str, str]]:
    known = book.pods.get(pod.id)
    if known is None:
        yield "unrecorded", "rented for this cluster, but its answer never reached us"
    if held is not None and pod.id not in held.get(entry.name, {}).values():
        yield "unheld", "Terraform does not hold it"
    if entry.deadline_at is not None and now >= entry.deadline_at:
        yield "overdue", f"was to be returned by {entry.deadline_at:%Y-%m-%d %H:%M} UTC"
    if known is not None and known.returning_at is not None:
        yield "returning", f"was to be returned at {known.returning_at:%H:%M} UTC, and is still there"


def _settle_old(desk: Desk, entry: ClusterEntry) -> None:
    until = entry.settled_at(desk.timing.settle)
    if until is not None and desk.clock.now() >= until:
        for run in entry.open_intents:
            notes.settle(desk, entry.name, run, "nothing more turned up")
