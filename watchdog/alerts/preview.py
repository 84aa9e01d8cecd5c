"""How often would a rule have fired: its threshold tried on the readings of the past."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from watchdog.alerts.grid import columns_of, grown, matrix, quantity
from watchdog.alerts.quantities import ingredients, lacking
from watchdog.alerts.scope import matches, matching
from watchdog.alerts.trial import EPISODES, FINEST, Bools, Floats, Piece, Trial, held_by
from watchdog.model.arrays import duration_micros, instants, micros
from watchdog.model.frames import SERIES
from watchdog.model.rules import Reading, Rule
from watchdog.model.telemetry import Statistic, Telemetry, Where, Window
from watchdog.model.units import duration_text

SPAN = timedelta(days=7)
# Coarser ones where there are too many readings.
STEPS = (FINEST, timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))
# Readings looked at, of one statistic: a few seconds and some hundred MB at the most at once.
MOST_READINGS = 3_000_000
_PIECE_READINGS = 1_000_000
# Denominators of ratios: their mean, since the extremes of parts do not add up.
_DENOMINATORS = frozenset({"memory_total_bytes", "power_limit_watts"})


@dataclass(frozen=True)
class Preview:
    """What a rule would have done.

    Attributes:
        episodes: EPISODES, oldest first; each would have been an alert.
        gpus: how many are in the rule's scope.
        covered_ratio: share of their time with a reading; NaN where there is no GPU.
        incomplete: in words, why episodes may be missing, or too many.
        not_exported: in words, what nobody publishes; then nothing can be said, and 0 episodes mean nothing.
    """

    window: Window
    step: timedelta
    episodes: pd.DataFrame = field(default_factory=EPISODES.empty)
    gpus: int = 0
    covered_ratio: float = float("nan")
    incomplete: tuple[str, ...] = ()
    not_exported: str = ""

    @property
    def count(self) -> int:
        """How often it would have fired."""
        return len(self.episodes)

    @property
    def gpus_affected(self) -> int:
        """On how many GPUs."""
        return int(self.episodes["gpu_uuid"].nunique())

    @property
    def firing_hours(self) -> float:
        """For how long, added up over GPUs."""
        ends = self.episodes["until"].fillna(pd.Timestamp(self.window.until))
        return float((ends - self.episodes["fired_at"]).dt.total_seconds().sum() / 3600)


@dataclass(frozen=True)
class Past:
    """Where a preview looks.

    Attributes:
        gpus: GPUS, which ones there are; others are not looked at.
        partitions: Slurm's partitions by node, as they are now.
        holders: who held which GPU: node, gpu_index, job_id, since, until (null = still); None where not known.
    """

    telemetry: Telemetry
    gpus: pd.DataFrame
    partitions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    holders: pd.DataFrame | None = None


def preview(rule: Rule, past: Past, until: datetime, *, span: timedelta = SPAN, most: int = MOST_READINGS) -> Preview:
    """Try a threshold rule on the time before `until`; SourceError or StoreError where nobody answers.

    All GPUs in scope are looked at by the minute where that is at most `most` readings. Otherwise an hourly survey says
    which ones could have fired, and those are looked at in the finest step that is still within it.
    """
    window = _aligned(until - span, until, STEPS[-1])
    if not rule.metric:
        return Preview(window, FINEST, incomplete=("health checks cannot be tried on the past here",))
    return _Inquiry(rule, past, window, most).answer()


def _aligned(since: datetime, until: datetime, step: timedelta) -> Window:
    us = duration_micros(step)
    low, high = micros(since) // us * us, -(-micros(until) // duration_micros(FINEST)) * duration_micros(FINEST)
    edges = instants(np.array([low, high], dtype=np.int64))
    return Window(edges[0].to_pydatetime(), edges[1].to_pydatetime())


class _Inquiry:
    """One preview under way: what to ask, and what was amiss with the answers."""

    def __init__(self, rule: Rule, past: Past, window: Window, most: int) -> None:
        self.rule, self.past, self.window, self.most = rule, past, window, most
        self.notes: dict[str, None] = {}
        self.missing: set[str] = set()

    def answer(self) -> Preview:
        gpus = self._in_scope()
        survey = self._needed(len(gpus), FINEST) > self.most
        chosen, covered = self._survey(gpus) if survey else (gpus, float("nan"))
        step = next((each for each in STEPS if self._needed(len(chosen), each) <= self.most), STEPS[-1])
        trial = Trial(self.rule, chosen, step)
        for piece in self._pieces(chosen, step):
            trial.feed(piece)
        if step > FINEST:
            self.notes[f"looked at in steps of {duration_text(step)}: shorter ones are rounded to that"] = None
        return Preview(
            self.window,
            step,
            trial.episodes(),
            len(gpus),
            covered if survey else trial.covered_ratio,
            tuple(self.notes),
            lacking(self.rule.metric, self.missing),
        )

    def _needed(self, gpus: int, step: timedelta) -> int:
        return gpus * (self.window.length // step)

    def _in_scope(self) -> pd.DataFrame:
        scope, gpus = self.rule.scope, self.past.gpus
        keep = np.ones(len(gpus), dtype=bool)
        if scope.nodes:
            keep &= matching(gpus["node"], scope.nodes)
        if scope.gpu_models:
            keep &= matching(gpus["gpu_model"], scope.gpu_models)
        if scope.partitions:
            nodes = [n for n, names in self.past.partitions.items() if any(matches(p, scope.partitions) for p in names)]
            keep &= gpus["node"].astype(object).isin(nodes).to_numpy()
            self.notes["partitions are those of today"] = None
        if scope.jobs and self.past.holders is None:
            self.notes["which jobs held the GPUs is not known here: all of them count"] = None
        return gpus[keep].reset_index(drop=True)

    def _survey(self, gpus: pd.DataFrame) -> tuple[pd.DataFrame, float]:
        """GPUs that came past the threshold in some hour, and the share of hours with a reading."""
        if self.rule.reading is Reading.INCREASE and not self._upper:
            return gpus, float("nan")  # little growth in an hour says nothing of ten minutes of it
        step, hits, seen, cells = STEPS[-1], np.zeros(len(gpus), dtype=bool), 0, 0
        for piece in self._pieces(gpus, step, exact=False):
            far = piece.stay > self.rule.threshold if self._upper else piece.stay < self.rule.threshold
            hits |= (far | (piece.stay == self.rule.threshold)).any(axis=1)
            seen, cells = seen + int((~np.isnan(piece.stay)).sum()), cells + piece.stay.size
        return gpus[hits].reset_index(drop=True), seen / cells if cells else float("nan")

    @property
    def _upper(self) -> bool:
        return self.rule.comparison.is_upper

    def _pieces(self, gpus: pd.DataFrame, step: timedelta, *, exact: bool = True) -> Iterator[Piece]:
        """The window in parts of at most _PIECE_READINGS; with `exact` False only what a survey needs."""
        if not len(gpus):
            return
        columns = max(1, _PIECE_READINGS // len(gpus))
        warm = timedelta(0)
        if self.rule.reading is Reading.INCREASE:
            warm = (1 - (-timedelta(seconds=self.rule.over_seconds) // step)) * step
        since = self.window.since
        while since < self.window.until:
            until = min(since + columns * step, self.window.until)
            yield self._piece(gpus, Window(since - warm, until), step, columns_of(Window(since, until), step), exact)
            since = until

    def _piece(
        self,
        gpus: pd.DataFrame,
        window: Window,
        step: timedelta,
        at: NDArray[np.int64],
        exact: bool,
    ) -> Piece:
        inside = self._held(gpus, at, step)
        if self.rule.reading is Reading.INCREASE:
            growth = self._read(gpus, window, step, Statistic.INCREASE)
            # Surveyed by the hour, a window may lie in two of them.
            value = grown(self.rule, growth, step, more=0 if exact else 1)[:, -len(at) :]
            return Piece(at, value, value, inside)
        stay = self._read(gpus, window, step, Statistic.MAX if self._upper else Statistic.MIN)
        gentle = exact and self.rule.for_seconds > 0
        entry = self._read(gpus, window, step, self._gentle(step)) if gentle else stay
        return Piece(at, entry, stay, inside)

    def _gentle(self, step: timedelta) -> Statistic:
        """What must be past the threshold for a bucket to count as holding throughout, or for the most part of it."""
        if step.total_seconds() > self.rule.for_seconds:
            return Statistic.AVG
        return Statistic.MIN if self._upper else Statistic.MAX

    def _read(self, gpus: pd.DataFrame, window: Window, step: timedelta, statistic: Statistic) -> Floats:
        names = ingredients(self.rule.metric)
        means = [name for name in names if name in _DENOMINATORS and name != self.rule.metric]
        frames = {
            **dict.fromkeys(means, self._range(means, gpus, window, step, Statistic.AVG) if means else SERIES.empty()),
            **dict.fromkeys(
                [name for name in names if name not in means],
                self._range([name for name in names if name not in means], gpus, window, step, statistic),
            ),
        }
        index = pd.Index(gpus["gpu_uuid"].astype(str))
        read = {name: matrix(frame, name, index, window, step) for name, frame in frames.items()}
        return quantity(self.rule.metric, read)

    def _range(
        self, names: Sequence[str], gpus: pd.DataFrame, window: Window, step: timedelta, statistic: Statistic
    ) -> pd.DataFrame:
        where = Where(gpus=tuple(gpus["gpu_uuid"])) if len(gpus) < len(self.past.gpus) else Where()
        answer = self.past.telemetry.range(names, window, step, statistic=statistic, where=where)
        self.notes |= dict.fromkeys(answer.incomplete)
        self.missing |= answer.not_exported
        return answer.frame

    def _held(self, gpus: pd.DataFrame, at: NDArray[np.int64], step: timedelta) -> Bools | None:
        if not self.rule.scope.jobs or self.past.holders is None:
            return None
        return held_by(self.past.holders, self.rule.scope.jobs, gpus, at, step)
