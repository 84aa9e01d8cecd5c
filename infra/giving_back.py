"""Return pods, and see that they are gone."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from infra import notes
from infra.desk import Desk
from infra.errors import LeftoverError, LimitError, UnavailableError
from infra.wire import Pod
from watchdog.base.errors import InfraError

# What passes by itself; anything else is told at once.
_PASSING = (UnavailableError, LimitError)


def give_back(desk: Desk, cluster: str, pods: Iterable[Pod], reason: str) -> None:
    """Return these pods; comes back when RunPod's list shows none of them as billed.

    Raises:
        LeftoverError: one is still listed after the longest wait, or could not be returned; names all that are left.
    """
    left = {pod.id: pod for pod in pods}
    for pod_id in left:
        notes.returning(desk, cluster, pod_id, reason)
    until = desk.clock.monotonic() + desk.timing.returned
    why = ""
    while left:
        why = _ask_back(desk, left) or why
        gone = _gone(desk, left)
        for pod_id, proof in gone.items():
            notes.returned(desk, cluster, pod_id, proof)
            forget(desk, {pod_id})
            desk.progress.say(f"returned {left.pop(pod_id).name} ({pod_id}): {proof}")
        if left and desk.clock.monotonic() >= until:
            raise leftover(left.values(), why)
        if left:
            desk.clock.sleep(desk.timing.poll)


def leftover(pods: Collection[Pod], why: str = "") -> LeftoverError:
    """The error that names pods which may still be billed."""
    names = ", ".join(f"{pod.name} ({pod.id}, ${pod.cost:.2f} an hour)" for pod in pods)
    return LeftoverError(
        f"still on the bill: {names}" + (f"; {why}" if why else ""),
        hint="Run `make teardown` again, or return them at console.runpod.io/pods.",
    )


def _ask_back(desk: Desk, pods: Iterable[str]) -> str:
    """Ask RunPod for each; gives what was refused, in words."""
    why = ""
    for pod_id in pods:
        try:
            desk.runpod.terminate(pod_id)
        except InfraError as error:
            why = str(error)
    return why


def _gone(desk: Desk, pods: Collection[str]) -> dict[str, str]:
    """Which of them RunPod no longer bills, with the proof. No list is no proof."""
    try:
        listed = {pod.id: pod for pod in desk.runpod.pods()}
    except _PASSING:
        return {}
    at = desk.clock.now()
    return {pod_id: seen for pod_id in pods if (seen := notes.proof(pod_id, listed, at))}


def forget(desk: Desk, pods: Collection[str]) -> None:
    """Let Terraform hold these no more. Where it cannot, its next refresh sees that they are gone."""
    for address, held in desk.applier.held().items():
        if held in pods:
            try:
                desk.applier.forget(address)
            except InfraError as error:
                desk.progress.say(f"Terraform still holds {address}: {error}")
