"""Which alerts have one cause, and so are one incident.

- What is wrong with a job is one incident a job and rule.
- A node that is lost is one incident, and so is all that is silent because of it.
- What is broken about one GPU is one incident: an XID, the missing readings and the asked reset are one event.
- Else it is one incident a rule and node.
- What starts on many GPUs or nodes at once is a burst: one incident, wherever it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

from watchdog.model.alerts import Alert
from watchdog.model.findings import Severity

# Checks that say that a node as a whole does not answer.
LOST = frozenset({"node_down", "exporter_lost"})
# What a node that does not answer also shows: on its GPUs, and in what is read of it.
SILENT = LOST | {"gpu_missing", "exporter_frozen", "sensor_stuck"}
# What a broken GPU shows, often several at once; the gravest word first.
OF_BOARDS = ("xid", "gpu_missing", "row_remap", "ecc_uncorrected", "recovery_action", "retired_pages", "nvlink")
# About how a job uses its GPUs, not about the GPUs.
OF_JOBS = frozenset({"held_idle", "hung", "input_bound", "job_stall", "memory_full", "straggler"})

# A large cluster's trace (Acme's Kalos) has storms of 116 GPUs on 78 nodes within 30 s. The numbers are ours: as many
# GPUs as a node has, or more nodes than fail together by chance.
BURST_GPUS, BURST_NODES, BURST_JOBS = 8, 3, 8
BURST_SPAN = timedelta(seconds=30)
# Beginnings are known to the minute; two that are further apart are two events, though found at once.
BURST_GAP = timedelta(seconds=90)
_BURST = ":burst"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an alert belongs by itself: its cause, and the family within which a burst is sought."""

    family: str
    cause: str


def is_burst(cause: str) -> bool:
    """Whether an incident of this cause takes in only what starts while it lasts."""
    return cause.endswith(_BURST)


def is_lost(alert: Alert) -> bool:
    """Whether it says that a whole node does not answer."""
    return alert.finding.check in LOST and bool(alert.subject.node) and not alert.subject.gpu_uuid


def is_broken(alert: Alert) -> bool:
    """Whether it says that a GPU's board is broken; what a program did to itself is only information."""
    of_board = alert.finding.check in OF_BOARDS and bool(alert.subject.gpu_uuid)
    return of_board and alert.severity is not Severity.INFO


def place(alert: Alert) -> Place:
    """The cause that this alert has if no other is near."""
    rule, node, check = alert.rule_id, alert.subject.node, alert.finding.check
    job = alert.subject.job_id or (alert.finding.job_id if check in OF_JOBS else "")
    if job:
        return Place(f"{rule}:job", f"{rule}:job={job}")
    if is_lost(alert):
        return Place("node", f"node:{node}")
    if node:
        return Place(rule, f"{rule}:node={node}")
    return Place(rule, f"{rule}:{alert.subject.part or 'cluster'}")


def causes(
    fired: Sequence[Alert], recent: Sequence[Alert], lost: Mapping[str, str], broken: Mapping[str, str]
) -> dict[str, str]:
    """The cause of each alert that fired now, by alert id; and of each recent one that a burst draws in.

    Args:
        fired: alerts that fired at this tick.
        recent: open ones that fired within BURST_SPAN before.
        lost: the cause of the open incident that says that this node is lost, by node.
        broken: the cause of the open incident that says that this GPU is broken, by gpu_uuid.
    """
    places = {alert.alert_id: place(alert) for alert in (*fired, *recent)}
    found = {alert.alert_id: places[alert.alert_id].cause for alert in fired}
    for cluster in _clusters((*fired, *recent), places):
        if _bursts(cluster, places):
            family = places[cluster[0].alert_id].family
            found |= dict.fromkeys((alert.alert_id for alert in cluster), family + _BURST)
    return found | _of_one_board(fired, found, broken) | _silenced_by_loss(fired, found, lost)


def _of_one_board(fired: Sequence[Alert], found: Mapping[str, str], broken: Mapping[str, str]) -> dict[str, str]:
    """What else a broken GPU shows joins the incident about it, but for what a storm took in."""
    alone = [alert for alert in fired if is_broken(alert) and not is_burst(found[alert.alert_id])]
    boards = dict(broken)
    for alert in sorted(alone, key=lambda alert: OF_BOARDS.index(alert.finding.check)):
        boards.setdefault(alert.subject.gpu_uuid, found[alert.alert_id])
    return {alert.alert_id: boards[alert.subject.gpu_uuid] for alert in alone}


def _silenced_by_loss(fired: Sequence[Alert], found: Mapping[str, str], lost: Mapping[str, str]) -> dict[str, str]:
    """What is silent joins the incident of its lost node, be that older or of this tick."""
    nodes = {alert.subject.node: found[alert.alert_id] for alert in fired if is_lost(alert)} | dict(lost)
    return {
        alert.alert_id: nodes[alert.subject.node]
        for alert in fired
        if alert.finding.check in SILENT and alert.subject.node in nodes
    }


def _clusters(alerts: Iterable[Alert], places: Mapping[str, Place]) -> Iterator[list[Alert]]:
    """Alerts of one family that began together."""
    ordered = sorted(alerts, key=lambda alert: (places[alert.alert_id].family, alert.since))
    for _, family in groupby(ordered, key=lambda alert: places[alert.alert_id].family):
        yield from _split(family)


def _split(alerts: Iterable[Alert]) -> Iterator[list[Alert]]:
    cluster: list[Alert] = []
    for alert in alerts:
        if cluster and alert.since - cluster[-1].since > BURST_GAP:
            yield cluster
            cluster = []
        cluster.append(alert)
    yield cluster


def _bursts(cluster: Sequence[Alert], places: Mapping[str, Place]) -> bool:
    different = {places[alert.alert_id].cause for alert in cluster}
    if places[cluster[0].alert_id].family.endswith(":job"):
        return len(different) >= BURST_JOBS
    gpus = {alert.subject.gpu_uuid for alert in cluster} - {""}
    nodes = {alert.subject.node for alert in cluster} - {""}
    return len(different) > 1 and (len(gpus) >= BURST_GPUS or len(nodes) > BURST_NODES)
