"""The newest value of every series, kept in memory: what is asked most often, and asked anew at every refresh.

The store is the only writer of its file, so what it has written is all there is. It answers where it is sure to say
what the tables say, and otherwise leaves the question to them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
import pandas as pd

from watchdog.model.arrays import Floats, Ints, duration_micros, micros
from watchdog.model.telemetry import LOOKBACK
from watchdog.store.connection import Cursor
from watchdog.store.lines import Lines
from watchdog.store.minutes import Flags
from watchdog.store.tiers import EPOCH, MINUTES, SAMPLES_TABLE, Table
from watchdog.store.watermarks import read_marks

Rows = tuple[Ints, Ints, Floats]

_NEVER = np.iinfo(np.int64).min
_LOOKBACK, _MINUTE = duration_micros(LOOKBACK), duration_micros(MINUTES.span)


@dataclass(frozen=True, eq=False)
class Column:
    """By series id: an instant (microseconds since the epoch) and the value then; arrays of shape (series,)."""

    time: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    value: Floats = field(default_factory=lambda: np.zeros(0))

    def after(self, ids: Ints, at: Ints, value: Floats, *, replacing: bool = False) -> Column:
        """With these rows, where they are newer; with `replacing`, also where they are as new."""
        if not len(ids):
            return self
        grown = self._reaching(ids)
        newest = grown.time.copy()
        np.maximum.at(newest, ids, at)
        wins = (at == newest[ids]) & ((at > grown.time[ids]) | replacing)
        grown.time[ids[wins]], grown.value[ids[wins]] = at[wins], value[wins]
        return grown

    def of(self, ids: Ints) -> tuple[Ints, Floats]:
        """Instants and values of these series."""
        known = self if ids.max(initial=-1) < len(self.time) else self._reaching(ids)
        return known.time[ids], known.value[ids]

    def _reaching(self, ids: Ints) -> Column:
        """A copy that is long enough for these ids."""
        missing = max(int(ids.max()) + 1 - len(self.time), 0)
        return Column(np.append(self.time, np.full(missing, _NEVER)), np.append(self.value, np.zeros(missing)))


@dataclass(frozen=True, eq=False)
class Newest:
    """What the tables hold last.

    Attributes:
        samples: the newest reading of each series.
        minutes: the newest minute of each, by its start, and the last value in it.
        complete_after: of rows at or before this instant, some may be missing here, or dropped from the tables.
    """

    samples: Column = field(default_factory=Column)
    minutes: Column = field(default_factory=Column)
    complete_after: int = micros(EPOCH)

    def with_samples(self, ids: Ints, at: Ints, value: Floats) -> Newest:
        """After these readings, in any order. One that is there already stays as it is."""
        return replace(self, samples=self.samples.after(ids, at, value))

    def with_minutes(self, minutes: pd.DataFrame | None) -> Newest:
        """After these rows of `rollup_1m` were written, over what was there."""
        if minutes is None:
            return self
        ids, at = minutes["series_id"].to_numpy(np.int64), minutes["bucket"].to_numpy(np.int64) * _MINUTE
        return replace(self, minutes=self.minutes.after(ids, at, minutes["last"].to_numpy(), replacing=True))

    def without(self, table: Table, until: datetime) -> Newest:
        """After retention dropped the rows of `table` before `until`."""
        told = table in (SAMPLES_TABLE, MINUTES)
        return replace(self, complete_after=max(self.complete_after, micros(until))) if told else self

    def answer(self, lines: Lines, at: datetime) -> Rows | None:
        """The latest of each line at `at`, as `queries.newest` over minutes has it; None if only the tables know."""
        last, first = micros(at), micros(at) - _LOOKBACK
        if first < self.complete_after:
            return None
        (read_at, value), (minute_at, minute) = (c.of(lines.members.series_id) for c in (self.samples, self.minutes))
        read, rolled = read_at > first, minute_at > first
        if (read_at > last).any() or (~read & (minute_at > last - _MINUTE)).any():
            return None
        return _by_line(lines, read | rolled, np.where(read, read_at, minute_at), np.where(read, value, minute))


def _by_line(lines: Lines, found: Flags, at: Ints, value: Floats) -> Rows:
    """Of the members that have a value: one row a line, their sum, if there are enough of them."""
    line, need, at, value = lines.members.line[found], lines.members.need[found], at[found], value[found]
    if not lines.merged or not len(line):
        return line, at, value
    begins = np.flatnonzero(np.diff(line, prepend=-1))
    enough = np.diff(begins, append=len(line)) >= need[begins]
    totals = np.maximum.reduceat(at, begins), np.add.reduceat(value, begins)
    return line[begins][enough], totals[0][enough], totals[1][enough]


def load_newest(cursor: Cursor) -> Newest:
    """As the file has it, of what came since the lookback before the minutes' watermark; the rest is long past."""
    marks = read_marks(cursor)
    rolled_up = (marks.watermark(MINUTES) or EPOCH + LOOKBACK) - LOOKBACK
    after = max(rolled_up, marks.floor(SAMPLES_TABLE), marks.floor(MINUTES))
    samples = f"{SAMPLES_TABLE.micros} AS t, value FROM samples WHERE sampled_at >= {SAMPLES_TABLE.key(after)}"
    minutes = f"{MINUTES.micros} AS t, last AS value FROM {MINUTES.name} WHERE bucket >= {MINUTES.key(after)}"
    return Newest(_column(cursor, samples), _column(cursor, minutes), micros(after))


def _column(cursor: Cursor, selected: str) -> Column:
    newest = f"SELECT series_id, max(t) AS t, arg_max(value, t) AS value FROM (SELECT series_id, {selected}) GROUP BY 1"
    got = cursor.execute(newest).fetchnumpy()
    ids, at, value = (np.asarray(got[name]) for name in ("series_id", "t", "value"))
    return Column().after(ids.astype(np.int64), at.astype(np.int64), value.astype(np.float64))
