"""One account: its pods, what is in stock, and the money."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.infra.fake_runpod.catalog import GLOBAL_NETWORK, GPU_TYPES, OTHERS, GpuType
from tests.infra.fake_runpod.pods import Fates, PodRecord
from tests.infra.fake_runpod.problem import NO_CAPACITY, ProblemError
from tests.infra.fake_runpod.rules import check_action, check_create, check_update

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


class Account:
    """What RunPod knows of one customer. Methods may be called from any thread.

    `stock` holds the GPUs left by type; a type that is not named there is never short. `shown` overrides what the
    catalogue says of a type's availability, so that it can promise what is not there. `terminated_listed_s` is for how
    long a terminated pod is still listed.
    """

    def __init__(self, clock: Callable[[], float], *, credit: float = 500.0, seed: int = 1):
        self.clock = clock
        self.credit = credit
        self.types = {gpu.id: gpu for gpu in GPU_TYPES}
        self.stock: dict[str, int] = {}
        self.shown: dict[str, str] = {}
        self.fates = Fates()
        self.terminated_listed_s = 0.0
        self.ssh_keys: list[str] = []
        self.pods: dict[str, PodRecord] = {}
        self._random = random.Random(seed)
        self._lock = threading.RLock()

    def set_price(self, gpu_id: str, *, secure: float | None = None, community: float | None = None) -> None:
        """Change what new pods of a type cost; those that run keep their price."""
        old = self.types[gpu_id]
        prices = {"secure": secure, "community": community}
        self.types[gpu_id] = replace(old, **{cloud: price for cloud, price in prices.items() if price is not None})

    def create(self, body: Any) -> PodRecord:
        check_create(body)
        with self._lock:
            gpu, data_center = self._place(body)
            now = self.clock()
            pod = PodRecord(
                id="".join(self._random.choices(LETTERS, k=14)),
                spec=dict(body),
                price=gpu.price(body.get("cloud", "SECURE")),
                data_center=data_center,
                ip=f"10.65.{len(self.pods) // 250}.{len(self.pods) % 250 + 2}",
                fate=self.fates.draw(),
                created_at=now,
                started_at=now,
            )
            if self.balance() < pod.price * pod.gpu_count:
                raise ProblemError(402, "insufficient balance to start this pod")
            self._take(pod)
            pod.charge(now)
            self.pods[pod.id] = pod
            return pod

    def listed(self) -> list[PodRecord]:
        with self._lock:
            now = self.clock()
            self._settle()
            return [pod for pod in self.pods.values() if not pod.gone or self._lingers(pod, now)]

    def pod(self, pod_id: str) -> PodRecord:
        with self._lock:
            found = [pod for pod in self.listed() if pod.id == pod_id]
            if not found:
                raise ProblemError(404, "resource not found")
            return found[0]

    def update(self, pod_id: str, body: Any) -> PodRecord:
        check_update(body)
        with self._lock:
            pod = self.pod(pod_id)
            self._check_mounts(pod, body.get("mounts"))
            restarts = pod.status == "RUNNING" and body.get("env", pod.env) != pod.env
            pod.spec = pod.spec | body
            if restarts:
                pod.become("RUNNING", self.clock())
            return pod

    def act(self, pod_id: str, body: Any) -> PodRecord | None:
        """The pod after the action, or None when it was terminated."""
        action = check_action(body)
        with self._lock:
            pod = self.pod(pod_id)
            if action not in pod.view(self.clock())["actions"]:
                raise ProblemError(409, f"cannot {action} a pod that is {pod.status}")
            if action in ("stop", "restart") and pod.spec.get("locked"):
                raise ProblemError(409, "pod is locked")
            if action == "terminate":
                self.delete(pod_id)
                return None
            self._move(pod, action)
            return pod

    def delete(self, pod_id: str) -> None:
        with self._lock:
            pod = self.pod(pod_id)
            if pod.gone:
                raise ProblemError(404, "resource not found")
            self._end(pod)

    def terminate_by_host(self, pod_id: str) -> None:
        """The host takes the pod away, unasked."""
        with self._lock:
            self._end(self.pods[pod_id])

    def billed(self) -> dict[str, PodRecord]:
        """The pods that cost money now."""
        with self._lock:
            self._settle()
            return {pod.id: pod for pod in self.pods.values() if pod.rates().total > 0}

    def spent(self) -> float:
        """USD for all pods that ever were."""
        with self._lock:
            self._settle()
            return sum(sum(pod.spent(self.clock())) for pod in self.pods.values())

    def balance(self) -> float:
        return self.credit - self.spent()

    def spend_per_hour(self) -> float:
        return sum(pod.rates().total for pod in self.billed().values())

    def availability(self, gpu: GpuType, count: int = 1, cloud: str = "SECURE") -> str:
        if gpu.id in self.shown:
            return self.shown[gpu.id]
        left = self.stock.get(gpu.id, 1_000)
        if left < count or not gpu.price(cloud):
            return "NONE"
        return "HIGH" if left >= 100 else "LOW"

    def _place(self, body: dict[str, Any]) -> tuple[GpuType, str]:
        cloud, count = body.get("cloud", "SECURE"), body["gpu"].get("count", 1)
        gpu = self.types.get(body["gpu"]["id"])
        if gpu is None:
            raise ProblemError(400, f"unknown GPU type {body['gpu']['id']!r}")
        if count > gpu.max_count:
            raise ProblemError(400, f"at most {gpu.max_count} GPUs of this type in a pod")
        centers = body.get("dataCenterIds") or list(GLOBAL_NETWORK + OTHERS)
        if body.get("globalNetworking"):
            centers = self._global(gpu, cloud, centers)
        if self.stock.get(gpu.id, count) < count or not gpu.price(cloud):
            raise ProblemError(400, NO_CAPACITY)
        return gpu, centers[0]

    def _global(self, gpu: GpuType, cloud: str, centers: list[str]) -> list[str]:
        """RunPod's documentation: NVIDIA GPUs of the secure cloud, in some data centers."""
        able = [name for name in centers if name in GLOBAL_NETWORK]
        if gpu.manufacturer != "NVIDIA" or cloud != "SECURE" or not able:
            raise ProblemError(
                400, "global networking needs an NVIDIA GPU of the secure cloud and a data center that has it"
            )
        return able

    def _check_mounts(self, pod: PodRecord, mounts: dict[str, Any] | None) -> None:
        if mounts is not None and mounts.keys() != pod.spec.get("mounts", {}).keys():
            raise ProblemError(400, "the kind of mount is fixed when a pod is created")

    def _move(self, pod: PodRecord, action: str) -> None:
        if action == "start":
            if self.stock.get(pod.spec["gpu"]["id"], pod.gpu_count) < pod.gpu_count:
                raise ProblemError(400, "Failed to resume pod.")
            self._take(pod)
        if action == "stop":
            self._give(pod)
        pod.become("EXITED" if action == "stop" else "RUNNING", self.clock())

    def _take(self, pod: PodRecord) -> None:
        gpu_id = pod.spec["gpu"]["id"]
        if gpu_id in self.stock:
            self.stock[gpu_id] -= pod.gpu_count

    def _give(self, pod: PodRecord) -> None:
        gpu_id = pod.spec["gpu"]["id"]
        if gpu_id in self.stock and pod.status == "RUNNING":
            self.stock[gpu_id] += pod.gpu_count

    def _end(self, pod: PodRecord) -> None:
        self._give(pod)
        pod.become("TERMINATED", self.clock())

    def _settle(self) -> None:
        for pod in self.pods.values():
            pod.settle(self.clock())

    def _lingers(self, pod: PodRecord, now: float) -> bool:
        return pod.ended_at is not None and now < pod.ended_at + self.terminated_listed_s
