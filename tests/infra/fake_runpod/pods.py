"""One pod: what became of it by now, and what it has cost."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any

from tests.infra.fake_runpod.clock import rfc3339

GONE = "TERMINATED"
ACTIONS = {
    "PROVISIONING": ["stop", "terminate"],
    "STARTING": ["stop", "terminate"],
    "RUNNING": ["stop", "restart", "terminate"],
    "EXITED": ["start", "terminate"],
    "ERROR": ["start", "terminate"],
    GONE: [],
}
NOT_YET = {
    "ssh": {"proxy": None, "direct": None},
    "globalNetworking": {"enabled": False},
    "runtime": None,
    "startedAt": None,
}
DISK_GB = 20
HOURS_A_MONTH = 730
DISK_USD_GB_MONTH = 0.10
STOPPED_VOLUME_USD_GB_MONTH = 0.20


@dataclass(frozen=True)
class Fate:
    """What will become of a pod: seconds count from its start.

    A pod says RUNNING as soon as it is rented; it is of use once `runtime` and the network are there.
    """

    ready_after_s: float = 0.0
    network_after_s: float = 0.0
    never_ready: bool = False
    dead_on_arrival: bool = False  # runs, but its network never comes up
    error_after_s: float | None = None
    terminated_after_s: float | None = None  # by the host


class Fates:
    """The fate of pods to come: `default`, unless others were queued for the next ones."""

    def __init__(self) -> None:
        self.default = Fate()
        self._next: deque[Fate] = deque()
        self._lock = threading.Lock()

    def next(self, **fate) -> None:
        self._next.append(replace(self.default, **fate))

    def draw(self) -> Fate:
        with self._lock:
            return self._next.popleft() if self._next else self.default


@dataclass(frozen=True)
class Rates:
    """USD per hour."""

    gpu: float
    disk: float

    @property
    def total(self) -> float:
        return self.gpu + self.disk


@dataclass
class Span:
    """A stretch of time at one rate; `until` None = it goes on."""

    since: float
    until: float | None
    rates: Rates

    def hours(self, since: float, until: float) -> float:
        end = until if self.until is None else min(self.until, until)
        return max(end - max(self.since, since), 0.0) / 3600


@dataclass
class PodRecord:
    """A pod as RunPod keeps it. `spec` is the body that created it, with later patches; `gpu_util` is in percent."""

    id: str
    spec: dict[str, Any]
    price: float
    data_center: str
    ip: str
    fate: Fate
    created_at: float
    started_at: float
    status: str = "RUNNING"
    ended_at: float | None = None
    gpu_util: int = 0
    bill: list[Span] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.spec["name"]

    @property
    def env(self) -> dict[str, str]:
        return self.spec.get("env", {})

    @property
    def ports(self) -> list[str]:
        return self.spec.get("ports", [])

    @property
    def gpu_count(self) -> int:
        return self.spec["gpu"].get("count", 1)

    @property
    def gone(self) -> bool:
        return self.status == GONE

    def rates(self) -> Rates:
        """What the pod costs in its present state; a stopped one keeps its volume, at twice the price."""
        volume = self.spec.get("mounts", {}).get("persistent", {}).get("size", 0)
        if self.status == "RUNNING":
            gb = self.spec.get("disk", DISK_GB) + volume
            return Rates(self.price * self.gpu_count, gb * DISK_USD_GB_MONTH / HOURS_A_MONTH)
        if self.gone:
            return Rates(0.0, 0.0)
        return Rates(0.0, volume * STOPPED_VOLUME_USD_GB_MONTH / HOURS_A_MONTH)

    def become(self, status: str, at: float) -> None:
        """Enter a state at an instant and charge by its rate from then on."""
        if status == "RUNNING":
            self.started_at = at
        if status == GONE and not self.gone:
            self.ended_at = at
        self.status = status
        self.charge(at)

    def charge(self, at: float) -> None:
        if self.bill and self.bill[-1].until is None:
            self.bill[-1].until = at
        self.bill.append(Span(at, None, self.rates()))

    def settle(self, now: float) -> None:
        """Let happen what its fate held for it until now."""
        if self.status != "RUNNING":
            return
        ends = [(self.fate.terminated_after_s, GONE), (self.fate.error_after_s, "ERROR")]
        due = [(self.started_at + after, status) for after, status in ends if after is not None]
        for at, status in sorted(due):
            if at <= now:
                self.become(status, at)
                return

    def spent(self, until: float, since: float = 0.0) -> tuple[float, float]:
        """USD for GPUs and for disks in [since, until)."""
        hours = [(span.hours(since, until), span.rates) for span in self.bill]
        return sum(h * rates.gpu for h, rates in hours), sum(h * rates.disk for h, rates in hours)

    def runs(self, now: float) -> bool:
        ready = now >= self.started_at + self.fate.ready_after_s
        return self.status == "RUNNING" and not self.fate.never_ready and ready

    def networked(self, now: float) -> bool:
        up = now >= self.started_at + max(self.fate.ready_after_s, self.fate.network_after_s)
        return self.runs(now) and up and not self.fate.dead_on_arrival

    def view(self, now: float, *, fresh: bool = False) -> dict[str, Any]:
        """The pod as the API shows it; `fresh` is the answer to its creation."""
        status = "PROVISIONING" if fresh else self.status
        return {
            "id": self.id,
            "name": self.name,
            "status": status,
            "actions": ACTIONS[status],
            "image": self.spec.get("image", ""),
            "args": self.spec.get("args", ""),
            "disk": self.spec.get("disk", DISK_GB),
            "mounts": self.spec.get("mounts", {}),
            "ports": self.ports,
            "env": self.env,
            "registry": self.spec.get("registry"),
            "gpu": {"id": self.spec["gpu"]["id"], "count": self.gpu_count},
            "cloud": self.spec.get("cloud", "SECURE"),
            "dataCenterId": self.data_center,
            "cudaVersion": "12.8",
            "template": None,
            "cost": self.rates().gpu,
            "locked": self.spec.get("locked", False),
            "createdAt": rfc3339(self.created_at),
            **(NOT_YET if fresh else self._live(now)),
        }

    def _live(self, now: float) -> dict[str, Any]:
        return {
            "ssh": self._ssh(now),
            "globalNetworking": self._network(now),
            "runtime": self._runtime(now),
            "startedAt": rfc3339(self.started_at),
        }

    def _network(self, now: float) -> dict[str, Any]:
        if not (self.spec.get("globalNetworking") and self.networked(now)):
            return {"enabled": False}
        return {"enabled": True, "ip": self.ip, "internalDns": f"{self.id}.runpod.internal"}

    def _runtime(self, now: float) -> dict[str, Any] | None:
        if not self.runs(now):
            return None
        return {
            "uptime": int(now - self.started_at - self.fate.ready_after_s),
            "gpus": [{"util": self.gpu_util, "memoryUtil": 0}] * self.gpu_count,
            "cpu": {"util": 3},
            "memory": {"util": 5},
            "ports": [self._port(port) for port in self.ports],
        }

    def _port(self, port: str) -> dict[str, Any]:
        number, kind = port.split("/")
        public = 10_000 + int(number) % 50_000 if kind == "tcp" else None
        return {"private": int(number), "public": public, "type": kind, "ip": "203.0.113.7" if public else None}

    def _ssh(self, now: float) -> dict[str, Any]:
        user = f"{self.id}-64411eb2"
        proxy = {"host": "ssh.runpod.io", "port": 22, "username": user, "command": f"ssh {user}@ssh.runpod.io"}
        direct = None
        if "22/tcp" in self.ports and self.networked(now):
            command = "ssh root@203.0.113.7 -p 10022"
            direct = {"host": "203.0.113.7", "port": 10_022, "username": "root", "command": command}
        return {"proxy": proxy, "direct": direct}
