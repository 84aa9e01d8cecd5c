"""The demo cluster's past as frames: the same readings that the pages would have shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from watchdog.base.clock import floor_to
from watchdog.model.frames import SAMPLES
from watchdog.model.metrics import BY_EXPORTED_NAME, ExportedAs, Metric
from watchdog.sources.demo.engine import Engine
from watchdog.sources.demo.hardware import Fleet
from watchdog.sources.demo.sensors import NAMES, XID_COUNTER, Readings

CHUNK = timedelta(minutes=30)
_COLUMNS: tuple[tuple[int, Metric, ExportedAs], ...] = tuple(
    (row, metric, exported) for row, name in enumerate(NAMES) for metric, exported in BY_EXPORTED_NAME[name]
)
_XID_METRIC = BY_EXPORTED_NAME[XID_COUNTER][0][0].key


def frames(engine: Engine, since: datetime, until: datetime, step: timedelta) -> Iterator[pd.DataFrame]:
    """Run the engine on and yield its samples in [since, until) at multiples of `step`, in SAMPLES.

    The engine must not be past `since`; `step` is rounded up to whole grid steps.
    """
    step = max(engine.step_length, -(-step // engine.step_length) * engine.step_length)
    begin = max(since, engine.now)
    first = floor_to(begin, step)
    at = first if first >= begin else first + step
    batch: list[tuple[datetime, Readings]] = []
    while at < until:
        if batch and floor_to(at, CHUNK) != floor_to(batch[0][0], CHUNK):
            yield _frame(engine.fleet, batch)
            batch = []
        engine.run_until(at)
        batch.append((engine.now, engine.readings))
        at += step
    if batch:
        yield _frame(engine.fleet, batch)


def _frame(fleet: Fleet, batch: list[tuple[datetime, Readings]]) -> pd.DataFrame:
    """All samples of some instants, ordered by metric, GPU and time; XIDs come last."""
    stack = np.stack([_answered(fleet, readings) for _, readings in batch], axis=-1)
    values = np.stack([_quantity(stack[row], exported) for row, _, exported in _COLUMNS]).ravel()
    columns, gpus, instants = len(_COLUMNS), fleet.count, len(batch)
    metric = np.repeat(np.arange(columns, dtype=np.int16), gpus * instants)
    gpu = np.tile(np.repeat(np.arange(gpus, dtype=np.int32), instants), columns)
    instant = np.tile(np.arange(instants, dtype=np.int32), columns * gpus)
    part = np.zeros(len(values), dtype=np.int16)
    seen = ~np.isnan(values)
    if not seen.all():
        metric, gpu, instant, part, values = metric[seen], gpu[seen], instant[seen], part[seen], values[seen]
    xids, parts = _xids(fleet, batch)
    rows = [np.concatenate([most, few]) for most, few in zip((metric, gpu, instant, part, values), xids, strict=True)]
    return _contract(fleet, [at for at, _ in batch], parts, rows)


def _answered(fleet: Fleet, readings: Readings) -> np.ndarray:
    """The readings that could be read: none of an exporter that refuses."""
    return np.where(readings.refuses[fleet.node], np.nan, readings.values)


def _quantity(raw: np.ndarray, exported: ExportedAs) -> np.ndarray:
    if not exported.bit:
        return raw * exported.factor
    flags = (np.nan_to_num(raw).astype(np.int64) & exported.bit) > 0
    return np.where(np.isnan(raw), np.nan, flags)


def _xids(fleet: Fleet, batch: list[tuple[datetime, Readings]]) -> tuple[list[np.ndarray], list[str]]:
    codes = sorted({code for _, readings in batch for _, code in readings.xids})
    place = {code: i + 1 for i, code in enumerate(codes)}
    rows = [
        (len(_COLUMNS), gpu, i, place[code], count)
        for i, (_, readings) in enumerate(batch)
        for (gpu, code), count in readings.xids.items()
        if not readings.refuses[fleet.node[gpu]]
    ]
    table = np.array(rows, dtype=np.float64).reshape(-1, 5).T
    kinds = (np.int16, np.int32, np.int32, np.int16, np.float64)
    return [column.astype(kind) for column, kind in zip(table, kinds, strict=True)], [f"xid={code}" for code in codes]


def _category(codes: NDArray[np.integer[Any]], names: Sequence[str]) -> pd.Categorical[Any]:
    return pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(list(names)), validate=False)


def _contract(fleet: Fleet, instants: list[datetime], parts: list[str], rows: list[np.ndarray]) -> pd.DataFrame:
    metric, gpu, instant, part, value = rows
    models = sorted({model.name for model in fleet.models})
    model_of = np.array([models.index(model.name) for model in fleet.models], dtype=np.int8)
    keys = [*(m.key for _, m, _ in _COLUMNS), _XID_METRIC]
    at = pd.DatetimeIndex(instants).as_unit("us")
    index = pd.arrays.IntegerArray(fleet.index[gpu].astype(np.int16), np.zeros(len(gpu), dtype=np.bool_))
    return SAMPLES.check(
        pd.DataFrame(
            {
                "metric": _category(metric, keys),
                "sampled_at": at.take(instant),
                "node": _category(fleet.node[gpu].astype(np.int32), fleet.node_names),
                "gpu_uuid": _category(gpu, fleet.uuids),
                "gpu_index": index,
                "part": _category(part, ["", *parts]),
                "gpu_model": _category(model_of[gpu], models),
                "value": value,
            },
            copy=False,
        )
    )
