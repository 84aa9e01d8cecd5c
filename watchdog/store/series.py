"""Which series there are: an immutable table in memory, the twin of the SQL table `series`.

A series is (metric, node, gpu_uuid, part) and its id is its row here. A GPU that moves to another node gets new
series, so its past stays with the node it was in; its index and model are facts of today and are corrected in place.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from watchdog.base.errors import StoreError
from watchdog.model.arrays import Ints
from watchdog.model.metrics import CATALOGUE
from watchdog.store.connection import Cursor, rows

IDENTITY = ("metric", "node", "gpu_uuid", "part")
_WORDS = (*IDENTITY, "gpu_model")
# Bits of the packed identity: 1,023 metrics, 65k nodes, a million GPUs, 131k parts.
_BITS = {"metric": 10, "node": 16, "gpu_uuid": 20, "part": 17}
PART_BITS = _BITS["part"]
# Of a packed identity, all but the metric.
PLACE_MASK = (1 << sum(_BITS.values()) - _BITS["metric"]) - 1
_NO_INDEX = -1


class Words:
    """Numbers for strings; only ever grows, so tables of different age share it."""

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._words = list(words)
        self._codes = {word: code for code, word in enumerate(self._words)}
        self._sorted = _Sorted.of(self._words)

    def code(self, word: str) -> int:
        """The number of `word`, a new one if needed."""
        if word not in self._codes:
            self._words.append(word)
            self._codes[word] = len(self._words) - 1
        return self._codes[word]

    def find(self, word: str) -> int:
        """The number of `word`, or -1."""
        return self._codes.get(word, -1)

    def word(self, code: int) -> str:
        """The string with this number."""
        return self._words[code]

    def codes(self, column: pd.Series) -> Ints:
        """The numbers of a categorical column, without a step per row."""
        known = np.array([self.code(str(word)) for word in column.cat.categories], dtype=np.int64)
        return known[column.cat.codes.to_numpy()] if len(known) else np.zeros(0, np.int64)

    def ranks(self, codes: Ints) -> Ints:
        """The places of the strings of `codes` among all words, sorted."""
        return self._in_order().rank[codes]

    def categorical(self, codes: Ints) -> pd.Categorical:
        """The strings of `codes`, with just the categories they need, sorted."""
        order = self._in_order()
        ranks = order.rank[codes]
        used = _distinct(ranks, len(order.rank))
        if len(used) == len(order.rank):
            return pd.Categorical.from_codes(ranks, dtype=order.dtype, validate=False)
        dtype = pd.CategoricalDtype(order.dtype.categories.take(used))
        code = np.empty(len(order.rank), np.int64)
        code[used] = np.arange(len(used))
        return pd.Categorical.from_codes(code[ranks], dtype=dtype, validate=False)

    def _in_order(self) -> _Sorted:
        order = self._sorted
        if len(order.rank) < len(self._words):
            # Another thread may add words meanwhile: a copy has one length.
            order = self._sorted = _Sorted.of([*self._words])
        return order


@dataclass(frozen=True, eq=False)
class _Sorted:
    """Words in order: each word's place by its number, and all of them as categories."""

    rank: Ints
    dtype: pd.CategoricalDtype

    @classmethod
    def of(cls, words: list[str]) -> _Sorted:
        array = np.array(words, dtype=object)
        order = np.argsort(array)
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        return cls(rank, pd.CategoricalDtype(pd.Index(array[order], dtype="str")))


def _distinct(numbers: Ints, bound: int) -> Ints:
    """The different numbers, sorted; all are below `bound`. Counting beats sorting where there are many."""
    few = len(numbers) < bound // 8
    return np.unique(numbers) if few else np.flatnonzero(np.bincount(numbers, minlength=bound))


def _vocabulary() -> dict[str, Words]:
    return {name: Words(CATALOGUE if name == "metric" else ("",)) for name in _WORDS}


