"""Which columns of an answer are drawn, how, and in what unit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from types import MappingProxyType

import pandas as pd
from pandas.api import types

from watchdog.base.errors import NotebookError
from watchdog.model.metrics import Unit
from watchdog.model.notebook import Chart, ChartKind
from watchdog.model.units import SHOWN

# Numbers that only name a thing are not worth a line.
_NAMING = ("id", "uid", "pid", "xid", "index", "priority", "version")


@dataclass(frozen=True)
class Scale:
    """How values of a unit are shown.

    Attributes:
        adds: whether values of several GPUs or nodes at one instant make a meaningful sum.
        collects: whether values of one after the other do: dollars, not watts.
    """

    factor: float = 1.0
    suffix: str = ""
    zero: bool = True
    adds: bool = True
    collects: bool = False


_ADDING = {Unit.BYTES, Unit.BYTES_PER_SECOND, Unit.WATTS, Unit.JOULES, Unit.COUNT}
PLAIN = Scale()
_COLLECTING = {Unit.JOULES, Unit.COUNT}
_OTHERS = {
    "seconds": Scale(1.0, "s", collects=True),
    "hours": Scale(1.0, "h", collects=True),
    "days": Scale(1.0, "d", collects=True),
    "usd": Scale(1.0, "US$", collects=True),
    "kwh": Scale(1.0, "kWh", collects=True),
    "percent": Scale(1.0, "%", adds=False),
}
SCALES: MappingProxyType[str, Scale] = MappingProxyType(
    {
        unit.value: Scale(
            SHOWN[unit].factor, SHOWN[unit].suffix, unit is not Unit.CELSIUS, unit in _ADDING, unit in _COLLECTING
        )
        for unit in Unit
    }
    | _OTHERS
)


def unit_of(column: str) -> str:
    """The unit that a column's name ends in; "" if none."""
    return max(_ends_in(column, SCALES), key=len, default="")


def _ends_in(column: str, words: Iterable[str]) -> list[str]:
    """Which of the words its name is, or has after its last `_`s."""
    return [word for word in words if f"_{column.lower()}".endswith(f"_{word}")]


@dataclass(frozen=True)
class Fields:
    """What is drawn: columns by name, "" = none.

    Attributes:
        colour: one column, or several whose values together tell lines apart.
    """

    kind: ChartKind
    x: str = ""
    y: str = ""
    colour: tuple[str, ...] = ()
    unit: str = ""

    @property
    def scale(self) -> Scale:
        """Of the values drawn."""
        return SCALES.get(self.unit, PLAIN)


@dataclass(frozen=True)
class Columns:
    """Columns of a frame by what they hold, in order."""

    times: tuple[str, ...]
    numbers: tuple[str, ...]
    words: tuple[str, ...]

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Columns:
        """By dtype; a flag is a word."""
        times, numbers, words = list[str](), list[str](), list[str]()
        for name in map(str, frame.columns):
            kind = frame[name].dtype
            if types.is_datetime64_any_dtype(kind):
                times.append(name)
            elif types.is_numeric_dtype(kind) and not types.is_bool_dtype(kind):
                numbers.append(name)
            else:
                words.append(name)
        return cls(tuple(times), tuple(numbers), tuple(words))

    @property
    def measuring(self) -> tuple[str, ...]:
        """Numbers that are more than a name, in order."""
        return tuple(name for name in self.numbers if not _ends_in(name, _NAMING))

    @property
    def measures(self) -> tuple[str, ...]:
        """Numbers worth drawing: those that measure first."""
        return tuple(sorted(self.numbers, key=lambda name: (name not in self.measuring, unit_of(name) == "")))


def fields(frame: pd.DataFrame, chart: Chart) -> Fields:
    """What `chart` asks for; where it leaves a choice, what suits the columns.

    Raises:
        NotebookError: a column that the answer has not, or none of the sort that the chart needs.
    """
    _check(frame, chart)
    columns = Columns.of(frame)
    kind = _kind(frame, columns, chart)
    chosen = _FIELDS[kind](columns, chart)
    colour = (chart.colour,) if chart.colour else ()
    found = replace(chosen, colour=colour or chosen.colour)
    if found.kind in (ChartKind.LINE, ChartKind.AREA) and not colour:
        found = replace(found, colour=_telling_apart(frame, found.x, columns.words))
    drawn = found.x if kind is ChartKind.HISTOGRAM else found.colour[0] if kind is ChartKind.HEAT_MAP else found.y
    return replace(found, unit=chart.unit or unit_of(drawn))


