"""What carries a plan out: Terraform, or RunPod's API alone in dry runs without Terraform and in tests of many runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from infra.spec import Spec

OnPod = Callable[[str, str], None]  # address and id of a pod, told as soon as it exists


@dataclass(frozen=True)
class Plan:
    """What would change. Addresses are Terraform's, as `runpod_pod.worker[0]`.

    Attributes:
        creates: name of each pod to be rented, by address.
        losses: addresses of pods that would be returned, alone or to be rented anew.
        changes: addresses of pods that would be changed where they are.
    """

    creates: Mapping[str, str] = field(default_factory=dict)
    losses: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()


class Applier(Protocol):
    """Remembers which pod stands for which address, and makes RunPod agree with a spec. All raise InfraError."""

    def plan(self, spec: Spec) -> Plan:
        """What `apply` would do; changes nothing."""
        ...

    def apply(self, spec: Spec, on_pod: OnPod) -> None:
        """Carry out what was planned last. After UnavailableError pods may exist that it does not hold."""
        ...

    def adopt(self, spec: Spec, address: str, pod_id: str) -> None:
        """Take a pod that exists for this address."""
        ...

    def forget(self, address: str) -> None:
        """Hold nothing for this address any more; the pod itself is not touched."""
        ...

    def destroy(self) -> None:
        """Return all pods it holds."""
        ...

    def held(self) -> dict[str, str]:
        """Ids of the pods it holds, by address."""
        ...
