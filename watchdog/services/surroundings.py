"""What is known beside the readings of GPUs, now or at a past instant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd

from watchdog.analysis.health.facts import Slurm
from watchdog.base.clock import floor_to
from watchdog.model.scheduler import JOBS, NODE_STATES, NODES, STEPS
from watchdog.model.slurm.records import Node
from watchdog.model.telemetry import SourceStatus, Window
from watchdog.services.history import History
from watchdog.services.observation import Around, disk_of
from watchdog.services.slurm_view import SlurmView
from watchdog.store.ended import ended_since
from watchdog.store.jobs import JobStore
from watchdog.store.node_states import NodeStateStore

_STATES_FOR = timedelta(days=30)
_ENDED_FOR = timedelta(hours=1)
_GIVEN_OUT = ("cpus_allocated", "memory_allocated_bytes", "gpus_allocated")
_MINUTE, _INSTANT = timedelta(minutes=1), timedelta(microseconds=1)


@dataclass
class Surroundings:
    """Reads Slurm's view, the sources' state and the disk; nothing here raises. One thread uses it.

    Attributes:
        slurm: the newest view; None where no Slurm is read.
        sources, scheduler: the last read of each source of readings, and of Slurm.
    """

    history: History
    database: Path
    slurm: Callable[[], SlurmView | None]
    sources: Callable[[], tuple[SourceStatus, ...]]
    scheduler: Callable[[], SourceStatus | None]
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
        return Around(slurm, self.sources(), self.scheduler(), disk)

    def then(self, at: datetime) -> Around:
        """As it was at a past instant, as far as history tells: the queue, holders and states of nodes."""
        view = self.slurm()
        if view is None:
            return Around()
        moment = Window(at, at + _INSTANT)
        jobs = self.history.attempt(lambda store: JobStore(store).jobs(moment))
        gpus = self.history.attempt(lambda store: JobStore(store).gpus(moment))
        if jobs is None or gpus is None:
            return Around()
        states, ended, steps = self._read_past(at)
        slurm = Slurm(
            taken_at=at,
            jobs=jobs_at(jobs, at),
            job_gpus=gpus,
            nodes=nodes_at(view.nodes, states),
            partitions=view.partitions,
            states=states,
            ended=ended,
            steps=steps,
        )
        return Around(slurm)

    def _read_past(self, at: datetime) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        until = at + _INSTANT
        states = self.history.attempt(lambda store: NodeStateStore(store).states(Window(at - _STATES_FOR, until)))
        ended = self.history.attempt(lambda store: ended_since(store, floor_to(at - _ENDED_FOR, _MINUTE), until))
        jobs, steps = ended or (JOBS.empty(), STEPS.empty())
        return NODE_STATES.empty() if states is None else states, jobs, steps


def jobs_at(history: pd.DataFrame, at: datetime) -> pd.DataFrame:
    """JOBS that waited or ran at `at`, in the state they had then, of JOB_HISTORY."""
    instant = pd.Timestamp(at)
    started, over = history["started_at"] <= instant, history["ended_at"] <= instant
    state = pd.Series("PENDING", index=history.index).mask(started, "RUNNING").astype("string")
    then = history.assign(state=state, ended_at=history["ended_at"].mask(~over))
    return JOBS.conform(then[~over][list(JOBS.columns)])


def nodes_at(nodes: pd.DataFrame, states: pd.DataFrame) -> pd.DataFrame:
    """NODES with the state, flags and reason of the last row of each in NODE_STATES; what was given out is not known."""
    last = states.sort_values("changed_at", kind="stable").drop_duplicates("node", keep="last").set_index("node")
    known = nodes[nodes["node"].isin(last.index)].reset_index(drop=True)
    then = last.reindex(known["node"])
    words = {name: then[name].array for name in ("state", "flags", "reason", "reason_by")}
    table = known.assign(**words, reason_at=then["changed_at"].array)
    unknown = NODES.empty().reindex(table.index)
    table = table.assign(**{name: unknown[name] for name in _GIVEN_OUT})
    pairs = zip(table["node"], table["state"], table["flags"], strict=True)
    takes = [Node(node, state, frozenset(filter(None, flags.split(",")))).takes_work for node, state, flags in pairs]
    return NODES.conform(table.assign(takes_work=pd.Series(takes, index=table.index, dtype="bool")))
