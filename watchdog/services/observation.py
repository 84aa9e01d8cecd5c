"""Puts together, at each tick, everything that health checks look at."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd

from watchdog.analysis.gpu_state import everyone, with_derived
from watchdog.analysis.health.facts import CELL_METRICS, TRACE_METRICS, TRACE_MINUTES, Disk, Facts, Rental, Slurm
from watchdog.analysis.health.holders import held_by
from watchdog.analysis.pivot import one_row_a_gpu
from watchdog.base.clock import floor_to
from watchdog.model.arrays import micros
from watchdog.model.metrics import CATALOGUE, Kind, Unit
from watchdog.model.telemetry import LOOKBACK, By, SourceStatus, Statistic, Telemetry, Window
from watchdog.services.edges import KEPT, RESET_METRICS, XID_METRICS, Edges
from watchdog.services.fleet import EXPECTED_FOR, expected_at
from watchdog.services.tracer import Tracer

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
_WIDE = tuple(dict.fromkeys((*CELL_METRICS, *TRACE_METRICS, *RESET_METRICS)))
# One of them is published for as long as a GPU is.
_PRESENCE = ("gpu_temperature_celsius", "power_watts")
_PLACES = ("first_seen_at", "last_seen_at")


@dataclass(frozen=True)
class Around:
    """What is known beside the readings of GPUs, at the same instant; see `Facts`."""

    slurm: Slurm | None = None
    sources: tuple[SourceStatus, ...] = ()
    scheduler: SourceStatus | None = None
    disk: Disk | None = None
    rental: Rental | None = None


@dataclass
class Observation:
    """Turns readings into `Facts`, and remembers the hour before them. One thread uses it.

    Attributes:
        telemetry: where readings come from; its `latest` must be cheap.
        inventory: GPUs (GPUS) seen since an instant.
    """

    telemetry: Telemetry
    inventory: Callable[[datetime], pd.DataFrame]
    _tracer: Tracer = field(default_factory=Tracer)
    _edges: Edges = field(default_factory=Edges)
    _known: pd.DataFrame | None = None
    _known_at: datetime | None = None
    _since: datetime | None = None

    def facts(self, at: datetime, around: Around, extra: Sequence[str] = (), traced: Sequence[str] = ()) -> Facts:
        """The cluster at `at`, which never runs back; SourceError or StoreError where readings cannot be had.

        Args:
            at: now, or the next instant of a past that is gone through in order.
            around: Slurm, the sources and the disk at that instant.
            extra: keys of more metrics to have in `cells`.
            traced: keys of more metrics to have in `trace`, from now on.
        """
        keys = tuple(dict.fromkeys((*_WIDE, *extra, *traced)))
        answer = self.telemetry.latest(tuple(dict.fromkeys((*keys, *XID_METRICS))), at)
        wide = one_row_a_gpu(answer.frame, keys)
        self._tracer.take(wide, traced)
        self._edges.take(answer.frame, wide)
        self._since = self._since or at
        cells = self._cells(wide, at, around.slurm)
        return Facts(
            at=at,
            cells=cells,
            trace=self._tracer.trace(cells["gpu_uuid"], micros(at)),
            xids=self._edges.xids(at),
            resets=self._edges.resets(at),
            slurm=around.slurm,
            sources=around.sources,
            scheduler=around.scheduler,
            disk=around.disk,
            rental=around.rental,
            not_exported=answer.not_exported,
            watching_since=self._since,
        )

    def recall(self, at: datetime) -> None:
        """Read the hour before `at`, and the XIDs of the day before, from history; may raise as `facts`."""
        self.look_back(Window(floor_to(at - TRACE_MINUTES * _MINUTE, _MINUTE), floor_to(at, _MINUTE)))
        self._recall_xids(Window(floor_to(at - KEPT, _HOUR), floor_to(at, _MINUTE)))

    def look_back(self, window: Window) -> None:
        """Read the minutes of a past window; may raise as `facts`."""
        for statistic, keys in _BY_STATISTIC.items():
            frame = self.telemetry.range(keys, window, _MINUTE, statistic=statistic).frame
            self._tracer.fill(frame)
            if len(frame) and (self._since is None or window.since < self._since):
                self._since = window.since

    def watched(self, window: Window) -> list[datetime]:
        """The minutes of a window in which anything was read; may raise as `facts`."""
        answer = self.telemetry.range(_PRESENCE, window, _MINUTE, statistic=Statistic.MAX, by=By.CLUSTER)
        return sorted({bucket.to_pydatetime() for bucket in answer.frame["bucket_at"]})

    def _recall_xids(self, window: Window) -> None:
        frame = self.telemetry.range((XID_METRICS[0],), window, 5 * _MINUTE, statistic=Statistic.INCREASE).frame
        self._edges.remember(frame[(frame["value"] > 0).to_numpy()].rename(columns={"bucket_at": "sampled_at"}))

    def _cells(self, wide: pd.DataFrame, at: datetime, slurm: Slurm | None) -> pd.DataFrame:
        known = self._inventory(at)
        cells = with_derived(everyone(wide, expected_at(known, at)))
        places = known.set_index("gpu_uuid")[list(_PLACES)].reindex(cells["gpu_uuid"])
        cells = cells.assign(**{name: places[name].array for name in _PLACES})
        cells = cells.sort_values(["node", "gpu_index", "gpu_uuid"], kind="stable").reset_index(drop=True)
        fresh = slurm is not None and at - slurm.taken_at <= LOOKBACK
        return held_by(cells, slurm.jobs, slurm.job_gpus) if slurm and fresh else held_by(cells, None, None)

    def _inventory(self, at: datetime) -> pd.DataFrame:
        if self._known is None or self._known_at is None or not timedelta() <= at - self._known_at < _MINUTE:
            self._known, self._known_at = self.inventory(at - EXPECTED_FOR), at
        return self._known


def _statistic(key: str) -> Statistic:
    metric = CATALOGUE[key]
    if metric.kind is Kind.COUNTER:
        return Statistic.LAST
    return Statistic.MAX if metric.unit in {Unit.FLAG, Unit.CODE} else Statistic.AVG


_BY_STATISTIC = {
    statistic: tuple(key for key in TRACE_METRICS if _statistic(key) is statistic)
    for statistic in (Statistic.AVG, Statistic.MAX, Statistic.LAST)
}


def disk_of(folder: Path, database: Path) -> Disk | None:
    """Room in the folder of the history; None where it is not to be had."""
    try:
        usage = shutil.disk_usage(folder)
        size = float(database.stat().st_size) if database.exists() else 0.0
    except OSError:
        return None
    return Disk(float(usage.free), float(usage.total), size)
