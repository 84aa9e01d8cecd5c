"""The series met so far, as numbers: identities are resolved once, rows are then made by numpy alone."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from watchdog.model.arrays import Floats, Ints, instants
from watchdog.model.frames import SAMPLES
from watchdog.model.metrics import BY_EXPORTED_NAME, Dialect, ExportedAs, Metric, is_blank
from watchdog.sources.identity import Identity, Inventory, identify

_DIALECTS = list(Dialect)
_Text: TypeAlias = Any  # a Categorical of texts; the stubs' type has no single name
# A worse exporter's samples this close to a better one's say nothing new.
_MARGIN_MICROS = 60_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One quantity of one piece of hardware under one exported name."""

    metric: Metric
    exported: ExportedAs
    identity: Identity

    @property
    def series(self) -> tuple[str, str, str]:
        """What must be unique at an instant, whoever exports it."""
        return self.metric.key, self.identity.gpu_uuid, self.identity.part

    @property
    def place(self) -> tuple[str, str, int, str, str]:
        """Where it stands in an ordered frame."""
        who = self.identity
        return self.metric.key, who.node, -1 if who.gpu_index is None else who.gpu_index, who.gpu_uuid, who.part


@dataclass(frozen=True)
class Rows:
    """Samples made of raw values.

    Attributes:
        frame: SAMPLES, ordered by metric, series and time.
        unmeasured: how many raw values were no measurement.
        repeated: how many said the same series at the same instant again.
    """

    frame: pd.DataFrame
    unmeasured: int = 0
    repeated: int = 0


