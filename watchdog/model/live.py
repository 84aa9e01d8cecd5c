"""The newest sample of every series, held in memory, so that a page never waits for a source."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta

import pandas as pd

from watchdog.model.frames import SAMPLES, concat
from watchdog.model.telemetry import EVERYWHERE, LOOKBACK, Answer, Where


class Live:
    """What was read last. One thread updates, any number read; frames handed out are never changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._frame = SAMPLES.empty()

    def update(self, frame: pd.DataFrame, now: datetime) -> None:
        """Take in new samples (SAMPLES); what got none keeps its last one until it is LOOKBACK old."""
        with self._lock:
            fresh = self._frame[self._frame["sampled_at"] > pd.Timestamp(now - LOOKBACK)]
        merged = concat(SAMPLES, [fresh, frame])
        newest = merged.drop_duplicates(["metric", "gpu_uuid", "part"], keep="last").reset_index(drop=True)
        with self._lock:
            self._frame = newest

    def latest(self, metrics: Sequence[str], at: datetime, where: Where = EVERYWHERE) -> Answer:
        """As `Telemetry.latest`, for an `at` that is about now."""
        with self._lock:
            frame = self._frame
        known = set(frame["metric"].cat.categories)
        keep = frame["metric"].isin(metrics) & (frame["sampled_at"] > pd.Timestamp(at - LOOKBACK))
        if where.nodes:
            keep &= frame["node"].isin(where.nodes)
        if where.gpus:
            keep &= frame["gpu_uuid"].isin(where.gpus)
        # A source that has said nothing yet exports nothing that we know of; that is not "not exported".
        absent = frozenset(metrics) - known if len(frame) else frozenset()
        return Answer(frame[keep].reset_index(drop=True), not_exported=absent)

    def age(self, now: datetime) -> timedelta | None:
        """Age of the newest sample; None before the first."""
        with self._lock:
            newest = self._frame["sampled_at"].max()
        return None if pd.isna(newest) else now - newest.to_pydatetime()
