"""What a check is, and how its findings about GPUs are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from watchdog.analysis.health.facts import Facts
from watchdog.model.findings import Blind, Evidence, Finding, Judged, Subject
from watchdog.model.metrics import CATALOGUE
from watchdog.model.units import unit_text

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Check:
    """A health check.

    Attributes:
        key: as findings carry it; a slug in snake_case.
        definition: when it holds, in one sentence with its thresholds.
        source: where the thresholds come from.
        judge: the check itself, pure.
        action: what to do, in one sentence; cleared_by: what ends it. For the documentation.
    """

    key: str
    title: str
    definition: str
    source: str
    judge: Callable[[Facts], Judged]
    action: str = ""
    cleared_by: str = "It is no longer seen."


def gpu_rows(facts: Facts, mask: Bools) -> Iterable[dict[str, Any]]:
    """The rows of `facts.cells` where `mask` holds, as plain values (missing = None)."""
    if not mask.any():
        return
    for row in facts.cells[mask].to_dict("records"):
        yield {str(name): None if pd.isna(value) else value for name, value in row.items()}


def gpu_subject(row: dict[str, Any], part: str = "") -> Subject:
    """The subject of a finding about the GPU of this row."""
    return Subject(node=str(row["node"]), gpu_uuid=str(row["gpu_uuid"]), part=part)


def holder(row: dict[str, Any]) -> dict[str, Any]:
    """Who is affected, as keywords of `Finding`."""
    index = row["gpu_index"]
    return {
        "gpu_index": None if index is None else int(index),
        "job_id": row["job_id"] or "",
        "user": row["job_user"] or "",
    }


def place(row: dict[str, Any]) -> str:
    """Where it is, for people: GPU 3 on gpu07."""
    return f"GPU {'?' if row['gpu_index'] is None else int(row['gpu_index'])} on {row['node']}"


def reading(row: dict[str, Any], *metrics: str) -> tuple[Evidence, ...]:
    """What the GPU of this row shows under these catalogue keys; what it does not show is left out."""
    at = row["sampled_at"]
    return tuple(
        Evidence(metric, unit_text(row[metric], CATALOGUE[metric].unit), None if at is None else at.to_pydatetime())
        for metric in metrics
        if row.get(metric) is not None
    )


def judged(facts: Facts, findings: Iterable[Finding], seen: Bools, why: str = "") -> Judged:
    """Findings, with the GPUs outside `seen` left unjudged."""
    blind = frozenset(() if seen.all() else facts.cells["gpu_uuid"].to_numpy(dtype=object)[~seen])
    return Judged(tuple(findings), Blind(gpus=blind, why=why if blind else ""))


def unexported(facts: Facts, *metrics: str) -> Judged | None:
    """Nobody can be judged where none of `metrics` is published; None where one is."""
    if facts.not_exported.issuperset(metrics):
        return Judged(blind=Blind(everybody=True, why=f"no exporter publishes {' or '.join(metrics)}"))
    return None


def first_true(mask: Bools, minutes: NDArray[np.int64]) -> list[datetime | None]:
    """Start of the unbroken run of True at the end of each row; None for a row that ends with False."""
    back = (~mask[:, ::-1]).argmax(axis=1)
    length = np.where(mask.all(axis=1), mask.shape[1], back)
    column = len(minutes) - length
    return [
        None if not run else pd.Timestamp(int(minutes[max(place, 0)]), unit="us", tz="UTC").to_pydatetime()
        for run, place in zip(length, column, strict=True)
    ]
