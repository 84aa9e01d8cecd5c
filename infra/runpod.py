"""RunPod's REST API v2, as far as we use it, and the reads of money that only GraphQL has.

Facts: https://api.runpod.io/v2/openapi.json. The key is sent in a header and is never part of a URL, a log or an error.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

import msgspec

from infra import errors
from infra.http import Wire
from infra.wire import Balance, CreatePod, DataCenter, GpuType, Pod, PodBill

API = "https://api.runpod.io/v2"
GRAPHQL = "https://api.runpod.io/graphql"
# docs.runpod.io/pods/configuration/expose-ports
PROXY = "https://{pod}-{port}.proxy.runpod.net"

_T = TypeVar("_T")


class _Pods(msgspec.Struct):
    pods: list[Pod]


class _Gpus(msgspec.Struct):
    gpus: list[GpuType]


class _DataCenters(msgspec.Struct, rename="camel"):
    data_centers: list[DataCenter]


class _Bills(msgspec.Struct):
    records: list[PodBill]


class RunPod:
    """The calls we make. All raise InfraError (`infra.errors`); a listing that fails is never an empty one."""

    def __init__(self, wire: Wire, api: str = API, graphql: str = GRAPHQL) -> None:
        self._wire = wire
        self._api = api.rstrip("/")
        self._graphql = graphql

    def pods(self) -> list[Pod]:
        """Every pod of the account, ours or not; terminated ones stay in it for a while."""
        return _decoded(self._get("/pods", "list pods"), _Pods, "the list of pods").pods

    def pod(self, pod_id: str) -> Pod:
        """One pod, or NotFoundError."""
        return _decoded(self._get(f"/pods/{pod_id}", f"read pod {pod_id}"), Pod, "a pod")

    def create(self, wanted: CreatePod) -> Pod:
        """Rent a pod, once: after UnavailableError it may exist all the same, so list before trying again."""
        body = msgspec.json.encode(wanted)
        said = self._wire.send("POST", f"{self._api}/pods", f"rent {wanted.name}", body=body, again=False)
        return _decoded(said, Pod, "a rented pod")

    def terminate(self, pod_id: str) -> None:
        """Return a pod for good, with its disk. A pod that is gone already is fine."""
        try:
            self._wire.send("DELETE", f"{self._api}/pods/{pod_id}", f"return pod {pod_id}")
        except errors.NotFoundError:
            return
        except errors.RefusedStateError:
            self._act(pod_id, "terminate")

    def stop(self, pod_id: str) -> None:
        """Release the GPUs of a pod and keep its disk, which is billed on."""
        self._act(pod_id, "stop")

    def start(self, pod_id: str) -> None:
        """Start a stopped pod; NoCapacityError where its GPU has been rented away meanwhile."""
        self._act(pod_id, "start")

    def gpus(self, count: int, cloud: str) -> list[GpuType]:
        """The catalogue, with what is free now for pods of `count` GPUs in `cloud`."""
        params = {"include": "AVAILABILITY", "product": "POD", "count": str(count), "cloud": cloud}
        return _decoded(self._get("/catalog/gpus", "read the catalogue", params), _Gpus, "the catalogue").gpus

    def data_centers(self) -> list[DataCenter]:
        """All data centres."""
        said = self._get("/catalog/datacenters", "list data centres")
        return _decoded(said, _DataCenters, "the data centres").data_centers

    def bills(self, since: datetime, until: datetime, bucket: str = "hour") -> list[PodBill]:
        """What RunPod billed for each pod in each hour or day of the window."""
        params = {"startTime": _rfc3339(since), "endTime": _rfc3339(until), "bucketSize": bucket}
        return _decoded(self._get("/billing/pods", "read the bill", params), _Bills, "the bill").records

    def balance(self) -> Balance:
        """Money left and spent an hour now, over the whole account."""
        me = self._ask("query { myself { clientBalance currentSpendPerHr } }")
        try:
            return Balance(usd=float(me["clientBalance"]), usd_per_hour=float(me["currentSpendPerHr"]))
        except (KeyError, TypeError, ValueError):
            raise _no_money_told() from None

    def spend_limit(self) -> float | None:
        """RunPod's own ceiling for the account, USD an hour; None: it does not say."""
        limit = self._ask("query { myself { spendLimit } }").get("spendLimit")
        return None if limit is None else float(limit)

    def _get(self, path: str, what: str, params: dict[str, str] | None = None) -> bytes:
        return self._wire.send("GET", f"{self._api}{path}", what, params=params)

    def _act(self, pod_id: str, action: str) -> None:
        body = msgspec.json.encode({"action": action})
        self._wire.send("POST", f"{self._api}/pods/{pod_id}/action", f"{action} pod {pod_id}", body=body)

    def _ask(self, query: str) -> dict[str, Any]:
        body = msgspec.json.encode({"query": query})
        said = _decoded(
            self._wire.send("POST", self._graphql, "read the balance", body=body), dict[str, Any], "the balance"
        )
        try:
            me = said["data"]["myself"]
        except (KeyError, TypeError):
            me = None
        if not isinstance(me, dict):
            raise _no_money_told()
        return me


def _no_money_told() -> errors.ForbiddenError:
    return errors.ForbiddenError("RunPod does not tell the balance", hint="The key needs GraphQL read access.")


def _decoded(body: bytes, kind: type[_T], what: str) -> _T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise errors.UnavailableError(
            f"RunPod sent {what} in a form that cannot be read: {error}",
            hint="Update GPU Watchdog, or look at the console.",
        ) from None


def _rfc3339(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
