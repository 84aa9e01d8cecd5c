"""The attributes of `runpod_pod` 2.0, as RunPod's migration guide (integrations/terraform/migration) tells them."""

from __future__ import annotations

from tf.schema import Attribute, Schema
from tf.types import Bool, List, Map, Number, String, TfType


class Object(TfType):
    """An object with attributes of fixed types; a dict in Python."""

    def __init__(self, **kinds: TfType):
        self.kinds = kinds

    def encode(self, value):
        return value

    def decode(self, value):
        return value

    def tf_type(self) -> bytes:
        kinds = ",".join(f'"{name}":{kind.tf_type().decode()}' for name, kind in self.kinds.items())
        return f'["object",{{{kinds}}}]'.encode()


# Not returned when a pod is read: known from the configuration alone.
CREATE_ONLY = (
    "template_id",
    "start_ssh",
    "start_jupyter",
    "allowed_cuda_versions",
    "min_cuda_version",
    "min_ram_per_gpu",
    "min_vcpu_count_per_gpu",
    "data_center_ids",
)
# Change with the life of the pod.
LIVE = ("status", "cost", "memory_in_gb", "cluster_ip", "data_center_id")


def _replaces(name: str, kind: TfType, **more) -> Attribute:
    return Attribute(name, kind, optional=True, requires_replace=True, **more)


def _plain(name: str, kind: TfType, **more) -> Attribute:
    return Attribute(name, kind, optional=True, **more)


def _told(name: str, kind: TfType) -> Attribute:
    return Attribute(name, kind, computed=True)


POD = Schema(
    version=1,
    attributes=[
        Attribute("name", String(), required=True),
        _plain("image", String()),
        _plain("args", String()),
        _plain("disk", Number(), computed=True),
        _replaces("cloud", String(), computed=True),
        _plain("env", Map(String())),
        _plain("ports", List(String())),
        _plain("persistent_volume", Object(size=Number(), path=String())),
        _plain("network_volumes", List(Object(volume_id=String(), path=String()))),
        _replaces("gpu_type_id", String()),
        _replaces("gpu_count", Number(), computed=True),
        _replaces("cpu_type_id", String()),
        _replaces("vcpu_count", Number()),
        _replaces("min_cuda_version", String()),
        _replaces("allowed_cuda_versions", List(String())),
        _replaces("min_ram_per_gpu", Number()),
        _replaces("min_vcpu_count_per_gpu", Number()),
        _replaces("template_id", String()),
        _replaces("start_ssh", Bool()),
        _replaces("start_jupyter", Bool()),
        _replaces("data_center_ids", List(String())),
        _plain("global_networking", Bool()),
        _plain("registry", String()),
        _plain("desired_state", String()),
        _plain("locked", Bool(), computed=True),
        *(_told(name, String()) for name in ("id", "status", "created_at", "cluster_ip", "data_center_id")),
        *(_told(name, Number()) for name in ("cost", "memory_in_gb")),
    ],
)
PROVIDER = Schema(
    version=1,
    attributes=[
        _plain("api_key", String(), sensitive=True),
        _plain("base_url", String()),
        _plain("graphql_url", String()),
    ],
)
