"""A cluster that answers from formulas: any size, any fault, no server, no waiting."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pandas as pd

from tests.conftest import NOON
from watchdog.alert_loop import AlertLoopState
from watchdog.alerts.board import Board
from watchdog.base.clock import FakeClock, floor_to
from watchdog.base.config import Config
from watchdog.base.errors import SourceUnavailableError, StoreError
from watchdog.model.arrays import instants, micros
from watchdog.model.audit import AuditEntry
from watchdog.model.buckets import combined
from watchdog.model.frames import GPUS, SAMPLES, SERIES, concat
from watchdog.model.metrics import CATALOGUE, Kind
from watchdog.model.people import Person
from watchdog.model.telemetry import EVERYWHERE, Answer, By, SourceStatus, Statistic, Where, Window

MODEL = "NVIDIA H100 80GB HBM3"
_STEADY = {
    "memory_total_bytes": 80 * 2.0**30,
    "power_limit_watts": 700.0,
    "slowdown_temperature_celsius": 87.0,
    "max_sm_clock_hertz": 1.98e9,
}


@dataclass
class FakeCluster:
    """`nodes` x `gpus_a_node` GPUs; `faults` maps (node number, GPU number) to a state's name.

    `silent_nodes` publish nothing; `labels` overrides node names; `missing` metrics are not exported.
    """

    nodes: int = 4
    gpus_a_node: int = 8
    faults: dict[tuple[int, int], str] = field(default_factory=dict)
    silent_nodes: tuple[int, ...] = ()
    names: dict[int, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ("fan_ratio", "nvlink_bytes_per_second")
    error: SourceUnavailableError | None = None
    history_error: SourceUnavailableError | None = None
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        places = [(n, g) for n in range(self.nodes) for g in range(self.gpus_a_node)]
        self.table = pd.DataFrame(
            {
                "number": [n for n, _ in places],
                "node": [self.names.get(n, f"node{n + 1:03d}") for n, _ in places],
                "gpu_uuid": [f"GPU-{n:04x}{g:04x}-0000" for n, g in places],
                "gpu_index": [g for _, g in places],
                "fault": [self.faults.get(place, "") for place in places],
            }
        )

    def gpus(self, seen_since: datetime) -> pd.DataFrame:
        last = [NOON - timedelta(minutes=40 if self._silent(row) else 0) for row in self.table.itertuples()]
        frame = self.table[["node", "gpu_uuid", "gpu_index"]].assign(
            gpu_model=MODEL, first_seen_at=NOON - timedelta(days=120), last_seen_at=last
        )
        types = {"first_seen_at": "datetime64[us, UTC]", "last_seen_at": "datetime64[us, UTC]"}
        return GPUS.conform(frame.astype(types)) if len(frame) else GPUS.empty()

    def _silent(self, row) -> bool:
        return row.fault == "lost" or row.number in self.silent_nodes

    def _here(self, where: Where) -> pd.DataFrame:
        rows = self.table[(self.table["fault"] != "lost") & ~self.table["number"].isin(self.silent_nodes)]
        if where.nodes:
            rows = rows[rows["node"].isin(where.nodes)]
        return rows[rows["gpu_uuid"].isin(where.gpus)] if where.gpus else rows

    def latest(self, metrics, at, where=EVERYWHERE) -> Answer:
        self.asked.append(tuple(metrics))
        if self.error:
            raise self.error
        at = floor_to(at, timedelta(seconds=15))
        frames = [self._readings(m, [at], where, "sampled_at") for m in metrics if m not in self.missing]
        frame = concat(SAMPLES, frames) if frames else SAMPLES.empty()
        return Answer(frame, not_exported=frozenset(metrics) & frozenset(self.missing))

    samples = None

    def range(self, metrics, window: Window, step, *, statistic=Statistic.AVG, by=By.GPU, where=EVERYWHERE) -> Answer:
        self.asked.append(tuple(metrics))
        if self.error or self.history_error:
            raise self.error or self.history_error
        first = floor_to(window.since, step)
        times = [first + i * step for i in range(int((window.until - first) / step) + 1)]
        times = [t for t in times if t < window.until]
        frames = [self._series(m, times, statistic, by, where) for m in metrics if m not in self.missing]
        return Answer(concat(SERIES, frames), not_exported=frozenset(metrics) & frozenset(self.missing))

    def _series(self, metric, times, statistic, by, where) -> pd.DataFrame:
        frame = self._readings(metric, times, where, "bucket_at")
        if statistic is Statistic.INCREASE:
            frame["value"] = self._increase(metric, frame)
        return combined(frame, by)

    def _increase(self, metric, frame) -> np.ndarray:
        faulty = self.table.loc[self.table["fault"] == "faulty", "gpu_uuid"]
        grown = (metric == "ecc_uncorrected_volatile_count") & frame["gpu_uuid"].isin(faulty)
        return np.where(grown, 2.0, 0.0)

    def _readings(self, metric, times, where, instant) -> pd.DataFrame:
        rows = self._here(where)
        count, n = len(rows), len(times)
        repeated = rows.loc[rows.index.repeat(n)]
        at = instants(np.tile(np.array([micros(time) for time in times], dtype=np.int64), count))
        frame = pd.DataFrame(
            {
                "metric": _all(metric, count * n),
                instant: at,
                "node": pd.Categorical(repeated["node"]),
                "gpu_uuid": pd.Categorical(repeated["gpu_uuid"]),
                "gpu_index": pd.array(repeated["gpu_index"], dtype="Int16"),
                "part": _all("", count * n),
                "value": _values(metric, repeated, np.tile([t.timestamp() for t in times], count)),
            }
        )
        if instant == "sampled_at":
            frame.insert(6, "gpu_model", _all(MODEL, len(frame)))
        return frame

    def status(self) -> tuple[SourceStatus, ...]:
        good = SourceStatus("exporter node001:9400", NOON, NOON - timedelta(seconds=4), 0.012, 96, NOON)
        bad = SourceStatus(
            "exporter node002:9400", NOON, NOON - timedelta(minutes=9), 10.0, 0, None, "timed out", "Is it up?"
        )
        return (good, bad) if self.error or self.silent_nodes else (good,)


def _all(word: str, count: int) -> pd.Categorical:
    return pd.Categorical.from_codes(np.zeros(count, dtype=np.int8), [word])


def _values(metric: str, rows: pd.DataFrame, seconds: np.ndarray) -> np.ndarray:
    place = rows["number"].to_numpy() * 8 + rows["gpu_index"].to_numpy()
    wave = 0.5 + 0.5 * np.sin(seconds / 1700 + place)
    busy = np.where(place % 7 == 3, 0.0, 0.35 + 0.6 * wave)
    fault = rows["fault"].to_numpy()
    busy = np.select([fault == "hung", fault == "held idle"], [1.0, 0.0], busy)
    if metric in _STEADY:
        return np.full(len(rows), _STEADY[metric])
    if metric.endswith("_ratio"):
        return busy
    simple = {
        "memory_used_bytes": np.where((busy == 0) & (fault == ""), 0.4, 61 + 8 * wave) * 2.0**30,
        "gpu_temperature_celsius": 34 + 38 * busy + 12 * (fault == "throttled"),
        "memory_temperature_celsius": 40 + 40 * busy,
        "power_watts": np.where(fault == "hung", 120.0, 75 + 580 * busy),
        "sm_clock_hertz": np.where(fault == "throttled", 0.9e9, 1.2e9 + 0.7e9 * busy),
        "throttle_hw_thermal_flag": (fault == "throttled") * 1.0,
        "compute_processes_count": (busy > 0) * 1.0,
    }
    if metric in simple:
        return simple[metric]
    counter = CATALOGUE[metric].kind is Kind.COUNTER
    return np.full(len(rows), 3.0) if counter and metric == "energy_joules" else np.zeros(len(rows))


class NoHistory:
    """Stands for History where there is no store."""

    error = StoreError("there is no history here", hint="Use a store.")

    def store(self):
        raise self.error


class FakeAudit:
    """Keeps what was recorded."""

    def __init__(self) -> None:
        self.kept: list[AuditEntry] = []

    def record(self, by: Person, act: str, subject: str, details: str = "") -> None:
        self.kept.insert(0, AuditEntry(NOON, by.name, by.signed_in, act, subject, details))

    def newest(self, most: int = 200) -> tuple[AuditEntry, ...]:
        return tuple(self.kept[:most])


def fake_runtime(cluster: FakeCluster | None = None, **config) -> SimpleNamespace:
    """What `watchdog.runtime.current()` gives, on a FakeCluster and a clock that stands at NOON; no Slurm is read, no alert judged."""
    cluster = cluster or FakeCluster()
    return SimpleNamespace(
        config=Config(source="demo", **config),
        clock=FakeClock(NOON),
        telemetry=cluster,
        gpus=cluster.gpus,
        statuses=cluster.status,
        store_stats=lambda: None,
        collector_state=lambda: None,
        slurm=None,
        source_line=f"Demo cluster, {cluster.nodes} nodes",
        is_demo=True,
        engine=SimpleNamespace(board=Board, rules=tuple),
        alert_state=AlertLoopState,
        history=NoHistory(),
        notifier=SimpleNamespace(channels=tuple, dead_letters=tuple),
        heartbeat=None,
        alertmanager=None,
        audit=FakeAudit(),
    )
