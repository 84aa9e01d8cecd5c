"""What tools read from, as of an instant: everything here reads, nothing changes anything."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar, cast

import pandas as pd

from watchdog.analysis.health.facts import Facts
from watchdog.base.clock import floor_to
from watchdog.base.errors import ToolError
from watchdog.model.telemetry import Telemetry, Window
from watchdog.services import fleet as fleets
from watchdog.services import queue as queues
from watchdog.services import slurm_nodes as node_answers
from watchdog.services import slurm_past as pasts
from watchdog.services import timeline as timelines
from watchdog.services.history import History
from watchdog.services.jobs import Known
from watchdog.services.observation import Around, Observation
from watchdog.services.slurm_view import SlurmView
from watchdog.services.sql import SqlService
from watchdog.sources.promql_cell import PromQuery

_MINUTE = timedelta(minutes=1)
# The loop that judges runs at every read; facts older than this are not "now".
_FRESH = timedelta(minutes=5)
T = TypeVar("T")


class Memo:
    """What was read for one instant, once. Any number of threads: each thing is read by one, and holds up no other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[object, object] = {}
        self._reading = defaultdict[object, threading.Lock](threading.Lock)

    def get(self, key: object, read: Callable[[], T]) -> T:
        """What `read` gave the first time; it must not ask for its own key."""
        with self._lock:
            reading = self._reading[key]
        with reading:
            if key not in self._kept:
                self._kept[key] = read()
            return cast(T, self._kept[key])


@dataclass(frozen=True)
class Reads:
    """Where a desk reads: what the running watchdog has.

    Attributes:
        gpus: every GPU seen since an instant (GPUS).
        slurm: the newest view; None where no Slurm is read.
        around: what is known beside the readings at a past instant; `around_now` at the newest.
        judged: the facts that the loop which judges alerts used last; None before its first tick.
        rates: dollars a GPU-hour by type (`Config.gpu_rates`).
        interval: between two samples of the source.
    """

    telemetry: Telemetry
    history: History
    gpus: Callable[[datetime], pd.DataFrame]
    slurm: Callable[[], SlurmView | None]
    around: Callable[[datetime], Around]
    around_now: Callable[[datetime], Around]
    judged: Callable[[], Facts | None]
    rates: Mapping[str, float]
    interval: timedelta
    sql: SqlService | None = None
    prometheus: PromQuery | None = None


@dataclass(frozen=True)
class Desk:
    """A view of the cluster as of `at`; make one for each answer. What was read once is kept.

    Attributes:
        at: the instant everything is answered for.
        now: the clock, when the desk was made; nothing may be asked beyond it.
        is_past: whether `at` is not now, but an instant that somebody went back to.
    """

    reads: Reads
    at: datetime
    now: datetime
    is_past: bool = False
    memo: Memo = field(default_factory=Memo, compare=False, repr=False)

    def moved(self, at: datetime | None) -> Desk:
        """The same as of another instant; itself for None. ToolError for an instant in the future."""
        if at is None:
            return self
        instant = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        if instant > self.now + _MINUTE:
            raise ToolError(
                "that instant is in the future, and nothing here forecasts",
                hint=f"It is {self.now:%Y-%m-%d %H:%M} UTC, not {instant:%Y-%m-%d %H:%M} UTC. Leave `at` out for now.",
            )
        return self.memo.get(("moved", instant), lambda: replace(self, at=instant, is_past=True, memo=Memo()))

    def window(self, hours: float) -> Window:
        """So many hours that end at `at`."""
        return Window(self.at - timedelta(hours=hours), self.at)

    @property
    def telemetry(self) -> Telemetry:
        """Who answers for GPUs."""
        return self.reads.telemetry

    def gpus(self) -> pd.DataFrame:
        """GPUs that may be expected (GPUS)."""
        return self.memo.get("gpus", lambda: self.reads.gpus(self.at - fleets.EXPECTED_FOR))

    def fleet(self) -> fleets.Fleet:
        """Every GPU, judged; SourceError or StoreError."""
        return self.memo.get("fleet", self._fleet)

    def _fleet(self) -> fleets.Fleet:
        known = self.gpus()
        before = fleets.recent(self.telemetry, floor_to(self.at, _MINUTE), len(known))
        return fleets.fleet(self.telemetry, known, self.at, before)

    @property
    def has_slurm(self) -> bool:
        """Whether a Slurm is read."""
        return self.reads.slurm() is not None

    def known(self) -> Known:
        """Where jobs are looked up."""
        return self.memo.get("known", lambda: Known(self.reads.slurm() or SlurmView(), self.reads.history))

    def view(self) -> SlurmView:
        """Slurm at `at`; ToolError where none is read or it has not answered, StoreError without the history."""
        if not self.has_slurm:
            raise ToolError("no Slurm is read here", hint="Set WATCHDOG_SLURM; see docs/slurm-sources.md.")
        view = self._slurm_past().view if self.is_past else self.known().view
        if view.taken_at is None:
            raise ToolError("Slurm has not answered yet", hint="The page Data health says why.")
        return view

    def _slurm_past(self) -> pasts.SlurmPast:
        return self.memo.get("past", lambda: pasts.slurm_past(self.known(), self.at))

    def queue(self) -> queues.Queue:
        """The queue, explained; as `view`."""
        view = self.view()
        if self.is_past:
            return self.memo.get("queue", lambda: pasts.past_queue(self._slurm_past()))
        return self.memo.get("queue", lambda: queues.queue(view, view.taken_at or self.at))

    def nodes(self) -> node_answers.SlurmNodes:
        """Nodes and partitions with their 30 days before; as `view`."""
        return self.memo.get("nodes", self._nodes)

    def _nodes(self) -> node_answers.SlurmNodes:
        view = self.view()
        states = self._slurm_past().states if self.is_past else self._node_states()
        return node_answers.slurm_nodes(view.nodes, view.partitions, states, self.at)

    def _node_states(self) -> pd.DataFrame:
        around = self.memo.get("around", lambda: self.reads.around_now(self.at))
        return around.slurm.states if around.slurm is not None else pd.DataFrame()

    def held(self, window: Window) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Jobs of the window, and the GPUs they held."""
        return self.memo.get(("held", window), lambda: timelines.held_in(self.known(), window))

    def facts(self) -> Facts:
        """What the health checks look at; SourceError or StoreError where readings cannot be had."""
        return self.memo.get("facts", self._facts)

    def _facts(self) -> Facts:
        newest = self.reads.judged()
        if not self.is_past and newest is not None and self.at - newest.at <= _FRESH:
            return newest
        observation = Observation(self.telemetry, self.reads.gpus)
        observation.recall(self.at)
        around = self.reads.around if self.is_past else self.reads.around_now
        return observation.facts(self.at, around(self.at))

    def warm(self) -> None:
        """Have a process waiting for SQL: starting one takes longer than answering, and a model thinks meanwhile."""
        if self.reads.sql is not None:
            # Where no process can be started, the question in SQL says so, if one is asked.
            with suppress(OSError):
                self.reads.sql.warm()
