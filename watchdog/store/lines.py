"""Which lines an answer has, and which series each line is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from watchdog.model.arrays import Floats, Ints, instants
from watchdog.model.metrics import CATALOGUE, Kind
from watchdog.model.telemetry import By, Where
from watchdog.store.series import IDENTITY, PART_BITS, PLACE_MASK, SeriesTable

TOTAL = "memory_total_bytes"
# What adds up to the total where no exporter gives it; the last is absent from older drivers.
_ADDENDS = ("memory_used_bytes", "memory_free_bytes", "memory_reserved_bytes")
_SQL = {"mean": "avg", "sum": "sum", "max": "max"}
_KEPT = {By.GPU: IDENTITY, By.NODE: ("metric", "node"), By.CLUSTER: ("metric",)}


@dataclass(frozen=True, eq=False)
class Lines:
    """Lines 0..n-1 in the order of the answer.

    Attributes:
        members: (series_id, line, gpu, whole, how, need): a series may serve two lines; `how` combines the members'
            values ("avg", "sum", "max"), fewer than `need` of them give no value; `whole` is the GPU itself, not a part.
        shadowed: some line has parts of a GPU beside the GPU itself.
        labels: metric, node, gpu_uuid, gpu_index, part, gpu_model of each line.
    """

    members: pd.DataFrame
    labels: pd.DataFrame
    shadowed: bool

    @property
    def derived(self) -> bool:
        """Some line is the sum of quantities that must all be there."""
        return bool((self.members["need"] > 1).any())

    @property
    def merged(self) -> bool:
        """Some line has more than one series."""
        return len(self.members) > len(self.labels)

    def frame(self, line: Ints, at_name: str, at: Ints, value: Floats) -> pd.DataFrame:
        """The rows of an answer: labels of each `line`, instant `at` (microseconds), value."""
        taken = self.labels.take(line).reset_index(drop=True)
        taken[at_name] = instants(at)
        taken["value"] = value
        return taken


def find_lines(series: SeriesTable, metrics: Sequence[str], where: Where, by: By, *, counters: bool = False) -> Lines:
    """The lines of `metrics` on the GPUs of `where`; with `counters`, of counters only."""
    asked = [key for key in metrics if not counters or CATALOGUE[key].kind is Kind.COUNTER]
    ids = series.ids_of(asked, where.nodes, where.gpus)
    metric = series.metric[ids]
    if TOTAL in asked:
        extra = _addends(series, where)
        ids = np.concatenate([ids, extra])
        metric = np.concatenate([metric, np.full(len(extra), series.words["metric"].find(TOTAL))])
    return _grouped(series, ids, metric, by)


def exported(series: SeriesTable, metric: str) -> bool:
    """Whether any series of it was ever seen, or what it can be derived from."""
    needed = _ADDENDS[:2] if metric == TOTAL else (metric,)
    return bool(len(series.ids_of([metric]))) or all(len(series.ids_of([key])) for key in needed)


def _addends(series: SeriesTable, where: Where) -> Ints:
    """Series whose sum is the total, of GPUs that have no total but do have used and free."""
    of = {key: series.ids_of([key], where.nodes, where.gpus) for key in (TOTAL, *_ADDENDS)}
    place = {key: _places(series, ids) for key, ids in of.items()}
    used, free = (place[key] for key in _ADDENDS[:2])
    complete = np.setdiff1d(np.intersect1d(used, free), place[TOTAL])
    return np.concatenate([of[key][np.isin(place[key], complete)] for key in _ADDENDS])


def _places(series: SeriesTable, ids: Ints) -> Ints:
    """The identity of these series without the metric, as one number."""
    return series.keys.to_numpy()[ids] & PLACE_MASK


def _grouped(series: SeriesTable, ids: Ints, metric: Ints, by: By) -> Lines:
    words = series.words
    table = pd.DataFrame(
        {
            "metric": words["metric"].categorical(metric),
            **{name: series.categorical(name, ids) for name in ("node", "gpu_uuid", "part", "gpu_model")},
            "gpu_index": series.places(ids),
            "series_id": ids.astype(np.int32),
            "gpu": _places(series, ids) >> PART_BITS,
            "whole": series.part[ids] == 0,
        }
    )
    for name in set(IDENTITY) - set(_KEPT[by]):
        table[name] = pd.Categorical([""] * len(table), categories=pd.Index([""], dtype="str"))
    if by is not By.GPU:
        table["gpu_index"] = pd.array([pd.NA] * len(table), dtype="Int16")
    table = table.sort_values(["metric", "node", "gpu_index", "gpu_uuid", "part", "series_id"], ignore_index=True)
    codes = table[[*_KEPT[by]]].apply(lambda column: column.cat.codes).to_numpy()
    begins = np.ones(len(table), bool)
    begins[1:] = (codes[1:] != codes[:-1]).any(axis=1)
    line = np.cumsum(begins) - 1
    members = _members(table, line, by)
    kinds = members.groupby(["line", "gpu"])["whole"].nunique() if by is not By.GPU else pd.Series(dtype=int)
    labels = table.loc[begins].drop(columns=["series_id", "gpu", "whole"]).reset_index(drop=True)
    return Lines(members, labels, bool((kinds > 1).any()))


def _members(table: pd.DataFrame, line: Ints, by: By) -> pd.DataFrame:
    how = {key: "sum" if by is By.GPU else _SQL[CATALOGUE[key].over_gpus] for key in table["metric"].cat.categories}
    need = np.bincount(line)[line] if by is By.GPU else np.ones(len(line), np.int64)
    kept = table[["series_id", "gpu", "whole"]]
    return kept.assign(line=line, how=table["metric"].map(how).astype("category"), need=need)
