"""Every tool there is."""

from __future__ import annotations

from watchdog.assistant.toolbox import Toolbox
from watchdog.assistant.tools import (
    alerts,
    cluster_overview,
    compare_windows,
    findings,
    finished_jobs,
    free_capacity,
    gpu_metrics,
    gpus,
    job,
    node,
    nodes,
    promql,
    queue,
    sql,
    waste,
    xid_lookup,
)

TOOLS = (
    cluster_overview.TOOL,
    findings.TOOL,
    alerts.TOOL,
    alerts.HISTORY_TOOL,
    gpus.TOOL,
    gpu_metrics.TOOL,
    compare_windows.TOOL,
    node.TOOL,
    node.HISTORY_TOOL,
    nodes.TOOL,
    queue.TOOL,
    job.TOOL,
    job.GPUS_TOOL,
    finished_jobs.TOOL,
    free_capacity.TOOL,
    waste.TOOL,
    waste.COST_TOOL,
    waste.NODES_TOOL,
    xid_lookup.TOOL,
    promql.TOOL,
    sql.TOOL,
)


def toolbox() -> Toolbox:
    """All tools."""
    return Toolbox(TOOLS)
