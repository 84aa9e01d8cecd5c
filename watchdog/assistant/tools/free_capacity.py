"""What is free, and could a job of this size start now?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
from pydantic import Field

from watchdog.analysis.room import could_start
from watchdog.analysis.room_request import Request
from watchdog.assistant.desk import Desk
from watchdog.assistant.quoting import named
from watchdog.assistant.records import Column, Evidence
from watchdog.assistant.toolbox import Tool
from watchdog.assistant.tools.answer import Asked, answer, when
from watchdog.base.errors import ToolError

COLUMNS = (
    Column("partition", "partition"),
    Column("gpu_type", "GPU type"),
    Column("could_start", "could start now"),
    Column("words", "why"),
    Column("free", "free GPUs"),
    Column("largest_block", "largest free block on one node"),
    Column("block_node", "that node"),
    Column("total", "GPUs"),
    Column("out", "free GPUs on nodes out of service"),
    Column("waiting_before", "jobs that wait there"),
)


class CapacityAsked(Asked):
    """What the job would ask for; what is left out it does not ask for."""

    gpus: int = Field(1, ge=0, le=100_000, description="GPUs in all.")
    nodes: int = Field(1, ge=1, le=100_000, description="Nodes it is spread over, evenly.")
    partition: str = Field("", description="Only this partition; left out: every partition.")
    gpu_type: str = Field("", description="Only GPUs of this type, as Slurm names it.")
    cpus: int = Field(0, ge=0, description="CPUs in all; 0 does not ask for any.")
    memory_gib: float = Field(0.0, ge=0, description="Main memory in GiB in all; 0 does not ask for any.")
    hours: float = Field(1.0, gt=0, le=24 * 365, description="Its time limit in hours.")


def free_capacity(desk: Desk, asked: CapacityAsked) -> Evidence:
    """A row a partition and GPU type; ToolError where no Slurm is read or no such partition is known."""
    desk = desk.moved(asked.at)
    found = desk.queue()
    free = found.free_by
    names = sorted({str(name) for name in free["partition"]})
    if asked.partition and asked.partition not in names:
        raise ToolError(
            f"no partition {named(asked.partition)} with GPUs is known", hint=f"There are: {', '.join(names)}."
        )
    rows = [row for row in _rows(desk, asked, free) if asked.partition in {"", row["partition"]}]
    rows.sort(key=lambda row: ((True, None, False).index(row["could_start"]), -row["free"]))
    what = f"{asked.gpus} {'GPU' if asked.gpus == 1 else 'GPUs'} on {asked.nodes} {'node' if asked.nodes == 1 else 'nodes'}"
    return answer(
        "free_capacity",
        desk,
        asked,
        title=f"Could a job of {what} for {asked.hours:g} h start {when(desk)}? {found.free.free} of {found.free.total} GPUs are free",
        query="analysis.room",
        columns=COLUMNS,
        rows=rows,
        newest=found.taken_at,
        marks=(*found.problems, "What Slurm plans for jobs that wait already is not looked at.")
        if found.pending
        else found.problems,
        page="slurm",
    )


def _rows(desk: Desk, asked: CapacityAsked, free: pd.DataFrame) -> Iterator[dict[str, Any]]:
    nodes, partitions = desk.view().nodes, desk.view().partitions
    waiting = desk.queue().jobs
    waiting = waiting[waiting["waited_seconds"].notna()]
    for row in free.to_dict("records"):
        name, kind = str(row["partition"]), str(row["gpu_type"])
        if asked.gpu_type and asked.gpu_type.lower() not in kind.lower().split("+"):
            continue
        fit = could_start(_request(asked, name, kind if asked.gpu_type else ""), nodes, partitions)
        rivals = int(waiting["partition"].str.split(",").map(lambda names, name=name: name in names).sum())
        kept = {str(key): value for key, value in row.items()}
        yield kept | {"could_start": fit.fits, "words": fit.words, "waiting_before": rivals}


def _request(asked: CapacityAsked, partition: str, kind: str) -> Request:
    return Request(
        gpus=float(asked.gpus),
        cpus=float(asked.cpus),
        memory_bytes=asked.memory_gib * 2.0**30,
        node_count=asked.nodes,
        time_limit_seconds=asked.hours * 3600,
        partition=partition,
        gpu_type=kind,
    )


TOOL = Tool(
    "free_capacity",
    "Whether a job of so many GPUs, nodes, CPUs and memory could start now in each partition, why not, how many GPUs are "
    "free, and the largest free block on one node.",
    CapacityAsked,
    free_capacity,
)
