"""What a cluster is to be: wishes as a person states them, checked before anything is asked of RunPod."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from watchdog.base.errors import ConfigError

# RunPod's official start script brings sshd up from PUBLIC_KEY. A tag is named because hosts cache `latest`.
IMAGE = "runpod/pytorch:1.0.2-cu1281-torch280-ubuntu2404"
_NAME = re.compile(r"[a-z][a-z0-9-]{1,30}")
_MOST_WORKERS = 32


@dataclass(frozen=True)
class Wishes:
    """A head and `workers` workers, each with `gpu_count` GPUs of one type out of `gpus`, in the order wished for.

    Attributes:
        disk_gb: container disk of each pod. volume_gb, worker_volume_gb: persistent volume of the head and of each
            worker; 0 is none, else 10 or more.
        hours: after how many hours the pods are to be returned by themselves.
        max_price: most USD an hour for one GPU. max_hourly: most USD an hour for the whole cluster.
        max_total: most USD until the deadline, with what was spent before. None is no limit.
    """

    name: str = "gpuwd"
    workers: int = 1
    gpus: tuple[str, ...] = ("A100-80GB", "H100")
    gpu_count: int = 1
    cloud: str = "SECURE"
    image: str = ""
    disk_gb: int = 60
    volume_gb: int = 100
    worker_volume_gb: int = 0
    model_profile: str = ""
    hours: float = 8.0
    max_price: float | None = None
    max_hourly: float | None = None
    max_total: float | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigError(
                f"the cluster is named {self.name!r}",
                hint="Use 2 to 31 small letters, digits and dashes; a letter first.",
            )
        if self.cloud not in ("SECURE", "COMMUNITY"):
            raise ConfigError(f"cloud is {self.cloud!r}", hint="Use SECURE or COMMUNITY.")
        _within("workers", self.workers, 0, _MOST_WORKERS)
        _within("gpu-count", self.gpu_count, 1, 8)
        _within("disk", self.disk_gb, 20, 2000)
        for name, size in (("volume", self.volume_gb), ("worker-volume", self.worker_volume_gb)):
            if size:
                _within(name, size, 10, 4000)
        _within("hours", self.hours, 0.1, 24 * 30)
        for name in ("max_price", "max_hourly", "max_total"):
            limit = getattr(self, name)
            if limit is not None and not 0 < limit < float("inf"):
                raise ConfigError(f"--{name.replace('_', '-')} is {limit:g}", hint="It is dollars, above 0.")

    @property
    def pods(self) -> int:
        """How many pods: the head and the workers."""
        return 1 + self.workers

    @property
    def words(self) -> str:
        """In words: head and workers, GPUs, cloud."""
        workers = f"{self.workers} worker{'s' * (self.workers != 1)}"
        gpus = f"{self.gpu_count} GPU{'s' * (self.gpu_count != 1)}"
        return f"head + {workers}, {gpus} each, {self.cloud.lower()} cloud"

    @property
    def disks_gb(self) -> int:
        """All disks and volumes together; running pods pay the same for both."""
        return self.disk_gb * self.pods + self.volume_gb + self.worker_volume_gb * self.workers


@dataclass(frozen=True)
class Spec:
    """Wishes with everything chosen: what is applied, again and again, until the cluster is returned."""

    wishes: Wishes
    owner: str
    gpu_type: str
    gpu_usd: float
    deadline_at: datetime
    data_centers: tuple[str, ...] = ()

    @property
    def pod_usd(self) -> float:
        """USD an hour for one pod, by the catalogue."""
        return self.gpu_usd * self.wishes.gpu_count


def parse_gpus(text: str) -> tuple[str, ...]:
    """`any-of:A100-80GB,H100` or a single name; the order is the user's."""
    names = tuple(filter(None, (part.strip() for part in text.removeprefix("any-of:").split(","))))
    if not names:
        raise ConfigError("--gpu names no GPU type", hint="For example: --gpu any-of:A100-80GB,H100")
    return names


def _within(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise ConfigError(f"{name} is {value:g}", hint=f"It is from {least:g} to {most:g}.")
