"""What a waiting job asks for, and its share on one node."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    """What a job asks for over all its nodes; None or "" where it is not known or it asks for none.

    Attributes:
        gpus, cpus, memory_bytes: over all its nodes; `gpus` 0 for a job without.
        node_count: how many nodes.
        time_limit_seconds: inf without a limit.
        partition: one or several, joined by ','.
        gpu_type, features, reservation: as Slurm writes them.
    """

    gpus: float | None = None
    cpus: float | None = None
    memory_bytes: float | None = None
    node_count: int | None = None
    time_limit_seconds: float | None = None
    partition: str = ""
    gpu_type: str = ""
    features: str = ""
    reservation: str = ""

    def share(self, resource: str) -> tuple[float, float] | None:
        """Least and most of a resource that one node must give; they differ where it does not divide evenly."""
        whole: float | None = getattr(self, resource)
        if whole is None:
            return None
        each = whole / max(self.node_count or 1, 1)
        return (each, each) if resource == "memory_bytes" else (math.floor(each), math.ceil(each))


# What nodes give, as columns of NODES; what is given out is <column>_allocated, of memory memory_allocated_bytes.
RESOURCES = {"gpus": "gpus_allocated", "cpus": "cpus_allocated", "memory_bytes": "memory_allocated_bytes"}
