"""What a partition allows a job: how long, on how many nodes, and whether anything starts there at all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

import pandas as pd

from watchdog.model.units import duration_text

# Nothing starts there; in a partition in state DRAIN what waits already may.
_CLOSED = ("DOWN", "INACTIVE")


@dataclass(frozen=True)
class Limits:
    """Of one partition; None where it is not known, inf for no limit."""

    partition: str
    state: str = ""
    max_time_seconds: float | None = None
    max_nodes: float | None = None

    def unknown(self, seconds: float | None, nodes: int | None) -> tuple[str, ...]:
        """In words, which limit could still keep a job of so many seconds on so many nodes from starting."""
        found = []
        if self.max_time_seconds is None:
            found.append(f"the longest time {self._named} allows")
        elif seconds is None and math.isfinite(self.max_time_seconds):
            found.append("its time limit")
        if self.max_nodes is None and (nodes or 1) > 1:
            found.append(f"how many nodes {self._named} allows a job")
        return tuple(found)

    @property
    def _named(self) -> str:
        return f"partition {self.partition}" if self.partition else "its partition"


def limits_of(partitions: pd.DataFrame, name: str) -> Limits:
    """Limits of one of PARTITIONS; a column `max_nodes` counts where there is one."""
    rows = partitions[partitions["partition"] == name].to_dict("records")
    if not rows:
        return Limits(name)
    row = rows[0]
    return Limits(name, str(row["state"]), _known(row["max_time_seconds"]), _known(row.get("max_nodes")))


def refusal(seconds: float | None, nodes: int | None, limits: Limits) -> str:
    """Why nothing or no such job starts in the partition; "" where no known limit keeps it."""
    if limits.state.upper() in _CLOSED:
        return f"partition {limits.partition} is {limits.state.lower()}, so nothing starts there"
    longest, most = limits.max_time_seconds, limits.max_nodes
    if seconds is not None and longest is not None and seconds > longest:
        asked = duration_text(timedelta(seconds=seconds)) if math.isfinite(seconds) else "no time limit"
        allowed = duration_text(timedelta(seconds=longest))
        return f"it asks for {asked}; partition {limits.partition} allows {allowed}, unless its QOS lifts that"
    if nodes is not None and most is not None and nodes > most:
        return f"it asks for {nodes} nodes; partition {limits.partition} allows {most:.0f}, unless its QOS lifts that"
    return ""


def _known(value: float | None) -> float | None:
    return None if value is None or pd.isna(value) else float(value)