def _no_ints() -> Ints:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False)
class SeriesTable:
    """Every series, row = id; columns of numbers into `words`, instants in microseconds since the epoch.

    `place` orders series by node, index in the node, GPU and part; it is kept because sorting takes longer than most
    questions.
    """

    words: dict[str, Words] = field(default_factory=_vocabulary)
    metric: Ints = field(default_factory=_no_ints)
    node: Ints = field(default_factory=_no_ints)
    gpu_uuid: Ints = field(default_factory=_no_ints)
    part: Ints = field(default_factory=_no_ints)
    gpu_model: Ints = field(default_factory=_no_ints)
    gpu_index: Ints = field(default_factory=_no_ints)
    first_seen: Ints = field(default_factory=_no_ints)
    last_seen: Ints = field(default_factory=_no_ints)
    place: Ints = field(default_factory=_no_ints)
    keys: pd.Index = field(default_factory=lambda: pd.Index([], dtype="int64"))

    def __len__(self) -> int:
        return len(self.metric)

    def find(self, keys: Ints) -> Ints:
        """The ids of packed identities; -1 where there is none."""
        return self.keys.get_indexer(pd.Index(keys)).astype(np.int64)

    def with_frame(self, frame: pd.DataFrame, at: Ints) -> tuple[SeriesTable, Ints]:
        """The table after samples (SAMPLES, taken at `at`), and the series id of each sample."""
        codes = {name: self.words[name].codes(frame[name]) for name in _WORDS}
        keys = _pack(codes)
        missing = np.flatnonzero(self.find(keys) < 0)
        unseen, first = np.unique(keys[missing], return_index=True)
        grown = self._grown(unseen, {name: column[missing[first]] for name, column in codes.items()})
        ids = grown.find(keys)
        return grown._seen(ids, at, frame, codes["gpu_model"]), ids

    def _grown(self, keys: Ints, codes: dict[str, Ints]) -> SeriesTable:
        if not len(keys):
            return self
        words: dict[str, Any] = {name: np.concatenate([getattr(self, name), codes[name]]) for name in _WORDS}
        return replace(
            self,
            **words,
            gpu_index=np.concatenate([self.gpu_index, np.full(len(keys), _NO_INDEX)]),
            first_seen=np.concatenate([self.first_seen, np.full(len(keys), np.iinfo(np.int64).max)]),
            last_seen=np.concatenate([self.last_seen, np.zeros(len(keys), np.int64)]),
            keys=self.keys.append(pd.Index(keys)),
        )

    def _seen(self, ids: Ints, at: Ints, frame: pd.DataFrame, models: Ints) -> SeriesTable:
        """With first and last instants widened, and index and model as the newest of these samples say."""
        first, last = self.first_seen.copy(), self.last_seen.copy()
        np.minimum.at(first, ids, at)
        np.maximum.at(last, ids, at)
        places = frame["gpu_index"].to_numpy(dtype=np.int64, na_value=_NO_INDEX)
        new_place = (places != self.gpu_index[ids]) & (places != _NO_INDEX)
        new_model = (models != self.gpu_model[ids]) & (models != 0)
        index = _newest(self.gpu_index, self.last_seen, ids, at, places, new_place)
        model = _newest(self.gpu_model, self.last_seen, ids, at, models, new_model)
        seen = replace(self, first_seen=first, last_seen=last, gpu_index=index, gpu_model=model)
        as_before = index is self.gpu_index and len(self.place) == len(self)
        return seen if as_before else seen.in_place()

    def in_place(self) -> SeriesTable:
        """With `place` as the other columns say."""
        index = np.where(self.gpu_index < 0, np.iinfo(np.int16).max + 1, self.gpu_index)
        node, gpu, part = (self.words[name].ranks(getattr(self, name)) for name in ("node", "gpu_uuid", "part"))
        columns = np.stack([node, index, gpu, part])
        order = np.lexsort(columns[::-1])
        place = np.empty(len(order), np.int64)
        place[order] = np.cumsum((np.diff(columns[:, order], prepend=-1) != 0).any(axis=0))
        return replace(self, place=place)

    def ids_of(self, metrics: Iterable[str], nodes: Iterable[str] = (), gpus: Iterable[str] = ()) -> Ints:
        """The series of these metrics, on these nodes and GPUs; empty means any."""
        ids = np.arange(len(self))
        for name, words in (("gpu_uuid", [*gpus]), ("node", [*nodes])):
            ids = ids[self._among(name, words, ids)] if words else ids
        return ids[self._among("metric", metrics, ids)]

    def exports(self, metric: str) -> bool:
        """Whether any series of `metric` was ever seen."""
        return bool((self.metric == self.words["metric"].find(metric)).any())

    def are(self, metrics: Iterable[str]) -> npt.NDArray[np.bool_]:
        """By series id, whether it is of one of these metrics."""
        return self._among("metric", metrics, np.arange(len(self)))

    def _among(self, name: str, words: Iterable[str], ids: Ints) -> npt.NDArray[np.bool_]:
        column, codes = getattr(self, name)[ids], [self.words[name].find(word) for word in words]
        return np.asarray(column == codes[0] if len(codes) == 1 else np.isin(column, codes))

    def categorical(self, name: str, ids: Ints) -> pd.Categorical:
        """A column of words for these series."""
        return self.words[name].categorical(getattr(self, name)[ids])

    def places(self, ids: Ints) -> pd.arrays.IntegerArray:
        """`gpu_index` of these series, Int16 with nulls."""
        values = self.gpu_index[ids]
        return pd.arrays.IntegerArray(values.astype(np.int16), values < 0)


