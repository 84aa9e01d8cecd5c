"""Rented pods: a row each, written when something about it is new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from watchdog.model.pods import PODS
from watchdog.store.connection import rows
from watchdog.store.database import Store


@dataclass(frozen=True)
class PodRow:
    """A row of PODS."""

    pod_id: str
    cluster: str
    name: str
    gpu_type: str
    gpu_count: int
    hourly_usd: float
    rented_at: datetime
    how: str
    ready_at: datetime | None = None
    returned_at: datetime | None = None


class PodStore:
    """The pods in a `Store`; every method may raise StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def keep(self, pods: Sequence[PodRow]) -> None:
        """Keep these, each in place of what was known of it; a pod that is known and not among them stays."""
        known = {row.pod_id: row for row in self.rows()}
        fresh = [pod for pod in pods if known.get(pod.pod_id) != pod]
        if not fresh:
            return
        with self._store.write() as cursor:
            for pod in fresh:
                rows(cursor, "DELETE FROM pods WHERE pod_id = ?", [pod.pod_id])
                rows(cursor, "INSERT INTO pods VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", astuple(pod))

    def pods(self) -> pd.DataFrame:
        """All pods (PODS), the first rented first."""
        with self._store.read() as (cursor, _):
            return PODS.conform(cursor.execute("SELECT * FROM pods ORDER BY rented_at, pod_id").df())

    def rows(self) -> list[PodRow]:
        """The same as records."""
        with self._store.read() as (cursor, _):
            found = rows(cursor, "SELECT * FROM pods ORDER BY rented_at, pod_id")
        return [PodRow(*row[:6], *map(_utc, row[6:])) for row in found]


def _utc(value: Any) -> Any:  # noqa: ANN401 (a cell)
    return value.astimezone(UTC) if isinstance(value, datetime) else value
