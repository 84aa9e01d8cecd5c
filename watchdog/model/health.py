"""States of GPUs, nodes and sources, worst last; no data is UNKNOWN, never HEALTHY."""

from __future__ import annotations

from enum import StrEnum


class GpuState(StrEnum):
    """What a GPU is doing, as far as its own sensors tell."""

    BUSY = "busy"
    IDLE = "idle"
    HELD_IDLE = "held idle"
    THROTTLED = "throttled"
    HUNG = "hung"
    FAULTY = "faulty"
    LOST = "lost"
    UNKNOWN = "unknown"


class SourceState(StrEnum):
    """How a source is doing."""

    OK = "ok"
    LATE = "late"
    FAILED = "failed"
    UNKNOWN = "unknown"