def _check(frame: pd.DataFrame, chart: Chart) -> None:
    for name in filter(None, (chart.x, chart.y, chart.colour)):
        if name not in frame.columns:
            has = ", ".join(str(each)[:40] for each in [*frame.columns][:20])
            raise NotebookError(f"{chart.of} has no column {name[:60]!r} any more", hint=f"It has: {has}.")


def _kind(frame: pd.DataFrame, columns: Columns, chart: Chart) -> ChartKind:
    if chart.chart is not ChartKind.AUTO:
        return chart.chart
    if len(frame) == 0 or not columns.numbers:
        return ChartKind.TABLE
    if columns.times and len(frame) > 1:
        return ChartKind.LINE
    if columns.words:
        return ChartKind.BAR
    if len(columns.numbers) > 1:
        return ChartKind.SCATTER
    return ChartKind.HISTOGRAM if len(frame) > 1 else ChartKind.TABLE


def _over_time(kind: ChartKind) -> Callable[[Columns, Chart], Fields]:
    def chosen(columns: Columns, chart: Chart) -> Fields:
        x = chart.x or _first(columns.times or columns.measures, kind, "times")
        return Fields(kind, x, chart.y or _first([n for n in columns.measures if n != x], kind, "numbers"))

    return chosen


def _bar(columns: Columns, chart: Chart) -> Fields:
    x = chart.x or _first([*columns.words, *columns.times, *columns.numbers], ChartKind.BAR, "columns")
    return Fields(
        ChartKind.BAR, x, chart.y or _first([n for n in columns.measures if n != x], ChartKind.BAR, "numbers")
    )


def _histogram(columns: Columns, chart: Chart) -> Fields:
    return Fields(ChartKind.HISTOGRAM, chart.x or chart.y or _first(columns.measures, ChartKind.HISTOGRAM, "numbers"))


def _scatter(columns: Columns, chart: Chart) -> Fields:
    x = chart.x or _first(columns.measures, ChartKind.SCATTER, "numbers")
    y = chart.y or _first([n for n in columns.measures if n != x], ChartKind.SCATTER, "second column of numbers")
    return Fields(ChartKind.SCATTER, x, y)


def _heat_map(columns: Columns, chart: Chart) -> Fields:
    x = chart.x or _first([*columns.times, *columns.words], ChartKind.HEAT_MAP, "times")
    y = chart.y or _first([n for n in columns.words if n != x], ChartKind.HEAT_MAP, "words for its rows")
    value = chart.colour or _first([n for n in columns.measures if n not in (x, y)], ChartKind.HEAT_MAP, "numbers")
    return Fields(ChartKind.HEAT_MAP, x, y, (value,))


def _table(columns: Columns, chart: Chart) -> Fields:
    return Fields(ChartKind.TABLE)


_FIELDS = {
    ChartKind.LINE: _over_time(ChartKind.LINE),
    ChartKind.AREA: _over_time(ChartKind.AREA),
    ChartKind.BAR: _bar,
    ChartKind.HISTOGRAM: _histogram,
    ChartKind.SCATTER: _scatter,
    ChartKind.HEAT_MAP: _heat_map,
    ChartKind.TABLE: _table,
}


def _first(names: tuple[str, ...] | list[str], kind: ChartKind, what: str) -> str:
    if not names:
        raise NotebookError(f"a {kind} needs {what}, and the answer has none", hint="Choose another chart, or a table.")
    return names[0]


def _telling_apart(frame: pd.DataFrame, x: str, words: tuple[str, ...]) -> tuple[str, ...]:
    """The fewest columns of words, from the left, that leave one value an instant; all, if none do."""
    useful = [name for name in words if name != x and len(frame[name].astype("string").drop_duplicates()) > 1]
    for count in range(len(useful) + 1):
        keys = frame[useful[:count]].astype("string").assign(**{" x": frame[x]})
        if not keys.duplicated().any():
            return tuple(useful[:count])
    return tuple(useful)
