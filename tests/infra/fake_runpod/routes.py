"""Which path does what, and the schemas of RunPod's document that its bodies follow."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.infra.fake_runpod.account import Account
from tests.infra.fake_runpod.billing import pod_billing
from tests.infra.fake_runpod.catalog import GpuType, data_centers
from tests.infra.fake_runpod.problem import ProblemError


@dataclass(frozen=True)
class Asked:
    """A request after its method and path."""

    account: Account
    id: str
    query: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Route:
    """`do` answers with a status and a body, or None for no body."""

    method: str
    path: str
    do: Callable[[Asked], tuple[int, Any]]
    asks: str | None = None
    answers: str | None = None


def find(method: str, path: str) -> tuple[Route, str]:
    matching = [(route, match) for route in ROUTES if (match := re.fullmatch(route.path, path))]
    if not matching:
        raise ProblemError(404, "resource not found")
    for route, match in matching:
        if route.method == method:
            return route, match.groupdict().get("id", "")
    allowed = ", ".join(route.method for route, _ in matching)
    raise ProblemError(405, "The requested method is not allowed for this path.", headers={"Allow": allowed})


def _list_pods(asked: Asked) -> tuple[int, Any]:
    now = asked.account.clock()
    return 200, {"pods": [pod.view(now) for pod in asked.account.listed()]}


def _create(asked: Asked) -> tuple[int, Any]:
    return 201, asked.account.create(asked.body).view(asked.account.clock(), fresh=True)


def _get(asked: Asked) -> tuple[int, Any]:
    return 200, asked.account.pod(asked.id).view(asked.account.clock())


def _update(asked: Asked) -> tuple[int, Any]:
    return 200, asked.account.update(asked.id, asked.body).view(asked.account.clock())


def _delete(asked: Asked) -> tuple[int, Any]:
    asked.account.delete(asked.id)
    return 204, None


def _act(asked: Asked) -> tuple[int, Any]:
    pod = asked.account.act(asked.id, asked.body)
    return (204, None) if pod is None else (200, pod.view(asked.account.clock()))


def _gpus(asked: Asked) -> tuple[int, Any]:
    return 200, {"gpus": [_gpu(gpu, asked) for gpu in asked.account.types.values()]}


def _gpu_type(asked: Asked) -> tuple[int, Any]:
    if asked.id not in asked.account.types:
        raise ProblemError(404, "resource not found")
    return 200, _gpu(asked.account.types[asked.id], asked)


def _gpu(gpu: GpuType, asked: Asked) -> dict[str, Any]:
    if "include" not in asked.query:
        return gpu.entry()
    if "product" not in asked.query:
        raise ProblemError(400, "include=AVAILABILITY requires product")
    count, cloud = int(asked.query.get("count", "1")), asked.query.get("cloud", "SECURE")
    level = asked.account.availability(gpu, count, cloud)
    centers = [{"id": center["id"], "name": center["name"], "availability": level} for center in data_centers()]
    return gpu.entry() | {"availability": level} | ({"dataCenters": centers} if level != "NONE" else {})


def _data_centers(asked: Asked) -> tuple[int, Any]:
    wanted = asked.query.get("globalNetwork")
    fits = [center for center in data_centers() if wanted in (None, str(center["globalNetwork"]).lower())]
    return 200, {"dataCenters": fits}


def _keys(asked: Asked) -> tuple[int, Any]:
    return 200, {"keys": asked.account.ssh_keys}


def _set_keys(asked: Asked) -> tuple[int, Any]:
    asked.account.ssh_keys = list(asked.body["keys"])
    return _keys(asked)


def _billing(asked: Asked) -> tuple[int, Any]:
    return 200, pod_billing(asked.account, asked.query)


ROUTES = (
    Route("GET", "/v2/pods", _list_pods, answers="ListPodsResponse"),
    Route("POST", "/v2/pods", _create, "CreatePodRequest", "Pod"),
    Route("GET", "/v2/pods/(?P<id>[^/]+)", _get, answers="Pod"),
    Route("PATCH", "/v2/pods/(?P<id>[^/]+)", _update, "UpdatePodRequest", "Pod"),
    Route("DELETE", "/v2/pods/(?P<id>[^/]+)", _delete),
    Route("POST", "/v2/pods/(?P<id>[^/]+)/action", _act, "PodActionRequest", "Pod"),
    Route("GET", "/v2/catalog/gpus", _gpus, answers="ListGpuTypesResponse"),
    Route("GET", "/v2/catalog/gpus/(?P<id>[^/]+)", _gpu_type, answers="GpuType"),
    Route("GET", "/v2/catalog/datacenters", _data_centers, answers="ListDataCentersResponse"),
    Route("GET", "/v2/account/ssh-keys", _keys, answers="SshKeys"),
    Route("PUT", "/v2/account/ssh-keys", _set_keys, "UpdateSshKeysRequest", "SshKeys"),
    Route("GET", "/v2/billing/pods", _billing, answers="ListPodBillingResponse"),
)
