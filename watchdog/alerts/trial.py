"""A rule tried on readings of the past, piece by piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from watchdog.alerts.lives import Episode, Lives, replay
from watchdog.alerts.scope import matching
from watchdog.model.arrays import column_micros, duration_micros, instants
from watchdog.model.frames import UTC_DTYPE, Column, Frame
from watchdog.model.rules import Rule

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
# As live alerts are judged.
FINEST = timedelta(minutes=1)

_FOR_EVER = pd.Timestamp("2200-01-01", tz="UTC")

EPISODES = Frame(
    name="episodes",
    key=("gpu_uuid", "fired_at"),
    columns={
        "node": Column("string"),
        "gpu_uuid": Column("string"),
        "gpu_index": Column("Int16", nullable=True, low=0),
        "since": Column(UTC_DTYPE, doc="When the condition began."),
        "fired_at": Column(UTC_DTYPE),
        "until": Column(UTC_DTYPE, nullable=True, doc="Null while it still fires at the window's end."),
        "peak": Column("float64", doc="The worst value, in the metric's base unit."),
    },
)


@dataclass(frozen=True)
class Piece:
    """Readings of one span, one row a GPU, one column a bucket; see `lives.Now`."""

    at: NDArray[np.int64]
    entry: Floats
    stay: Floats
    inside: Bools | None = None


class Trial:
    """A rule tried on readings that come piece by piece, in order of time.

    Args:
        rule: a threshold, valid.
        gpus: GPUS, one row a GPU of the pieces.
        step: how long a bucket is.
    """

    def __init__(self, rule: Rule, gpus: pd.DataFrame, step: timedelta) -> None:
        self._gpus = gpus
        wait = duration_micros(timedelta(seconds=rule.for_seconds))
        fine = step <= FINEST
        # A coarse bucket that holds throughout has held for its length by its end.
        self._lives = Lives(rule, len(gpus), wait if fine else max(0, wait - duration_micros(step)), confirmed=fine)
        self._readings = 0
        self._cells = 0

    def feed(self, piece: Piece) -> None:
        """Go on through the next piece."""
        self._readings += int((~np.isnan(piece.stay)).sum())
        self._cells += piece.stay.size
        replay(self._lives, piece.at, piece.entry, piece.stay, piece.inside)

    @property
    def covered_ratio(self) -> float:
        """Share of buckets with a reading."""
        return self._readings / self._cells if self._cells else float("nan")

    def episodes(self) -> pd.DataFrame:
        """EPISODES so far."""
        return _frame([*self._lives.over, *self._lives.open()], self._gpus)


def _frame(episodes: Sequence[Episode], gpus: pd.DataFrame) -> pd.DataFrame:
    if not episodes:
        return EPISODES.empty()
    found = pd.DataFrame(episodes, columns=list(Episode._fields)).sort_values(["fired_at", "row"], kind="stable")
    places = gpus.iloc[found["row"].to_numpy()][["node", "gpu_uuid", "gpu_index"]].reset_index(drop=True)
    until = pd.Series(instants(found["until"].fillna(0).to_numpy(dtype=np.int64)))
    return EPISODES.conform(
        places.assign(
            since=instants(found["since"].to_numpy(dtype=np.int64)),
            fired_at=instants(found["fired_at"].to_numpy(dtype=np.int64)),
            until=until.mask(found["until"].isna().to_numpy()),
            peak=found["peak"].to_numpy(),
        )
    )


def held_by(
    holders: pd.DataFrame, patterns: Sequence[str], gpus: pd.DataFrame, at: NDArray[np.int64], step: timedelta
) -> Bools:
    """Whether a job of these patterns held the GPU (a row of `gpus`) in each bucket (`at`, microseconds, and `step` long).

    `holders` has node, gpu_index, job_id, since and until, null where the job still holds it.
    """
    inside = np.zeros((len(gpus), len(at)), dtype=bool)
    spans = holders[matching(holders["job_id"], patterns) & holders["since"].notna().to_numpy()]
    first = np.searchsorted(at + duration_micros(step), column_micros(spans["since"]), side="right")
    last = np.searchsorted(at, column_micros(spans["until"].fillna(_FOR_EVER)), side="left")
    rows = pd.Index(list(zip(gpus["node"], gpus["gpu_index"], strict=True)), tupleize_cols=False)
    row = rows.get_indexer(pd.Index(list(zip(spans["node"], spans["gpu_index"], strict=True)), tupleize_cols=False))
    for place, start, end in zip(row.tolist(), first.tolist(), last.tolist(), strict=True):
        if place >= 0:
            inside[place, start:end] = True
    return inside
