"""Five-row frames: one helper a contract."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd

from tests.conftest import NOON
from watchdog.model.frames import GPUS, SAMPLES, SERIES


def samples(*rows: tuple[str, str, float], node: str = "n1", at: datetime = NOON) -> pd.DataFrame:
    """SAMPLES from (metric, gpu, value); a gpu as "g1@n2" stands on node n2, as "g1/mig" is a part."""
    frame = pd.DataFrame([_row(metric, gpu, value, node) for metric, gpu, value in rows], columns=_NAMES)
    frame["sampled_at"] = at
    return SAMPLES.conform(frame.assign(gpu_model="H100", sampled_at=frame["sampled_at"].astype("datetime64[us, UTC]")))


_NAMES = ["metric", "node", "gpu_uuid", "gpu_index", "part", "value"]


def _row(metric: str, gpu: str, value: float, node: str) -> tuple[object, ...]:
    gpu, _, part = gpu.partition("/")
    gpu, _, other = gpu.partition("@")
    return metric, other or node, gpu, 0, part, value


def series(*rows: tuple[str, str, float, float], node: str = "n1") -> pd.DataFrame:
    """SERIES from (metric, gpu, minutes before noon, value)."""
    frame = pd.DataFrame([_row(metric, gpu, value, node) for metric, gpu, _, value in rows], columns=_NAMES)
    at = [NOON - timedelta(minutes=minutes) for _, _, minutes, _ in rows]
    frame["bucket_at"] = pd.Series(at, dtype="datetime64[us, UTC]")
    return SERIES.conform(frame)


def gpus(*names: str, seen: datetime = NOON, first: datetime = NOON - timedelta(days=30)) -> pd.DataFrame:
    """GPUS from names like "g1@n1"."""
    pairs = [(name.partition("@")[0], name.partition("@")[2] or "n1") for name in names]
    frame = pd.DataFrame({"gpu_uuid": [g for g, _ in pairs], "node": [n for _, n in pairs]})
    frame = frame.assign(gpu_index=0, gpu_model="H100", first_seen_at=first, last_seen_at=seen)
    return GPUS.conform(frame.astype(dict.fromkeys(("first_seen_at", "last_seen_at"), "datetime64[us, UTC]")))


def flat(gpu: str, busy: float, watts: float = 300.0, minutes: int = 30) -> list[tuple[str, str, float, float]]:
    """One value a minute of utilization and power."""
    past = range(minutes, 0, -1)
    return [("gpu_util_ratio", gpu, m, busy) for m in past] + [("power_watts", gpu, m, watts) for m in past]
