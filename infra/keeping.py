"""From the driver's journal and RunPod's list into the app's table `pods`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from infra.book import PodEntry
from infra.sight import Sight
from infra.wire import Pod
from watchdog.store.database import Store
from watchdog.store.pods import PodRow, PodStore


def keep(store: Store, sight: Sight) -> None:
    """Write what is new or has changed; StoreError where the store refuses."""
    pods = PodStore(store)
    pods.keep(rows_of(sight, {row.pod_id: row for row in pods.rows()}))


def rows_of(sight: Sight, known: Mapping[str, PodRow]) -> list[PodRow]:
    """All pods of our record, and those of the list that are ours by name and marker and were never recorded.

    A pod that a whole list lacks costs no more from then on, also where the driver has not written that down yet.
    """
    listed = {pod.id: pod for pod in sight.pods}
    rows = [_recorded(entry, listed.get(entry.pod_id)) for entry in sight.book.pods.values()]
    for entry in sight.book.clusters.values():
        rows += [_listed(pod, entry.name) for pod in sight.mine(entry) if pod.id not in sight.book.pods]
    rows += [row for row in known.values() if row.how == "listed" and row.pod_id not in {each.pod_id for each in rows}]
    if not sight.whole:
        return rows
    billed = {pod.id for pod in sight.pods if pod.billed}
    return [row if row.pod_id in billed else _gone(row, known.get(row.pod_id), sight) for row in rows]


def _gone(row: PodRow, before: PodRow | None, sight: Sight) -> PodRow:
    seen = before.returned_at if before is not None else None
    return replace(row, returned_at=row.returned_at or seen or sight.at)


def _recorded(entry: PodEntry, pod: Pod | None) -> PodRow:
    return PodRow(
        pod_id=entry.pod_id,
        cluster=entry.cluster,
        name=entry.name,
        gpu_type=entry.gpu_type,
        gpu_count=entry.gpu_count,
        # The pod's own price counts; a stopped one tells 0, but it has cost what it cost before.
        hourly_usd=pod.cost if pod is not None and pod.cost > 0 else entry.hourly_usd,
        rented_at=entry.rented_at,
        how=entry.how,
        ready_at=entry.ready_at,
        returned_at=entry.returned_at,
    )


def _listed(pod: Pod, cluster: str) -> PodRow:
    gpu = pod.gpu
    return PodRow(
        pod_id=pod.id,
        cluster=cluster,
        name=pod.name,
        gpu_type=gpu.id if gpu else "",
        gpu_count=gpu.count if gpu else 0,
        hourly_usd=pod.cost,
        rented_at=pod.created_at,
        how="listed",
    )
