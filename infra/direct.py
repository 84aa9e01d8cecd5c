"""The plan carried out by RunPod's API alone, with a small file of state of our own."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from infra.applier import OnPod, Plan
from infra.errors import NotFoundError
from infra.ownership import MARKER, address_of, head_name, worker_name
from infra.runpod import RunPod
from infra.spec import IMAGE, Spec
from infra.wire import Cloud, CreatePod, Gpu, Mounts, Persistent


class DirectApplier:
    """An `Applier` without Terraform: the head first, then the workers, one after the other."""

    def __init__(self, runpod: RunPod, state: Path) -> None:
        self._runpod = runpod
        self._state = state

    def plan(self, spec: Spec) -> Plan:
        """What is missing, what is too much, and what has another GPU type."""
        wanted, held = _wanted(spec), self._alive()
        creates = {address: name for address, name in wanted.items() if address not in held}
        losses = tuple(address for address, gpu in held.items() if address not in wanted or gpu != spec.gpu_type)
        return Plan(creates, losses)

    def apply(self, spec: Spec, on_pod: OnPod) -> None:
        """Rent what is missing; what has another GPU type is returned first."""
        for address in self.plan(spec).losses:
            self._runpod.terminate(self.held()[address])
            self.forget(address)
        for address, name in self.plan(spec).creates.items():
            pod = self._runpod.create(_body(spec, name))
            self._save(self.held() | {address: pod.id})
            on_pod(address, pod.id)

    def adopt(self, spec: Spec, address: str, pod_id: str) -> None:
        """Write the id down."""
        self._save(self.held() | {address: pod_id})

    def forget(self, address: str) -> None:
        """Strike the id out."""
        self._save({key: value for key, value in self.held().items() if key != address})

    def destroy(self) -> None:
        """Return all, the last rented first."""
        for address, pod_id in reversed(self.held().items()):
            self._runpod.terminate(pod_id)
            self.forget(address)

    def held(self) -> dict[str, str]:
        """The file of state."""
        try:
            return msgspec.json.decode(self._state.read_bytes(), type=dict[str, str])
        except FileNotFoundError:
            return {}

    def _alive(self) -> dict[str, str]:
        """GPU type of each pod held that is still there, by address."""
        found = {}
        for address, pod_id in self.held().items():
            try:
                pod = self._runpod.pod(pod_id)
            except NotFoundError:
                continue
            if pod.billed:
                found[address] = pod.gpu.id if pod.gpu else ""
        return found

    def _save(self, held: dict[str, str]) -> None:
        self._state.parent.mkdir(parents=True, exist_ok=True)
        new = self._state.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(held))
        os.replace(new, self._state)


def _wanted(spec: Spec) -> dict[str, str]:
    cluster = spec.wishes.name
    names = [head_name(cluster), *(worker_name(cluster, index) for index in range(spec.wishes.workers))]
    return {address_of(name): name for name in names}


def _body(spec: Spec, name: str) -> CreatePod:
    wishes = spec.wishes
    volume = wishes.volume_gb if name == head_name(wishes.name) else wishes.worker_volume_gb
    cloud: Cloud = "SECURE" if wishes.cloud == "SECURE" else "COMMUNITY"
    return CreatePod(
        name=name,
        image=wishes.image or IMAGE,
        gpu=Gpu(spec.gpu_type, wishes.gpu_count),
        env={
            MARKER: spec.owner,
            "WATCHDOG_CLUSTER": wishes.name,
            "WATCHDOG_DEADLINE": str(int(spec.deadline_at.timestamp())),
        },
        cloud=cloud,
        disk=wishes.disk_gb,
        ports=["22/tcp"],
        data_center_ids=list(spec.data_centers),
        global_networking=True,
        start_ssh=True,
        mounts=Mounts(Persistent(volume, "/workspace")) if volume else None,
    )
