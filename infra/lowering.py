"""Return a whole cluster, and prove by RunPod's own list that nothing of it is left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from infra import notes
from infra.desk import Desk
from infra.giving_back import forget, give_back, leftover
from infra.ownership import ours
from watchdog.base.errors import InfraError


@dataclass(frozen=True)
class Proof:
    """What RunPod's list says after all was returned.

    Attributes:
        returned: names and ids of what was returned.
        listed: how many pods the account still has, none of them ours, and what they cost an hour.
        spent_usd: what the cluster has cost by our own clock.
    """

    at: datetime
    cluster: str
    returned: list[str]
    listed: tuple[int, float]
    spent_usd: float

    def text(self) -> str:
        """For people."""
        count, cost = self.listed
        rest = (
            f"{count} other pods of the account go on, ${cost:.2f} an hour."
            if count
            else "The account has no other pod."
        )
        return (
            f"Nothing of cluster {self.cluster} is on the bill: RunPod's list of {self.at:%Y-%m-%d %H:%M:%S} UTC has no pod of it.\n"
            f"Returned: {', '.join(self.returned) or 'nothing, there was nothing'}. It has cost about ${self.spent_usd:.2f}. {rest}"
        )


def lower_cluster(desk: Desk, cluster: str) -> Proof:
    """Return every pod of ours, by Terraform and, whatever that leaves, by RunPod's API.

    Raises:
        LeftoverError: something may still be billed; names it.
        InfraError: RunPod's list cannot be had, so nothing is proved.
    """
    owner = notes.founded(desk, cluster).owner
    pods = ours(desk.runpod.pods(), cluster, owner)
    notes.record_unknown(desk, cluster, pods, "found")
    for pod in pods:
        notes.returning(desk, cluster, pod.id, "teardown")
    _by_terraform(desk)
    _until_none(desk, cluster, owner)
    listed = desk.runpod.pods()
    if left := ours(listed, cluster, owner):
        raise leftover(left)
    notes.gone(desk, cluster, listed)
    others = [pod for pod in listed if pod.billed]
    forget(desk, set(desk.applier.held().values()))
    now = desk.clock.now()
    names = [f"{pod.name} ({pod.id})" for pod in pods]
    spent = notes.book(desk).spent_usd(cluster, now)
    return Proof(now, cluster, names, (len(others), sum(pod.cost for pod in others)), spent)


def _by_terraform(desk: Desk) -> None:
    try:
        desk.applier.destroy()
    except InfraError as error:
        desk.progress.say(f"Terraform could not return all of it, so RunPod is asked itself: {error}")


def _until_none(desk: Desk, cluster: str, owner: str) -> None:
    """Return whatever is listed, until nothing is and nothing may turn up any more."""
    # Clocks may differ between runs: no longer than it takes from now on.
    latest = desk.clock.now() + timedelta(seconds=desk.timing.settle)
    while True:
        left = ours(desk.runpod.pods(), cluster, owner)
        notes.record_unknown(desk, cluster, left, "found")
        give_back(desk, cluster, left, "teardown")
        entry = notes.founded(desk, cluster)
        until = entry.settled_at(desk.timing.settle)
        if until is None:
            return
        until = min(until, latest)
        if desk.clock.now() >= until and not left:
            for run in entry.open_intents:
                notes.settle(desk, cluster, run, "returned")
            return
        wait = f"pods of a run that was cut off may turn up until {until:%H:%M:%S} UTC"
        desk.progress.waiting(0, 1, 0, wait)
        desk.clock.sleep(desk.timing.poll)
