"""Whose series is this? Labels of any exporter become node, GPU and part."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from watchdog.model.metrics import Dialect

# Longer label values are cut: 10 kB of job name in a label is a mistake or an attack.
LONGEST = 200

# In order of preference; Prometheus puts `exported_` before a label that it has itself.
UUID_LABELS = ("UUID", "gpu_uuid", "uuid")
NODE_LABELS = ("Hostname", "exported_hostname", "hostname", "exported_instance", "instance")
_INDEX_LABELS = ("gpu", "index", "gpu_index", "minor_number")
_MODEL_LABELS = ("modelName", "model_name", "name")
_BARE_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_COMPUTE_SLICE = re.compile(r"^\d+c\.")

UNKNOWN_NODE = "unknown"
GPU_INFO, MIG_INFO = "nvidia_smi_gpu_info", "nvidia_smi_mig_info"


@dataclass(frozen=True, slots=True)
class Identity:
    """The piece of hardware a series is about."""

    node: str
    gpu_uuid: str
    gpu_index: int | None
    gpu_model: str
    part: str


@dataclass
class Inventory:
    """What nvidia_gpu_exporter says in series of their own: index and model by UUID, profile by instance."""

    gpus: dict[str, tuple[int | None, str]] = field(default_factory=dict)
    profiles: dict[tuple[str, str], str] = field(default_factory=dict)

    def learn(self, name: str, labels: Mapping[str, str]) -> bool:
        """Take in an info series; True if something new was learnt."""
        uuid = _full_uuid(labels.get("uuid", ""))
        if name == GPU_INFO:
            known = (_index(labels), _cut(labels.get("name", "")))
            new = self.gpus.get(uuid) != known
            self.gpus[uuid] = known
            return new
        if name == MIG_INFO:
            key = (uuid, labels.get("gpu_instance_id", ""))
            profile = _COMPUTE_SLICE.sub("", labels.get("profile", ""))
            new = self.profiles.get(key) != profile
            self.profiles[key] = profile
            return new
        return False


def identify(
    labels: Mapping[str, str],
    inventory: Inventory,
    *,
    dialect: Dialect = Dialect.DCGM,
    per_instance: bool = True,
    fallback_node: str = "",
) -> Identity | None:
    """The identity behind `labels`; None if they name no GPU (a switch, a CPU).

    Args:
        labels: of the series, without its name.
        inventory: what info series have told so far.
        dialect: whose labels they are.
        per_instance: whether MIG instances have values of their own (`Metric.per_instance`); otherwise they
            repeat the whole GPU's, and all become its one series.
        fallback_node: the node, where the labels do not name it.
    """
    uuid = _full_uuid(_first(labels, UUID_LABELS))
    index = _index(labels)
    if not uuid and index is None:
        return None
    known_index, known_model = inventory.gpus.get(uuid, (None, ""))
    node = short_node(_first(labels, NODE_LABELS[:3]) or fallback_node or _first(labels, NODE_LABELS[3:]))
    index = known_index if index is None else index
    model = _cut(_first(labels, _MODEL_LABELS)) or known_model
    return Identity(
        node, _cut(uuid) or f"{node}/{index}", index, model, _part(labels, uuid, inventory, dialect, per_instance)
    )


def _part(labels: Mapping[str, str], uuid: str, inventory: Inventory, dialect: Dialect, per_instance: bool) -> str:
    if labels.get("nvlink"):
        return _cut(f"link={labels['nvlink']}")
    if labels.get("xid") and dialect is not Dialect.DCGM:
        return _cut(f"xid={labels['xid']}")
    instance = labels.get("GPU_I_ID") or labels.get("gpu_instance_id")
    if not instance or not per_instance:
        return ""
    profile = labels.get("GPU_I_PROFILE") or inventory.profiles.get((uuid, instance), "")
    return _cut(f"mig={profile}/{instance}" if profile else f"mig={instance}")


def short_node(name: str) -> str:
    """Slurm's short node name: without port and domain; addresses stay whole."""
    host = _without_port(name.strip())
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return _cut(host.partition(".")[0]) or UNKNOWN_NODE


def _without_port(name: str) -> str:
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0] if name.count(":") == 1 else name


def _first(labels: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((labels[name] for name in names if labels.get(name)), "")


def _full_uuid(text: str) -> str:
    """NVML's spelling; nvidia_gpu_exporter leaves `GPU-` out."""
    return f"GPU-{text}" if _BARE_UUID.fullmatch(text) else text


def _index(labels: Mapping[str, str]) -> int | None:
    text = _first(labels, _INDEX_LABELS)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else None


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
