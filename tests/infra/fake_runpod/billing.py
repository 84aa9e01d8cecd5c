"""GET /v2/billing/pods: what each pod cost in each bucket of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.infra.fake_runpod.account import Account
from tests.infra.fake_runpod.clock import rfc3339
from tests.infra.fake_runpod.problem import ProblemError

SECONDS = {"hour": 3600, "day": 86_400}


def pod_billing(account: Account, query: dict[str, str]) -> dict[str, Any]:
    size = query.get("bucketSize", "day")
    if size not in SECONDS:
        raise ProblemError(400, "the fake bills by hour or day")
    since, until = _window(account.clock(), SECONDS[size], query)
    starts = range(int(since), int(until), SECONDS[size])
    pods = [pod for pod in account.pods.values() if query.get("podId", pod.id) == pod.id]
    records = [_record(pod, start, start + SECONDS[size], account.clock()) for start in starts for pod in pods]
    records = [record for record in records if record["totalAmount"] > 0]
    total = {key: sum(record[key] for record in records) for key in _amounts(0, 0)}
    window = {"startTime": rfc3339(since), "endTime": rfc3339(until)}
    metadata = {
        "query": window | {"bucketSize": size},
        "recordCount": len(records),
        "uniquePodCount": len({record["podId"] for record in records}),
        "totals": total,
    }
    return {"records": records, "metadata": metadata}


def _window(now: float, bucket: int, query: dict[str, str]) -> tuple[float, float]:
    if "lastN" in query:
        if "startTime" in query or "endTime" in query:
            raise ProblemError(400, "lastN excludes startTime and endTime")
        until = now // bucket * bucket + bucket
        return until - int(query["lastN"]) * bucket, until
    since = _instant(query.get("startTime")) or now - timedelta(days=30).total_seconds()
    until = _instant(query.get("endTime")) or now
    return since // bucket * bucket, -(-until // bucket) * bucket


def _instant(text: str | None) -> float | None:
    return datetime.fromisoformat(text).astimezone(UTC).timestamp() if text else None


def _record(pod, since: float, until: float, now: float) -> dict[str, Any]:
    gpu, disk = pod.spent(min(until, now), since)
    return {"podId": pod.id, "startTime": rfc3339(since), "endTime": rfc3339(until)} | _amounts(gpu, disk)


def _amounts(gpu: float, disk: float) -> dict[str, float]:
    return {"totalAmount": gpu + disk, "gpuAmount": gpu, "cpuAmount": 0.0, "diskAmount": disk}
