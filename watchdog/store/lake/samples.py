"""Rollups as the tables `gpu_samples_*`: sorted by metric, GPU and time, a bounded number of rows at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa

from watchdog.model.arrays import Ints, duration_micros
from watchdog.store.connection import Cursor
from watchdog.store.series import SeriesTable
from watchdog.store.tiers import Tier

# About 100 MB while they are read and written.
_ROWS_AT_ONCE = 1_000_000
_TEXTS = ("metric", "node", "gpu_uuid", "gpu_model", "part")
_TEXT = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        ("metric", _TEXT),
        ("bucket_at", pa.timestamp("us")),
        ("node", _TEXT),
        ("gpu_uuid", _TEXT),
        ("gpu_index", pa.int16()),
        ("gpu_model", _TEXT),
        ("part", _TEXT),
        ("min", pa.float64()),
        ("avg", pa.float64()),
        ("max", pa.float64()),
        ("last", pa.float64()),
        ("increase", pa.float64()),
        ("count", pa.int32()),
    ]
)
_SQL = (
    "SELECT r.series_id, r.bucket, r.min, r.sum / r.count AS avg, r.max, r.last, r.increase, r.count::INTEGER AS count "
    "FROM {tier} AS r JOIN chosen AS c ON r.series_id = c.series_id WHERE {inside} ORDER BY c.place, r.bucket"
)


def read_samples(
    cursor: Cursor, series: SeriesTable, tier: Tier, since: datetime, until: datetime
) -> Iterator[pa.Table]:
    """The rows of [since, until) in SCHEMA, in order."""
    sql = _SQL.format(tier=tier.name, inside=tier.inside(since, until))
    each = max(1, _ROWS_AT_ONCE // max(1, (until - since) // tier.span))
    order = _order(series)
    for start in range(0, len(order), each):
        ids = order[start : start + each]
        chosen = pd.DataFrame({"series_id": ids.astype(np.int32), "place": np.arange(len(ids), dtype=np.int32)})
        cursor.register("chosen", chosen)
        found = cursor.sql(sql).to_arrow_table()
        cursor.unregister("chosen")
        if len(found):
            yield _named(found, series, tier)


def _order(series: SeriesTable) -> Ints:
    """Series ids by metric and place."""
    metric = series.words["metric"].ranks(series.metric)
    return np.asarray(np.lexsort((series.place, metric)), np.int64)


def _named(found: pa.Table, series: SeriesTable, tier: Tier) -> pa.Table:
    """Rows of numbers with the words of their series."""
    ids = found.column("series_id").to_numpy()
    columns = {name: _dictionary(series.categorical(name, ids)) for name in _TEXTS}
    at = found.column("bucket").to_numpy().astype(np.int64) * duration_micros(tier.span)
    columns["bucket_at"] = pa.array(at).view(pa.timestamp("us"))
    columns["gpu_index"] = pa.array(series.places(ids))
    numbers = {name: found.column(name) for name in ("min", "avg", "max", "last", "increase", "count")}
    return pa.table({**columns, **numbers}).select(SCHEMA.names).cast(SCHEMA)


def _dictionary(words: pd.Categorical) -> pa.DictionaryArray:
    codes, texts = words.codes.astype(np.int32), words.categories.to_numpy(dtype=object)
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(texts, pa.string()))
