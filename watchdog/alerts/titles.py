"""What people read first of an incident: the rule, and who."""

from __future__ import annotations

from collections.abc import Sequence

from watchdog.alerts import grouping
from watchdog.model.alerts import Alert


def title(cause: str, alerts: Sequence[Alert], rule_titles: dict[str, str]) -> str:
    """As "GPU hot: GPU 3 on gpu07", "XID: 116 GPUs on 78 nodes", "Node down: gpu07 and 8 more alerts".

    It quotes the cluster.

    Args:
        cause: of the incident.
        alerts: its open members, at least one, worst first.
        rule_titles: by rule id.
    """
    first = next((alert for alert in alerts if grouping.is_lost(alert)), alerts[0])
    same = [alert for alert in alerts if alert.rule_id == first.rule_id]
    others = len(alerts) - len(same)
    more = f" and {others} more alert{'s' * (others > 1)}" if others else ""
    return f"{rule_titles.get(first.rule_id, first.rule_id)}: {_who(cause, same)}{more}"


def _who(cause: str, alerts: Sequence[Alert]) -> str:
    first = alerts[0]
    job = first.subject.job_id or (first.finding.job_id if ":job=" in cause else "")
    if job and not grouping.is_burst(cause):
        gpus = len({alert.subject.gpu_uuid for alert in alerts} - {""})
        return f"job {job}" + f" ({_many(gpus, 'GPU')})" * (gpus > 0)
    nodes = {alert.subject.node for alert in alerts} - {""}
    gpus = len({alert.subject.gpu_uuid for alert in alerts} - {""})
    where = _where(nodes)
    if gpus > 1:
        return f"{_many(gpus, 'GPU')} on {where}"
    if gpus == 1:
        index = first.finding.gpu_index
        return f"GPU {'?' if index is None else index} on {where}"
    return where or (f"job {job}" if job else first.subject.part or "the cluster")


def _where(nodes: set[str]) -> str:
    return next(iter(nodes)) if len(nodes) == 1 else f"{len(nodes)} nodes" if nodes else ""


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"
