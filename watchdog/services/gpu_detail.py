"""Everything one GPU says about itself at an instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from watchdog.analysis.gpu_state import THROTTLES
from watchdog.analysis.pivot import one_row_a_gpu
from watchdog.analysis.xid import xid_text
from watchdog.model.metrics import CATALOGUE, Group
from watchdog.model.telemetry import Telemetry, Where
from watchdog.model.units import unit_text

_WORDLESS = {"throttle_idle_flag", "throttle_app_clocks_flag", "throttle_display_flag"}


@dataclass(frozen=True)
class GpuDetail:
    """One GPU.

    Attributes:
        values: metric key to value in base units, only what has a reading.
        table: group, metric, value (text), definition: everything exported, in the catalogue's order.
        throttles: why clocks are lowered now, in words; worst first.
        not_exported: labels of metrics that no exporter publishes.
    """

    gpu_uuid: str
    at: datetime
    values: dict[str, float]
    table: pd.DataFrame
    throttles: tuple[str, ...]
    sampled_at: datetime | None
    not_exported: tuple[str, ...]
    incomplete: tuple[str, ...] = ()


def gpu_detail(telemetry: Telemetry, gpu_uuid: str, at: datetime) -> GpuDetail:
    """Ask for the whole catalogue of one GPU."""
    answer = telemetry.latest(tuple(CATALOGUE), at, Where(gpus=(gpu_uuid,)))
    wide = one_row_a_gpu(answer.frame, tuple(CATALOGUE))
    row = wide.iloc[0] if len(wide) else None
    values = {} if row is None else {key: float(row[key]) for key in CATALOGUE if not pd.isna(row[key])}
    missing = tuple(metric.label for key, metric in CATALOGUE.items() if key in answer.not_exported)
    return GpuDetail(
        gpu_uuid=gpu_uuid,
        at=at,
        values=values,
        table=_table(values),
        throttles=_throttles(values),
        sampled_at=None if row is None else row["sampled_at"].to_pydatetime(),
        not_exported=missing,
        incomplete=answer.incomplete,
    )


def _table(values: dict[str, float]) -> pd.DataFrame:
    rows = [
        (str(CATALOGUE[key].group), CATALOGUE[key].label, _text(key, value), CATALOGUE[key].definition)
        for key, value in values.items()
    ]
    return pd.DataFrame(rows, columns=["group", "metric", "value", "definition"], dtype="string")


def _text(key: str, value: float) -> str:
    if key == "xid_code":
        return xid_text(int(value)) if value else "none"
    return unit_text(value, CATALOGUE[key].unit)


def _throttles(values: dict[str, float]) -> tuple[str, ...]:
    grave = [key for key in THROTTLES if values.get(key, 0) > 0]
    others = [
        key
        for key, metric in CATALOGUE.items()
        if metric.group is Group.THROTTLE and key not in THROTTLES and key not in _WORDLESS and values.get(key, 0) > 0
    ]
    return tuple(f"{CATALOGUE[key].label}: {CATALOGUE[key].definition}" for key in (*grave, *others))
