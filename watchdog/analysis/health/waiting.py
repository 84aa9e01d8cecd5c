"""Jobs that wait for the cluster, and not for their user, another job or an instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from watchdog.analysis.health.facts import Facts, Slurm
from watchdog.analysis.health.sight import NEVER, instants_us, texts
from watchdog.model.arrays import Floats, Ints, instant, micros
from watchdog.model.findings import Subject
from watchdog.model.slurm.records import WAITING

BY_CHOICE = frozenset(
    {"JobHeldUser", "JobHeldAdmin", "BeginTime", "Dependency", "DependencyNeverSatisfied", "JobArrayTaskLimit"}
)
# Reasons of jobs that only lack room; the others lack a right or a partition.
FOR_ROOM = frozenset({"Resources", "Priority", "None", ""})
FIRST = "Resources"


@dataclass(frozen=True)
class Waiting:
    """Waiting jobs, one entry each in every array.

    Attributes:
        rows: their places in `Slurm.jobs`.
        since_us: since when each may start as far as it asks itself; NEVER where that is not known.
        code: Slurm's reason, without what follows a comma.
    """

    rows: Ints
    partition: NDArray[np.object_]
    code: NDArray[np.object_]
    since_us: Ints
    priority: Floats

    def only(self, mask: NDArray[np.bool_]) -> Waiting:
        """Some of them."""
        parts = (self.rows, self.partition, self.code, self.since_us, self.priority)
        return Waiting(*(part[mask] for part in parts))  # type: ignore[arg-type]

    def by_partition(self) -> dict[str, Waiting]:
        """The jobs of each partition; those for several partitions are apart."""
        codes, names = pd.factorize(self.partition)
        order = np.argsort(codes, kind="stable")
        cuts = np.searchsorted(codes[order], np.arange(len(names) + 1))
        return {str(name): self._at(order[cuts[i] : cuts[i + 1]]) for i, name in enumerate(names)}

    def _at(self, places: Ints) -> Waiting:
        mask = np.zeros(len(self.rows), dtype=bool)
        mask[places] = True
        return self.only(mask)

    @property
    def longest(self) -> int:
        """Place of the job that waits longest."""
        return int(np.argmin(np.where(self.since_us == NEVER, np.iinfo(np.int64).max, self.since_us)))

    @property
    def first(self) -> int:
        """Place of the job that should start first: Slurm says that it waits for resources, or the highest priority."""
        order = np.lexsort((self.since_us, -np.nan_to_num(self.priority, nan=-np.inf), self.code != FIRST))
        return int(order[0])

    def since(self, place: int) -> datetime | None:
        """Since when one waits."""
        at = int(self.since_us[place])
        return None if at == NEVER else instant(at)

    def waited(self, facts: Facts, longer_than: timedelta) -> NDArray[np.bool_]:
        """Which have waited that long."""
        limit = micros(facts.at - longer_than)
        return np.asarray((self.since_us != NEVER) & (self.since_us <= limit))


def waiting(slurm: Slurm) -> Waiting:
    """Everybody who waits for the cluster."""
    state = texts(slurm.jobs, "state")
    rows = np.flatnonzero(np.isin(state, [name.value for name in WAITING]))
    jobs = slurm.jobs.iloc[rows]
    reason = texts(jobs, "reason")
    kinds, places = pd.factorize(reason)[::-1]
    heads = np.array([str(kind).strip("()").partition(",")[0] for kind in kinds], dtype=object)
    code = heads[places] if len(heads) else reason
    eligible, submitted = instants_us(jobs, "eligible_at"), instants_us(jobs, "submitted_at")
    since = np.where(eligible == NEVER, submitted, eligible)
    priority = jobs["priority"].to_numpy(dtype=np.float64, na_value=np.nan)
    all_ = Waiting(rows, texts(jobs, "partition"), code, since, priority)
    return all_.only(~np.isin(code, list(BY_CHOICE)))


def job_row(slurm: Slurm, place: int) -> dict[str, Any]:
    """One job as plain values (missing = None)."""
    row = slurm.jobs.iloc[place].to_dict()
    return {str(name): None if pd.isna(value) else value for name, value in row.items()}


def partition_subject(partition: str) -> Subject:
    """The subject of a finding about the queue of a partition."""
    return Subject(part=f"partition={partition}")
