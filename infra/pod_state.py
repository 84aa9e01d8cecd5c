"""How a pod does, in a word and with how much it matters: RunPod's RUNNING says only that it was rented."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from infra.desk import Timing
from infra.wire import Pod


class Health(StrEnum):
    """How much a state matters."""

    OK = "ok"
    WAITING = "waiting"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class PodState:
    """A state for people."""

    health: Health
    words: str


def state_of(pod: Pod, now: datetime, timing: Timing = Timing()) -> PodState:  # noqa: B008 (frozen)
    """What RunPod's list says of a pod; late is what took longer than the driver would wait."""
    age = (now - pod.created_at).total_seconds()
    if pod.ready:
        return PodState(Health.OK, "ready")
    if pod.status in ("EXITED", "ERROR", "TERMINATED"):
        words = {"EXITED": "stopped; its volume costs on", "ERROR": "failed", "TERMINATED": "returned"}
        return PodState(Health.BAD, words[pod.status])
    if pod.runtime is None:
        late = age > timing.start
        return PodState(Health.BAD, "does not start") if late else PodState(Health.WAITING, "starting")
    late = pod.runtime.uptime > timing.network
    return PodState(Health.BAD, "dead: no network") if late else PodState(Health.WAITING, "waits for network")


def gpu_use(pod: Pod) -> float | None:
    """Mean use of its GPUs as RunPod tells it, 0 to 1; None where it does not."""
    used = [use.util for use in pod.runtime.gpus if use.util is not None] if pod.runtime else []
    return sum(used) / len(used) / 100 if used else None
