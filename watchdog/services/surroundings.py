"""What is known beside the readings of GPUs, now or at a past instant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd

from watchdog.analysis.health.facts import Rental, Slurm
from watchdog.base.clock import floor_to
from watchdog.base.errors import StoreError
from watchdog.model.scheduler import JOBS, NODE_STATES, STEPS
from watchdog.model.telemetry import SourceStatus, Window
from watchdog.services.history import History
from watchdog.services.jobs import Known
from watchdog.services.observation import Around, disk_of
from watchdog.services.slurm_past import slurm_past
from watchdog.services.slurm_view import SlurmView
from watchdog.store.ended import ended_since
from watchdog.store.node_states import NodeStateStore

_STATES_FOR = timedelta(days=30)
_ENDED_FOR = timedelta(hours=1)
_MINUTE, _INSTANT = timedelta(minutes=1), timedelta(microseconds=1)


@dataclass
class Surroundings:
    """Reads Slurm's view, the sources' state and the disk; nothing here raises. One thread uses it.

    Attributes:
        slurm: the newest view; None where no Slurm is read.
        sources, scheduler: the last read of each source of readings, and of Slurm.
        rental: rented clusters as they were listed last.
    """

    history: History
    database: Path
    slurm: Callable[[], SlurmView | None]
    sources: Callable[[], tuple[SourceStatus, ...]]
    scheduler: Callable[[], SourceStatus | None]
    rental: Callable[[datetime], Rental | None] = lambda _: None
    _past: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame] | None = None
    _past_at: datetime | None = None

    def now(self, at: datetime) -> Around:
        """As it is; what comes from the store is at most a minute old."""
        view = self.slurm()
        if self._past is None or self._past_at is None or not timedelta() <= at - self._past_at < _MINUTE:
            self._past, self._past_at = self._read_past(at), at
        states, ended, steps = self._past
        slurm = None
        if view is not None and view.taken_at is not None:
            parts = {"jobs": view.jobs, "job_gpus": view.job_gpus, "nodes": view.nodes, "partitions": view.partitions}
            slurm = Slurm(view.taken_at, **parts, states=states, ended=ended, steps=steps, whole=not view.problems)
        disk = disk_of(self.database.parent, self.database)
        return Around(slurm, self.sources(), self.scheduler(), disk, self.rental(at))

    def then(self, at: datetime) -> Around:
        """As it was at a past instant, as far as history tells: the queue, holders and states of nodes."""
        view = self.slurm()
        if view is None:
            return Around()
        try:
            past = slurm_past(Known(view, self.history), at)
        except StoreError:
            return Around()
        _, ended, steps = self._read_past(at)
        then = past.view
        parts = {"jobs": then.jobs, "job_gpus": then.job_gpus, "nodes": then.nodes, "partitions": then.partitions}
        return Around(Slurm(at, **parts, states=past.states, ended=ended, steps=steps, whole=past.jobs_known))

    def _read_past(self, at: datetime) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        until = at + _INSTANT
        states = self.history.attempt(lambda store: NodeStateStore(store).states(Window(at - _STATES_FOR, until)))
        ended = self.history.attempt(lambda store: ended_since(store, floor_to(at - _ENDED_FOR, _MINUTE), until))
        jobs, steps = ended or (JOBS.empty(), STEPS.empty())
        return NODE_STATES.empty() if states is None else states, jobs, steps
