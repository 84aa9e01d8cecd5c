"""`runpod_pod`: attributes to the API's bodies and back."""

from __future__ import annotations

from typing import Any

from tf.iface import Resource
from tf.types import Unknown

from tests.infra.provider.api import Api, RefusedError
from tests.infra.provider.schema import CREATE_ONLY, LIVE, POD

SAME = ("name", "image", "args", "disk", "env", "ports", "registry", "cloud")
CAMEL = {
    "data_center_ids": "dataCenterIds",
    "global_networking": "globalNetworking",
    "start_ssh": "startSsh",
    "start_jupyter": "startJupyter",
    "template_id": "templateId",
}
GPU = {
    "gpu_type_id": "id",
    "gpu_count": "count",
    "min_cuda_version": "minCudaVersion",
    "allowed_cuda_versions": "allowedCudaVersions",
}
UPDATABLE = ("name", "image", "args", "disk", "env", "ports", "registry", "globalNetworking", "mounts", "locked")


def body(state: dict[str, Any]) -> dict[str, Any]:
    """The request that makes a pod of these attributes."""
    known = {key: value for key, value in state.items() if value is not None and value is not Unknown}
    made = {key: known[key] for key in SAME if key in known}
    made |= {CAMEL[key]: known[key] for key in CAMEL if key in known}
    gpu = {GPU[key]: known[key] for key in GPU if key in known}
    return made | ({"gpu": gpu} if gpu else {}) | _mounts(known)


def _mounts(known: dict[str, Any]) -> dict[str, Any]:
    if "persistent_volume" in known:
        return {"mounts": {"persistent": known["persistent_volume"]}}
    if "network_volumes" in known:
        mounts = [{"volumeId": volume["volume_id"], "path": volume["path"]} for volume in known["network_volumes"]]
        return {"mounts": {"network": mounts}}
    return {}


def state(pod: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a pod as read; what is not read back stays as it was."""
    kept = {
        key: old.get(key) for key in (*CREATE_ONLY, "desired_state", "global_networking", "cpu_type_id", "vcpu_count")
    }
    read = {key: pod[key] for key in ("id", "name", "image", "disk", "cloud", "cost", "status", "locked")}
    volume = pod["mounts"].get("persistent")
    volumes = [{"volume_id": mount["volumeId"], "path": mount["path"]} for mount in pod["mounts"].get("network", [])]
    return {
        **kept,
        **read,
        "args": pod["args"] or old.get("args"),
        # RunPod's guide: an import leaves env empty, so that the next apply is an update in place.
        "env": pod["env"] if old.get("env") is not None else None,
        "ports": pod["ports"] or old.get("ports"),
        "registry": pod["registry"],
        "persistent_volume": volume,
        "network_volumes": volumes or None,
        "gpu_type_id": pod["gpu"]["id"],
        "gpu_count": pod["gpu"]["count"],
        "created_at": pod["createdAt"],
        "cluster_ip": pod["globalNetworking"].get("ip", ""),
        "data_center_id": pod["dataCenterId"],
        "memory_in_gb": 0,
    }


class Pod(Resource):
    """A pod, rented when it is created."""

    def __init__(self, provider):
        self.api: Api = provider.api

    @classmethod
    def get_name(cls) -> str:
        return "_pod"

    @classmethod
    def get_schema(cls):
        return POD

    def plan(self, ctx, current, planned):
        if current is not None and ctx.changed_fields:
            planned |= dict.fromkeys(LIVE, Unknown)
        return planned

    def create(self, ctx, planned):
        with Told(ctx, "Could not create the pod") as told:
            told.answer = state(self.api.call("POST", "/pods", body(planned)), planned)
        return told.answer

    def read(self, ctx, current):
        with Told(ctx, "Could not read the pod", gone=None) as told:
            told.answer = current
            pod = self.api.call("GET", f"/pods/{current['id']}")
            told.answer = None if pod["status"] == "TERMINATED" else state(pod, current)
        return told.answer

    def update(self, ctx, current, planned):
        with Told(ctx, "Could not update the pod") as told:
            told.answer = current
            change = {key: value for key, value in body(planned).items() if key in UPDATABLE}
            told.answer = state(self.api.call("PATCH", f"/pods/{current['id']}", change), planned)
        return told.answer

    def delete(self, ctx, current):
        with Told(ctx, "Could not delete the pod", gone=None) as told:
            told.answer = current
            self.api.call("DELETE", f"/pods/{current['id']}")
            told.answer = None
        return told.answer

    def import_(self, ctx, id: str):
        with Told(ctx, "Could not import the pod") as told:
            told.answer = state(self.api.call("GET", f"/pods/{id}"), {})
        return told.answer


class Told:
    """Turns a refusal into an error that Terraform shows; 404 may mean that the pod is gone, which is no error."""

    def __init__(self, ctx, title: str, **on_404):
        self.ctx = ctx
        self.title = title
        self.on_404 = on_404
        self.answer = None

    def __enter__(self):
        return self

    def __exit__(self, _kind, error, _trace) -> bool:
        if not isinstance(error, RefusedError):
            return False
        if error.status == 404 and self.on_404:
            self.answer = self.on_404["gone"]
        else:
            self.ctx.diagnostics.add_error(self.title, str(error))
        return True