def _newest(known: Ints, seen: Ints, ids: Ints, at: Ints, values: Ints, differs: npt.NDArray[np.bool_]) -> Ints:
    """`known` by series, corrected by the newest of the values that differ and are not older than what was seen."""
    rows_ = np.flatnonzero(differs)
    rows_ = rows_[at[rows_] >= seen[ids[rows_]]]
    if not len(rows_):
        return known
    rows_ = rows_[np.argsort(at[rows_], kind="stable")]
    corrected = known.copy()
    corrected[ids[rows_]] = values[rows_]
    return corrected


def _pack(codes: dict[str, Ints]) -> Ints:
    packed = np.zeros(len(codes["metric"]), np.int64)
    for name, bits in _BITS.items():
        if len(codes[name]) and codes[name].max() >= 1 << bits:
            raise StoreError(f"more than {1 << bits} different values of {name}", hint="Look for a label that grows.")
        packed = packed << bits | codes[name]
    return packed


def load_series(cursor: Cursor) -> SeriesTable:
    """The table as the file has it."""
    got = cursor.execute(
        "SELECT metric, node, gpu_uuid, part, gpu_model, coalesce(gpu_index, -1) AS gpu_index, "
        "epoch_us(first_seen_at) AS first_seen, epoch_us(last_seen_at) AS last_seen FROM series ORDER BY series_id"
    ).fetchnumpy()
    table = SeriesTable()
    codes = {name: table.words[name].codes(pd.Series(got[name], dtype="category")) for name in _WORDS}
    numbers: dict[str, Any] = {
        name: np.asarray(got[name], np.int64) for name in ("gpu_index", "first_seen", "last_seen")
    }
    return replace(table, keys=pd.Index(_pack(codes)), **numbers, **dict[str, Any](codes)).in_place()


def save_series(cursor: Cursor, saved: SeriesTable, table: SeriesTable, *, instants: bool) -> SeriesTable:
    """Write what `table` has more or other than the file's `saved`; returns what the file has then.

    Without `instants`, rows that differ only in when they were last seen wait for a later call.
    """
    old = len(saved)
    changed = (table.gpu_index[:old] != saved.gpu_index) | (table.gpu_model[:old] != saved.gpu_model)
    if instants:
        changed |= (table.last_seen[:old] != saved.last_seen) | (table.first_seen[:old] != saved.first_seen)
    _write(cursor, table, np.arange(old, len(table)), _INSERT)
    _write(cursor, table, np.flatnonzero(changed), _UPDATE)
    if instants:
        return table
    first, last = table.first_seen.copy(), table.last_seen.copy()
    first[:old], last[:old] = saved.first_seen, saved.last_seen
    return replace(table, first_seen=first, last_seen=last)


_INSERT = (
    "INSERT INTO series SELECT series_id, metric, node, gpu_uuid, gpu_index, gpu_model, part, "
    "make_timestamptz(first_seen), make_timestamptz(last_seen) FROM changed"
)
_UPDATE = (
    "UPDATE series SET gpu_index = c.gpu_index, gpu_model = c.gpu_model, "
    "first_seen_at = make_timestamptz(c.first_seen), last_seen_at = make_timestamptz(c.last_seen) "
    "FROM changed AS c WHERE series.series_id = c.series_id"
)


def _write(cursor: Cursor, table: SeriesTable, ids: Ints, sql: str) -> None:
    if not len(ids):
        return
    numbers = {"series_id": ids, "first_seen": table.first_seen[ids], "last_seen": table.last_seen[ids]}
    words = {name: table.categorical(name, ids) for name in _WORDS}
    cursor.register("changed", pd.DataFrame({**numbers, **words, "gpu_index": table.places(ids)}))
    rows(cursor, sql)
    cursor.unregister("changed")
