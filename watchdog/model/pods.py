"""Rented pods as the app keeps them, and what their time was used for."""

from __future__ import annotations

from watchdog.model.frames import UTC_DTYPE, Column, Frame

_TEXT = Column("string")
_INSTANT = Column(UTC_DTYPE, nullable=True)

# One row a pod that was ever rented; a pod is a Slurm node of the same name.
PODS = Frame(
    name="pods",
    key=("pod_id",),
    columns={
        "pod_id": _TEXT,
        "cluster": _TEXT,
        "name": _TEXT,
        "gpu_type": Column("string", doc="RunPod's id of the GPU type."),
        "gpu_count": Column("int64", low=0),
        "hourly_usd": Column("float64", low=0, doc="USD an hour for the whole pod, as RunPod says."),
        "rented_at": Column(UTC_DTYPE),
        "how": Column("string", doc="created, adopted, found, or listed (never recorded by the driver)."),
        "ready_at": _INSTANT,
        "returned_at": Column(UTC_DTYPE, nullable=True, doc="Null: it goes on costing."),
    },
)

HELD, FREE, UNKNOWN = "held", "free", "unknown"

# What pods cost, cut at midnight UTC and whenever another job held a GPU; the pieces add up to the whole.
CHARGES = Frame(
    name="charges",
    key=("pod_id", "since", "use", "job_id", "submitted_at"),
    columns={
        "pod_id": _TEXT,
        "cluster": _TEXT,
        "name": _TEXT,
        "since": Column(UTC_DTYPE),
        "until": Column(UTC_DTYPE),
        "use": Column("string", doc="held by a job, free, or unknown: no Slurm history of that time."),
        "job_id": Column("string", doc="'' where no job is known."),
        "submitted_at": _INSTANT,
        "user": Column("string", doc="'' where no job is known."),
        "gpu_hours": Column("float64", low=0),
        "usd": Column("float64", low=0),
    },
)
