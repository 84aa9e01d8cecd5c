"""An answer of any length as few enough points to draw: extremes stay, and words say what was done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from watchdog.charts.cell_fields import Fields
from watchdog.model.arrays import Floats, Ints, column_micros, instants
from watchdog.model.notebook import ChartKind
from watchdog.model.units import duration_text

Flags: TypeAlias = npt.NDArray[np.bool_]
MOST_POINTS = 5_000
MOST_SERIES = 6
_MOST_LABEL = 80
# A hole this many times as long as the usual distance is a gap, not a line.
_GAP = 3.0
OTHERS = "others"


@dataclass(frozen=True)
class Points:
    """Columns x, y, series; null y = a gap. `words`: what was left out or joined."""

    frame: pd.DataFrame
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Lines:
    """Points of all lines, ordered by line and x. Instants are microseconds since the epoch."""

    x: Floats | Ints
    y: Floats
    line: Ints
    names: list[str]

    def ordered(self) -> _Lines:
        order = np.lexsort((self.x, self.line))
        return replace(self, x=self.x[order], y=self.y[order], line=self.line[order])

    def taken(self, rows: Ints | Flags) -> _Lines:
        return replace(self, x=self.x[rows], y=self.y[rows], line=self.line[rows])


def points(answer: pd.DataFrame, fields: Fields, *, most: int = MOST_POINTS) -> Points:
    """Lines of at most `most` points together, in shown units."""
    answer = answer[answer[fields.x].notna()]
    is_time = pd.api.types.is_datetime64_any_dtype(answer[fields.x].dtype)
    lines, words = _few_lines(_means(_tidy(answer, fields, is_time=is_time)), adds=fields.scale.adds)
    thin = _averages if fields.kind is ChartKind.AREA else downsampled
    thin_lines, more = thin(lines, most=most, is_time=is_time)
    x = instants(np.asarray(thin_lines.x, dtype=np.int64)) if is_time else thin_lines.x
    series = np.array(thin_lines.names, dtype=object)[thin_lines.line]
    frame = pd.DataFrame({"x": x, "y": thin_lines.y, "series": pd.Series(series, dtype="str")})
    return Points(frame, (*words, *more))


def _tidy(answer: pd.DataFrame, fields: Fields, *, is_time: bool) -> _Lines:
    codes, names = label_codes(answer, fields.colour)
    column = answer[fields.x]
    x = column_micros(as_utc(column)) if is_time else shown_values(column, 1.0).to_numpy()
    lines = _Lines(x, shown_values(answer[fields.y], fields.scale.factor).to_numpy(), codes, names)
    return lines.taken(np.isfinite(x)).ordered()


def _means(lines: _Lines) -> _Lines:
    """One value an instant and line."""
    first = np.ones(len(lines.x), dtype=bool)
    first[1:] = (lines.x[1:] != lines.x[:-1]) | (lines.line[1:] != lines.line[:-1])
    if first.all():
        return lines
    return replace(lines.taken(first), y=_averaged(lines.y, np.cumsum(first) - 1)[0])


def _averaged(y: Floats, group: Ints) -> tuple[Floats, Floats]:
    """Mean and sum of each group; null where nothing is known."""
    known, count = ~np.isnan(y), int(group.max(initial=-1)) + 1
    counts = np.bincount(group[known], minlength=count)
    sums = np.bincount(group[known], weights=y[known], minlength=count)
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums / counts, np.where(counts > 0, sums, np.nan)


def _few_lines(lines: _Lines, *, adds: bool) -> tuple[_Lines, tuple[str, ...]]:
    """The highest lines, and one for all others."""
    if len(lines.names) <= MOST_SERIES or not len(lines.x):
        return lines, ()
    means = np.full(len(lines.names), np.nan)
    found = _averaged(lines.y, lines.line)[0]
    means[: len(found)] = found
    order = np.argsort(-np.nan_to_num(means, nan=-np.inf), kind="stable")[: MOST_SERIES - 1]
    new = np.full(len(lines.names), MOST_SERIES - 1, dtype=np.int64)
    new[order] = np.arange(len(order))
    count, how = len(lines.names) - len(order), "sum" if adds else "mean"
    names = [*(lines.names[i] for i in order), f"{OTHERS}: {how} of {count:,}"]
    line = new[lines.line]
    rest = line == MOST_SERIES - 1
    x, group = np.unique(lines.x[rest], return_inverse=True)
    y = _averaged(lines.y[rest], group)[int(adds)]
    others = _Lines(x, y, np.full(len(x), MOST_SERIES - 1, dtype=np.int64), names)
    kept = replace(lines.taken(~rest), line=line[~rest], names=names)
    words = f"The {len(order)} highest of {len(lines.names):,} lines by their mean; the other {count:,} as their {how}."
    return _joined(kept, others).ordered(), (words,)


def _joined(one: _Lines, other: _Lines) -> _Lines:
    x: Any = np.concatenate([one.x, other.x])
    y, line = np.concatenate([one.y, other.y]), np.concatenate([one.line, other.line])
    return _Lines(x, y, line, one.names)


def downsampled(lines: _Lines, *, most: int, is_time: bool) -> tuple[_Lines, tuple[str, ...]]:
    """The lowest and the highest point of each span of time, gaps kept; as it is where it is short enough."""
    run = _runs(lines)
    whole = _with_gaps(lines, run)
    if len(whole.x) <= most:
        return whole, ()
    buckets = max(1, most // (2 * max(1, len(lines.names))))
    while True:
        rows = _extremes(lines, run, buckets)
        drawn = _with_gaps(lines.taken(rows), run[rows])
        if len(drawn.x) <= most or buckets == 1:
            break
        # Holes everywhere are no holes.
        run = np.zeros_like(run) if buckets <= 8 else run
        buckets //= 2
    span = _span(float(lines.x.max() - lines.x.min()) / buckets, is_time)
    return drawn, (f"{len(lines.x):,} points drawn as {len(drawn.x):,}: the lowest and the highest of each {span}.",)


def _averages(lines: _Lines, *, most: int, is_time: bool) -> tuple[_Lines, tuple[str, ...]]:
    """The mean of each span, at the same places for all: areas lie on each other."""
    if len(lines.x) <= most:
        return lines, ()
    buckets = max(1, most // max(1, len(lines.names)) - 1)
    low, width = lines.x.min(), (float(lines.x.max() - lines.x.min()) or 1.0) / buckets
    place: Any = low + np.floor((lines.x - low) / width) * width
    drawn = _means(replace(lines, x=place.astype(lines.x.dtype)))
    return drawn, (f"{len(lines.x):,} points drawn as {len(drawn.x):,}: the mean of each {_span(width, is_time)}.",)


def _span(width: float, is_time: bool) -> str:
    return duration_text(timedelta(microseconds=width)) if is_time else f"{width:g}"


def _runs(lines: _Lines) -> Ints:
    """Numbers the unbroken stretches, over all lines."""
    new = np.zeros(len(lines.x), dtype=bool)
    for number in range(len(lines.names)):
        rows = np.flatnonzero(lines.line == number)
        if len(rows) > 2:
            distance = np.diff(lines.x[rows])
            new[rows[1:]] = distance > _GAP * np.median(distance)
    return np.cumsum(new)


def _extremes(lines: _Lines, run: Ints, buckets: int) -> Ints:
    """Rows with the lowest and the highest known value of each line, stretch and span; the first of one without."""
    low, span = float(lines.x.min()), max(float(lines.x.max() - lines.x.min()), 1e-9)
    bucket = np.minimum((lines.x - low) / span * buckets, buckets - 1).astype(np.int64)
    new = np.ones(len(bucket), dtype=bool)
    new[1:] = (np.diff(bucket) != 0) | (np.diff(run) != 0) | (np.diff(lines.line) != 0)
    group = np.cumsum(new) - 1
    # Null sorts last: the highest is the last that is known, and where none is, the first.
    order = np.lexsort((lines.y, group))
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    known = np.bincount(group[~np.isnan(lines.y)], minlength=len(starts))
    return np.unique(np.concatenate([order[starts], order[starts + np.maximum(known - 1, 0)]]))


def _with_gaps(lines: _Lines, run: Ints) -> _Lines:
    """With a point of nothing wherever a line breaks off."""
    broken = np.flatnonzero((np.diff(run) != 0) & (np.diff(lines.line) == 0)) + 1
    if not len(broken):
        return lines
    x: Any = lines.x[broken] - (1 if lines.x.dtype.kind == "i" else 1e-9)
    holes = _Lines(x, np.full(len(broken), np.nan), lines.line[broken], lines.names)
    return _joined(lines, holes).ordered()


def shown_values(column: pd.Series, factor: float) -> pd.Series:
    """Numbers in their shown unit; what is no number is null."""
    values = pd.to_numeric(column, errors="coerce").astype("float64") * factor
    return values.where(np.isfinite(values))


def as_utc(column: pd.Series) -> pd.Series:
    """Instants in UTC; ones without a zone are taken to be."""
    at = pd.to_datetime(column).dt.as_unit("us")
    return at.dt.tz_localize("UTC") if at.dt.tz is None else at.dt.tz_convert("UTC")


def labels(frame: pd.DataFrame, names: tuple[str, ...]) -> pd.Series:
    """One word a row of several columns, short and still told apart."""
    codes, words = label_codes(frame, names)
    return pd.Series(np.array(words, dtype=object)[codes], index=frame.index, dtype="str")


def label_codes(frame: pd.DataFrame, names: tuple[str, ...]) -> tuple[Ints, list[str]]:
    """The same as numbers of distinct words, and the words."""
    codes, words = np.zeros(len(frame), dtype=np.int64), [""]
    for name in names:
        more, found = pd.factorize(frame[name])
        more, texts = _with_unknown(more, found)
        codes, pairs = pd.factorize(codes * len(texts) + more)
        both = [divmod(int(pair), len(texts)) for pair in pairs]
        words = [f"{words[left]} · {texts[right]}" if words[left] else texts[right] for left, right in both]
    return np.asarray(codes, dtype=np.int64), _short(words)


def _with_unknown(codes: Any, found: Any) -> tuple[Ints, list[str]]:  # noqa: ANN401 (pandas' own)
    texts = [*map(str, found), "unknown"]
    return np.where(codes < 0, len(texts) - 1, codes).astype(np.int64), texts


def _short(found: list[str]) -> list[str]:
    taken, out = set[str](), list[str]()
    for text in found:
        short, number = text if len(text) <= _MOST_LABEL else text[:_MOST_LABEL] + "…", 2
        while short in taken:
            short, number = f"{text[:_MOST_LABEL]}… ({number})", number + 1
        taken.add(short)
        out.append(short)
    return out
