"""Things of RunPod's API v2, as far as we use them.

Extra fields are ignored and states are plain text: the API may grow, and a listing that cannot be read would hide pods.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

Cloud = Literal["SECURE", "COMMUNITY"]


class _Wire(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    pass


class Gpu(_Wire, frozen=True):
    """A GPU type and how many of it."""

    id: str
    count: int = 1


class Port(_Wire, frozen=True):
    """A port of a running pod: inside, and where it is reached from outside (None: not yet)."""

    private: int = 0
    public: int | None = None
    type: str = ""
    ip: str | None = None


class GpuUse(_Wire, frozen=True):
    """Percent, 0 to 100, of one GPU."""

    util: int | None = None
    memory_util: int | None = None


class Runtime(_Wire, frozen=True):
    """What runs inside; absent until the container does."""

    uptime: int = 0
    gpus: list[GpuUse] = []
    ports: list[Port] = []


class Network(_Wire, frozen=True):
    """RunPod's private network between pods."""

    enabled: bool = False
    ip: str = ""
    internal_dns: str = ""


class SshEndpoint(_Wire, frozen=True):
    """One way to reach sshd."""

    host: str
    port: int
    username: str


class Ssh(_Wire, frozen=True):
    """Both ways to reach sshd; `direct` needs 22/tcp published."""

    proxy: SshEndpoint | None = None
    direct: SshEndpoint | None = None


class Pod(_Wire, frozen=True):
    """A rented pod.

    `status` is PROVISIONING, STARTING, RUNNING, EXITED, ERROR or TERMINATED. `cost` is USD an hour now, 0 when EXITED or TERMINATED (a disk is billed apart).
    """

    id: str
    name: str
    status: str
    cost: float
    created_at: datetime
    env: dict[str, str] = {}
    image: str = ""
    gpu: Gpu | None = None
    cloud: str = ""
    data_center_id: str | None = None
    locked: bool = False
    runtime: Runtime | None = None
    started_at: datetime | None = None
    global_networking: Network = Network()
    ssh: Ssh = Ssh()

    def __repr__(self) -> str:
        """Short: the environment of a pod may hold secrets."""
        return f"Pod({self.name}, {self.id}, {self.status}, ${self.cost:g}/h)"

    @property
    def billed(self) -> bool:
        """Whether it may still cost money: only TERMINATED does not; a stopped pod keeps its disk."""
        return self.status != "TERMINATED"

    @property
    def ready(self) -> bool:
        """Whether it runs and its neighbours reach it. RUNNING alone says only that it was rented."""
        return self.status == "RUNNING" and self.runtime is not None and bool(self.global_networking.ip)


class Price(_Wire, frozen=True):
    """List price of one GPU, USD an hour; 0 where it is not offered."""

    secure: float = 0.0
    community: float = 0.0


class MaxCount(_Wire, frozen=True):
    """Most GPUs of this type in one pod."""

    secure: int = 0
    community: int = 0


class Place(_Wire, frozen=True):
    """A data centre and how many of the GPU type are free there: NONE, LOW, MEDIUM or HIGH."""

    id: str
    availability: str = "NONE"


class GpuType(_Wire, frozen=True):
    """An entry of the catalogue. `memory` in GB; `data_centers` is absent where nothing is free."""

    id: str
    name: str
    manufacturer: str = ""
    memory: int = 0
    secure: bool = False
    community: bool = False
    price: Price = Price()
    max_count: MaxCount = MaxCount()
    availability: str = "NONE"
    data_centers: list[Place] = []


class DataCenter(_Wire, frozen=True):
    """A data centre; `global_network` says whether pods there can join the private network."""

    id: str
    name: str = ""
    global_network: bool = False


class Persistent(_Wire, frozen=True):
    """A disk that outlives restarts; `size` in GB."""

    size: int
    path: str


class Mounts(_Wire, frozen=True):
    """Storage of a pod."""

    persistent: Persistent | None = None


class CreatePod(_Wire, frozen=True):
    """Body of POST /pods; fields at their default are left out."""

    name: str
    image: str
    gpu: Gpu
    env: dict[str, str]
    cloud: Cloud = "SECURE"
    args: str = ""
    disk: int | None = None
    ports: list[str] = []
    data_center_ids: list[str] = []
    global_networking: bool = False
    start_ssh: bool = False
    mounts: Mounts | None = None


class Balance(msgspec.Struct, frozen=True):
    """Money of the account: USD left, USD an hour that all its resources cost now, and RunPod's own ceiling."""

    usd: float
    usd_per_hour: float
    limit_usd_per_hour: float | None = None


class PodBill(_Wire, frozen=True):
    """What a pod cost in one bucket of time, USD."""

    pod_id: str
    total_amount: float
    start_time: datetime | None = None
    end_time: datetime | None = None


class Problem(msgspec.Struct):
    """An error as RunPod writes it (application/problem+json)."""

    title: str = ""
    detail: str = ""
    errors: list[str] = []