class Registry:
    """Entries by number. Any thread may add; numbers never change."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self._numbers: dict[tuple[str, str, Identity], int] = {}
        self._table = _Table(())

    def __len__(self) -> int:
        return len(self._entries)

    @staticmethod
    def knows(name: str) -> bool:
        """Whether the catalogue has a quantity exported under `name`."""
        return name in BY_EXPORTED_NAME

    def resolve(
        self, name: str, labels: Mapping[str, str], inventory: Inventory, fallback_node: str = ""
    ) -> tuple[int, ...]:
        """Numbers of the entries an exported series stands for; none if we do not know it."""
        return tuple(
            self._number(Entry(metric, exported, identity))
            for metric, exported in BY_EXPORTED_NAME.get(name, ())
            if (
                identity := identify(
                    labels,
                    inventory,
                    dialect=exported.dialect,
                    per_instance=metric.per_instance,
                    fallback_node=fallback_node,
                )
            )
        )

    def _number(self, entry: Entry) -> int:
        key = (entry.metric.key, entry.exported.name, entry.identity)
        with self._lock:
            number = self._numbers.setdefault(key, len(self._entries))
            if number == len(self._entries):
                self._entries.append(entry)
            return number

    def entry(self, number: int) -> Entry:
        """The entry of that number."""
        return self._entries[number]

    def order(self) -> Ints:
        """For each entry its place among all, ordered by metric and series."""
        return self._current().order

    def measured(self, entry: Ints, raw: Floats) -> np.ndarray:
        """Which raw values are measurements."""
        return self._current().measured(entry, raw)[1]

    def rows(self, entry: Ints, at_micros: Ints, raw: Floats) -> Rows:
        """Samples of raw values as exported.

        Args:
            entry: number of each value's entry.
            at_micros: when each was taken, microseconds since the epoch.
            raw: the values.
        """
        table = self._current()
        value, good = table.measured(entry, raw)
        unmeasured = len(good) - int(np.count_nonzero(good))
        if unmeasured:
            entry, at_micros, value = entry[good], at_micros[good], value[good]
        order = table.ordered(entry, at_micros)
        if order is not None:
            entry, at_micros, value = entry[order], at_micros[order], value[order]
        keep = table.unrepeated(entry, at_micros)
        repeated = len(keep) - int(np.count_nonzero(keep))
        if repeated:
            entry, at_micros, value = entry[keep], at_micros[keep], value[keep]
        return Rows(table.frame(entry, at_micros, value), unmeasured, repeated)

    def _current(self) -> _Table:
        with self._lock:
            if len(self._table.entries) != len(self._entries):
                self._table = _Table(tuple(self._entries))
            return self._table


class _Table:
    """What numpy needs to know of the entries."""

    def __init__(self, entries: tuple[Entry, ...]) -> None:
        self.entries = entries
        self._factor = np.array([e.exported.factor for e in entries], dtype=np.float64)
        self._bit = np.array([e.exported.bit for e in entries], dtype=np.int64)
        self._low = np.array([e.metric.low for e in entries], dtype=np.float64)
        self._high = np.array([e.metric.high for e in entries], dtype=np.float64)

    def measured(self, entry: Ints, raw: Floats) -> tuple[Floats, np.ndarray]:
        """Values in base units, and which of them are measurements."""
        good = ~blank(raw)
        if len(entry) and self._is_uniform(entry):
            # One quantity under one name, as a server gives it: no look-up for each row.
            one = self.entries[entry[0]]
            value = raw * one.exported.factor
            return value, good & (value >= one.metric.low) & (value <= one.metric.high)
        value = raw * self._factor[entry]
        if self._bit.any():
            bit = self._bit[entry]
            mask = np.where(good & (raw >= 0), raw, 0).astype(np.int64)
            value = np.where(bit > 0, (mask & bit) > 0, value)
            good &= (bit == 0) | (raw >= 0)
        good &= (value >= self._low[entry]) & (value <= self._high[entry])
        return value, good

    def _is_uniform(self, entry: Ints) -> bool:
        kinds = self._kind[np.unique(_blocks(entry))]
        return bool((kinds == kinds[0]).all()) and not self.entries[entry[0]].exported.bit

    @cached_property
    def _kind(self) -> Ints:
        kinds: dict[tuple[str, str], int] = {}
        return np.array(
            [kinds.setdefault((e.metric.key, e.exported.name), len(kinds)) for e in self.entries], dtype=np.int64
        )

    @cached_property
    def order(self) -> Ints:
        places = [entry.place for entry in self.entries]
        place = np.empty(len(places), dtype=np.int64)
        place[sorted(range(len(places)), key=places.__getitem__)] = np.arange(len(places))
        return place

    def ordered(self, entry: Ints, at: Ints) -> Ints | None:
        """How to order rows; None if they are in order."""
        place = self.order[entry]
        step = np.diff(place)
        if ((step > 0) | ((step == 0) & (np.diff(at) >= 0))).all():
            return None
        return np.lexsort((at, place))

    def unrepeated(self, entry: Ints, at: Ints) -> np.ndarray:
        """Which of the ordered rows to keep: the last of equals, and the best exporter's."""
        keep = np.ones(len(entry), dtype=bool)
        keep[:-1] = (entry[1:] != entry[:-1]) | (at[1:] != at[:-1])
        present = np.unique(_blocks(entry))
        series = self._series[present]
        if len(np.unique(series)) < len(present):
            keep &= self._preferred(entry, at)
        return keep

    def _preferred(self, entry: Ints, at: Ints) -> np.ndarray:
        """Rows that no better exporter's sample of the same series stands for."""
        series, rank = self._series[entry], self._rank[entry]
        keep = np.ones(len(entry), dtype=bool)
        spans = (
            pd.DataFrame({"series": series, "rank": rank, "at": at})
            .groupby(["series", "rank"])["at"]
            .agg(["min", "max"])
        )
        for (one, better), first, last in spans.itertuples():
            keep &= ~(
                (series == one) & (rank > better) & (at >= first - _MARGIN_MICROS) & (at <= last + _MARGIN_MICROS)
            )
        rows = pd.DataFrame({"series": series, "at": at})[keep]
        keep[rows.index[rows.duplicated(keep="last")]] = False
        return keep

    @cached_property
    def _series(self) -> Ints:
        numbers: dict[tuple[str, str, str], int] = {}
        return np.array([numbers.setdefault(e.series, len(numbers)) for e in self.entries], dtype=np.int64)

    @cached_property
    def _rank(self) -> Ints:
        return np.array([e.metric.names.index(e.exported) for e in self.entries], dtype=np.int64)

    @cached_property
    def _columns(self) -> dict[str, _Text]:
        """Categorical columns of one row an entry."""
        return {
            "metric": pd.Categorical([e.metric.key for e in self.entries]),
            "node": pd.Categorical(self._nodes()),
            "gpu_uuid": pd.Categorical([e.identity.gpu_uuid for e in self.entries]),
            "part": pd.Categorical([e.identity.part for e in self.entries]),
            "gpu_model": pd.Categorical([e.identity.gpu_model for e in self.entries]),
        }

    def _nodes(self) -> list[str]:
        """A GPU that several kinds of exporter see is on the node that the best of them names."""
        best: dict[str, tuple[int, str]] = {}
        for e in self.entries:
            rank = _DIALECTS.index(e.exported.dialect)
            uuid = e.identity.gpu_uuid
            best[uuid] = min(
                best.get(uuid, (rank, e.identity.node)), (rank, e.identity.node), key=lambda found: found[0]
            )
        return [
            e.identity.node
            if best[e.identity.gpu_uuid][0] == _DIALECTS.index(e.exported.dialect)
            else best[e.identity.gpu_uuid][1]
            for e in self.entries
        ]

    @cached_property
    def _index(self) -> pd.api.extensions.ExtensionArray:
        return pd.array([e.identity.gpu_index for e in self.entries], dtype="Int16")

    def frame(self, entry: Ints, at: Ints, value: Floats) -> pd.DataFrame:
        """SAMPLES of values in base units; categories are only those that occur."""
        if not len(entry):
            return SAMPLES.empty()
        present, row = self._present(entry)
        column = {name: _taken(values, present, row) for name, values in self._columns.items()}
        data = {
            "metric": column["metric"],
            "sampled_at": instants(at),
            "node": column["node"],
            "gpu_uuid": column["gpu_uuid"],
            "gpu_index": self._index.take(entry),
            "part": column["part"],
            "gpu_model": column["gpu_model"],
            "value": value,
        }
        return pd.DataFrame(data, copy=False)

    def _present(self, entry: Ints) -> tuple[Ints, Ints]:
        """The entries that occur, and for each row which of them it is."""
        present = np.unique(_blocks(entry))
        position = np.zeros(len(self.entries), dtype=np.int64)
        position[present] = np.arange(len(present))
        return present, position[entry]


def _blocks(entry: Ints) -> Ints:
    """The first of each run of equal numbers."""
    return entry[np.r_[True, entry[1:] != entry[:-1]]] if len(entry) else entry


def _taken(values: _Text, present: Ints, row: Ints) -> _Text:
    codes = values.codes[present]
    used, small = np.unique(codes, return_inverse=True)
    dtype = pd.CategoricalDtype(values.categories[used])
    narrow = small.astype(np.min_scalar_type(-len(used) - 1))
    chosen = narrow[row] if len(used) > 1 else np.zeros(len(row), dtype=np.int8)
    return pd.Categorical.from_codes(chosen, dtype=dtype, validate=False)


def blank(raw: Floats) -> np.ndarray:
    """`model.metrics.is_blank`, for many values."""
    suspect = ~(np.abs(raw) < 2147483632.0)
    if suspect.any():
        suspect[suspect] = [is_blank(value) for value in raw[suspect].tolist()]
    return suspect
