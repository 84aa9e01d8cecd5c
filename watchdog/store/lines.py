"""Which lines an answer has, and which series each line is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from watchdog.model.arrays import Floats, Ints, instants
from watchdog.model.metrics import CATALOGUE, Kind
from watchdog.model.telemetry import By, Where
from watchdog.store.series import PART_BITS, PLACE_MASK, SeriesTable

TOTAL = "memory_total_bytes"
# What adds up to the total where no exporter gives it; the last is absent from older drivers.
_ADDENDS = ("memory_used_bytes", "memory_free_bytes", "memory_reserved_bytes")
# How the members of a line become one value, in SQL.
HOWS = ("avg", "sum", "max")
_HOW_OF = {"mean": "avg", "sum": "sum", "max": "max"}


@dataclass(frozen=True, eq=False)
class Members:
    """The series of the lines, ordered by line; each array of shape (members,).

    Attributes:
        series_id: a series may serve two lines.
        line: the number of its line.
        gpu: tells GPUs apart.
        whole: it is about the GPU itself, not about a part.
        how: what combines the members' values, a number into HOWS.
        need: fewer values than so many give none.
    """

    series_id: Ints
    line: Ints
    gpu: Ints
    whole: npt.NDArray[np.bool_]
    how: Ints
    need: Ints

    def __len__(self) -> int:
        return len(self.series_id)


@dataclass(frozen=True, eq=False)
class Lines:
    """Lines 0..n-1 in the order of the answer.

    Attributes:
        labels: metric, node, gpu_uuid, gpu_index, part, gpu_model; arrays of pandas, of shape (lines,).
        shadowed: some line has parts of a GPU beside the GPU itself.
    """

    members: Members
    labels: dict[str, Any]
    shadowed: bool

    def __len__(self) -> int:
        return len(self.labels["metric"])

    @property
    def derived(self) -> bool:
        """Some line is the sum of quantities that must all be there."""
        return bool((self.members.need > 1).any())

    @property
    def merged(self) -> bool:
        """Some line has more than one series."""
        return len(self.members) > len(self)

    def frame(self, columns: Iterable[str], line: Ints, at: Ints, value: Floats) -> pd.DataFrame:
        """The rows of an answer in `columns`: labels of each `line`, instant `at` (microseconds), value."""
        each_once = len(line) == len(self) and bool((line == np.arange(len(self))).all())
        labels = {name: self.labels[name] for name in columns if name in self.labels}
        rows = labels if each_once else {name: label.take(line) for name, label in labels.items()}
        rows = {**rows, "value": value}
        return pd.DataFrame({name: rows[name] if name in rows else instants(at) for name in columns}, copy=False)


def find_lines(series: SeriesTable, metrics: Sequence[str], where: Where, by: By, *, counters: bool = False) -> Lines:
    """The lines of `metrics` on the GPUs of `where`; with `counters`, of counters only."""
    asked = [key for key in metrics if not counters or CATALOGUE[key].kind is Kind.COUNTER]
    ids = series.ids_of(asked, where.nodes, where.gpus)
    metric, place = series.metric[ids], series.place[ids]
    if TOTAL in asked:
        extra = _addends(series, where)
        ids = np.concatenate([ids, extra])
        metric = np.concatenate([metric, np.full(len(extra), series.words["metric"].find(TOTAL))])
        place = np.concatenate([place, _first_place(series, extra)])
    return _grouped(series, ids, metric, place, by)


def exported(series: SeriesTable, metric: str) -> bool:
    """Whether any series of it was ever seen, or what it can be derived from."""
    needed = _ADDENDS[:2] if metric == TOTAL else (metric,)
    return series.exports(metric) or all(series.exports(key) for key in needed)


def _addends(series: SeriesTable, where: Where) -> Ints:
    """Series whose sum is the total, of GPUs that have no total but do have used and free."""
    of = {key: series.ids_of([key], where.nodes, where.gpus) for key in (TOTAL, *_ADDENDS)}
    place = {key: _places(series, ids) for key, ids in of.items()}
    used, free = (place[key] for key in _ADDENDS[:2])
    complete = np.setdiff1d(np.intersect1d(used, free), place[TOTAL])
    return np.concatenate([of[key][np.isin(place[key], complete)] for key in _ADDENDS])


def _first_place(series: SeriesTable, ids: Ints) -> Ints:
    """The place in the order of series, the same for all series of a GPU: one may know an older index than another."""
    _, first, group = np.unique(_places(series, ids), return_index=True, return_inverse=True)
    return series.place[ids[first]][group]


def _places(series: SeriesTable, ids: Ints) -> Ints:
    """The identity of these series without the metric, as one number."""
    return series.keys.to_numpy()[ids] & PLACE_MASK


def _grouped(series: SeriesTable, ids: Ints, metric: Ints, place: Ints, by: By) -> Lines:
    """Put in order of metric and place; a line is what comes between two changes of what `by` keeps."""
    key = series.words["metric"].ranks(metric) * (len(series) + 1) + place
    order = np.argsort(key, kind="stable")
    ids, metric, key = ids[order], metric[order], key[order]
    changes = {By.GPU: [key], By.NODE: [metric, series.node[ids]], By.CLUSTER: [metric]}[by]
    begins = np.ones(len(ids), bool)
    begins[1:] = np.any([column[1:] != column[:-1] for column in changes], axis=0)
    members = _members(series, ids, metric, np.cumsum(begins) - 1, by)
    return Lines(members, _labels(series, ids[begins], metric[begins], by), by is not By.GPU and _shadowed(members))


def _members(series: SeriesTable, ids: Ints, metric: Ints, line: Ints, by: By) -> Members:
    kinds, kind = np.unique(metric, return_inverse=True)
    ways = ["sum" if by is By.GPU else _HOW_OF[CATALOGUE[series.words["metric"].word(k)].over_gpus] for k in kinds]
    return Members(
        series_id=ids,
        line=line,
        gpu=_places(series, ids) >> PART_BITS,
        whole=series.part[ids] == 0,
        how=np.array([HOWS.index(way) for way in ways], np.int64)[kind],
        need=np.bincount(line)[line] if by is By.GPU else np.ones(len(ids), np.int64),
    )


def _shadowed(members: Members) -> bool:
    key, whole = members.line * (members.gpu.max(initial=0) + 1) + members.gpu, members.whole
    return not whole.all() and bool(np.isin(key[~whole], key[whole]).any())


def _labels(series: SeriesTable, ids: Ints, metric: Ints, by: By) -> dict[str, Any]:
    words = ("node", "gpu_uuid", "part", "gpu_model")
    kept = {By.GPU: words, By.NODE: ("node",), By.CLUSTER: ()}[by]
    blank = pd.Categorical.from_codes(np.zeros(len(ids), np.int8), categories=pd.Index([""], dtype="str"))
    nowhere = pd.arrays.IntegerArray(np.zeros(len(ids), np.int16), np.ones(len(ids), bool))
    return {
        "metric": series.words["metric"].categorical(metric),
        **{name: series.categorical(name, ids) if name in kept else blank for name in words},
        "gpu_index": series.places(ids) if by is By.GPU else nowhere,
    }
