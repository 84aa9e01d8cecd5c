"""What a page may ask of the driver: return all, return the workers, return one pod, stay for longer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from infra import notes
from infra import records as r
from infra.errors import NotFoundError
from infra.giving_back import give_back
from infra.lowering import lower_cluster
from infra.office import WAIT_SECONDS, Office
from infra.ownership import head_name, is_ours, ours
from infra.pod_gateway import put_deadline
from infra.wiring import rewire

Action = Callable[[Office], str]


def teardown(cluster: str) -> Action:
    """Return the whole cluster, with the proof."""

    def act(office: Office) -> str:
        with office.desk(cluster, WAIT_SECONDS) as desk:
            said = lower_cluster(desk, cluster).text()
            rewire(office.settings, cluster, [])
            return said

    return act


def return_workers(cluster: str) -> Action:
    """Return all but the head, which keeps Slurm, its volume and the model."""

    def act(office: Office) -> str:
        with office.desk(cluster, WAIT_SECONDS) as desk:
            mine = ours(desk.runpod.pods(), cluster, notes.founded(desk, cluster).owner)
            workers = [pod for pod in mine if pod.name != head_name(cluster)]
            give_back(desk, cluster, workers, f"workers returned by {desk.by}")
            rewire(office.settings, cluster, [pod for pod in mine if pod not in workers])
            return f"Returned: {', '.join(pod.name for pod in workers) or 'none, there were none'}. The head goes on."

    return act


def return_pod(cluster: str, pod_id: str) -> Action:
    """Return one pod of ours that is out of order."""

    def act(office: Office) -> str:
        with office.desk(cluster, WAIT_SECONDS) as desk:
            owner = notes.founded(desk, cluster).owner
            pods = [pod for pod in desk.runpod.pods() if pod.id == pod_id and is_ours(pod, cluster, owner)]
            if not pods:
                raise NotFoundError(f"{pod_id} is no pod of cluster {cluster}", hint="It may have gone already.")
            notes.record_unknown(desk, cluster, pods, "found")
            give_back(desk, cluster, pods, f"asked for by {desk.by}")
            return f"Returned {pods[0].name} ({pod_id})."

    return act


def extend(cluster: str, until: datetime) -> Action:
    """A later deadline: in every pod first, then in our record, so that a pod that did not hear of it is named."""

    def act(office: Office) -> str:
        with office.desk(cluster, WAIT_SECONDS) as desk:
            mine = ours(desk.runpod.pods(), cluster, notes.founded(desk, cluster).owner)
            running = [pod for pod in mine if pod.status != "EXITED"]
            if not running:
                raise NotFoundError(f"cluster {cluster} has no pod that runs", hint="There is nothing to extend.")
            for pod in running:
                put_deadline(office.settings, cluster, pod, until)
                desk.progress.say(f"{pod.name} stays until {until:%Y-%m-%d %H:%M} UTC")
            desk.journal.append(
                r.Extended(at=desk.clock.now(), by=desk.by, cluster=cluster, deadline_at=until),
            )
            return f"{len(running)} pods of {cluster} stay until {until:%Y-%m-%d %H:%M} UTC."

    return act
