"""How is the cluster as a whole?"""

from __future__ import annotations

from typing import Any

from watchdog.assistant.desk import Desk
from watchdog.assistant.records import Column, Evidence
from watchdog.assistant.toolbox import Tool
from watchdog.assistant.tools.answer import Asked, answer, when
from watchdog.base.errors import StoreError, ToolError
from watchdog.model.health import GpuState

_STATES = {state: state.value.replace(" ", "_") for state in GpuState}
COLUMNS = (
    Column("nodes_known", "nodes"),
    Column("nodes_reporting", "nodes that report"),
    Column("gpus_expected", "GPUs that should be there"),
    Column("gpus_seen", "GPUs seen"),
    *(Column(f"gpus_{name}", f"GPUs {state.value}") for state, name in _STATES.items()),
    Column("mean_busy_ratio", "mean utilization", "ratio"),
    Column("power_watts", "power", "watts"),
    Column("hottest_celsius", "hottest GPU", "celsius"),
    Column("memory_used_bytes", "GPU memory used", "bytes"),
    Column("memory_total_bytes", "GPU memory", "bytes"),
    Column("jobs_running", "jobs running"),
    Column("jobs_pending", "jobs waiting"),
    Column("gpus_held", "GPUs that jobs hold"),
    Column("gpus_wanted", "GPUs that waiting jobs want"),
    Column("gpus_free", "free GPUs"),
    Column("largest_block", "largest free block on one node"),
    Column("nodes_out", "nodes out of service"),
)


def cluster_overview(desk: Desk, asked: Asked) -> Evidence:
    """One row: nodes, GPUs by state, load, and the queue where there is one; SourceError or StoreError."""
    desk = desk.moved(asked.at)
    fleet = desk.fleet()
    counts = fleet.cells["state"].value_counts()
    row: dict[str, Any] = {column.name: getattr(fleet, column.name, None) for column in COLUMNS}
    row |= {f"gpus_{name}": int(counts.get(state.value, 0)) for state, name in _STATES.items()}
    slurm, notes = _queue(desk)
    return answer(
        "cluster_overview",
        desk,
        asked,
        title=f"The cluster {when(desk)}",
        query="services.fleet, services.queue",
        columns=COLUMNS,
        rows=[row | slurm],
        newest=fleet.newest_sample_at,
        marks=(*fleet.incomplete, *notes),
        page="overview",
    )


def _queue(desk: Desk) -> tuple[dict[str, int], tuple[str, ...]]:
    try:
        queue = desk.queue()
    except (ToolError, StoreError) as error:
        return {}, (f"The queue is unknown: {error}.",)
    free = queue.free
    return {
        "jobs_running": queue.running,
        "jobs_pending": queue.pending,
        "gpus_held": queue.gpus_held,
        "gpus_wanted": queue.gpus_wanted,
        "gpus_free": free.free,
        "largest_block": free.largest_block,
        "nodes_out": queue.nodes_out,
    }, queue.problems


TOOL = Tool(
    "cluster_overview",
    "The whole cluster at an instant: nodes and GPUs that report, GPUs by state (busy, idle, held idle, hung, "
    "throttled, faulty, lost, unknown), mean utilization, power, temperature, memory, the queue and free GPUs.",
    Asked,
    cluster_overview,
)
