"""A tool's result as the model reads it: what it is, how much of it, its extremes, and as many rows as fit."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from watchdog.assistant.quoting import quoted
from watchdog.assistant.records import Column, Evidence, Value
from watchdog.assistant.values import shown

_MOST_CELL = 240
# A column that says the same in at least so many rows is told once.
_SAME_ROWS = 3
# Extremes are told for so many columns at most.
_MOST_RANGES = 8
_MOST_MARKS = 6
Row = tuple[Value, ...]


def digest(evidence: Evidence, most_chars: int) -> str:
    """The whole table if it fits into `most_chars`; else its first rows, and those with each column's extremes.

    Rows come between data marks: whatever stands there is never an instruction.
    """
    head = _head(evidence)
    room = max(0, most_chars - len(head) - 200)
    same = _same(evidence, room // 2)
    rest = _without(evidence, [place for place, _ in same])
    once = [f"In every row: {', '.join(text for _, text in same if text)}"] if any(text for _, text in same) else []
    rows = _fitting(rest, room - sum(map(len, once)))
    left = evidence.total_rows - len(rows)
    notes = [f"{left} of {evidence.total_rows} rows are left out here: ask for fewer, or rely on the ranges."] * (
        left > 0
    )
    lines = [*once, " | ".join(c.label for c in rest.columns), *(_line(rest.columns, row) for row in rows)]
    return "\n".join([head, *notes, quoted("\n".join(lines))])


def _same(evidence: Evidence, room: int) -> list[tuple[int, str]]:
    """Columns with one value in every row that there is, in words; no words for what is empty everywhere."""
    if len(evidence.rows) < max(_SAME_ROWS, evidence.total_rows):
        return []
    found = []
    for place, column in enumerate(evidence.columns):
        values = {_cell(row[place], column.unit) for row in evidence.rows}
        if len(values) == 1:
            value = values.pop()
            found.append((place, f"{column.label} = {value}" if value else ""))
    return found if sum(len(text) + 2 for _, text in found) < room else []


def _without(evidence: Evidence, places: list[int]) -> Evidence:
    kept = [place for place in range(len(evidence.columns)) if place not in places]
    columns = tuple(evidence.columns[place] for place in kept)
    return replace(evidence, columns=columns, rows=tuple(tuple(row[p] for p in kept) for row in evidence.rows))


def summary(evidence: Evidence) -> str:
    """What stays of a result when there is no more room for it: what it was, and its ranges."""
    return f"{_head(evidence)}\n(its rows are left out here; ask again where they are needed)"


def _head(evidence: Evidence) -> str:
    lines = [f"[{evidence.number}] {_short(evidence.title)}"]
    lines.append(f"{evidence.total_rows} rows; {_age(evidence)}")
    lines += [f"Mind: {_short(mark)}" for mark in evidence.marks[:_MOST_MARKS]]
    lines += [f"range of {text}" for text in _ranges(evidence)]
    return "\n".join(lines)


def _short(text: str) -> str:
    """A title or a mark: it may name what users named, so it stays on one line and short."""
    line = " ".join(text.split())
    return line if len(line) <= 400 else f"{line[:400]}…"


def _age(evidence: Evidence) -> str:
    if evidence.age_seconds is None:
        return "age of the data unknown"
    return f"newest reading {_cell(evidence.age_seconds, 'seconds')} old"


def _line(columns: tuple[Column, ...], row: Row) -> str:
    return " | ".join(_cell(value, column.unit) for column, value in zip(columns, row, strict=True))


def _cell(value: Value, unit: str) -> str:
    """None is "unknown", never 0; texts stay on their line and short."""
    if value is None:
        return "unknown"
    text = " ".join(shown(value, unit).split()).replace("|", "/")
    return text if len(text) <= _MOST_CELL else f"{text[:_MOST_CELL]}…"


def _ranges(evidence: Evidence) -> list[str]:
    """`GPU utilization: 2 % to 99 %` for the columns of quantities; numbers without a unit are names as a rule."""
    found = []
    for place, column in enumerate(evidence.columns):
        values = _numbers(evidence.rows, place)
        if len(values) > 1 and column.unit:
            least, most = (_cell(v, column.unit) for v in (min(values), max(values)))
            found.append(f"{column.label}: {least} to {most}")
    shown_rows = "" if len(evidence.rows) == evidence.total_rows else f" (of the {len(evidence.rows)} rows handed on)"
    return [f"{text}{shown_rows}" for text in found[:_MOST_RANGES]]


def _numbers(rows: tuple[Row, ...], place: int) -> list[float]:
    values = (row[place] for row in rows)
    return [float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool)]


def _fitting(evidence: Evidence, room: int) -> list[Row]:
    """As many rows as `room` letters hold, in their order: extremes before the rest, the first before the last."""
    chosen: set[int] = set()
    for place in [*_order(evidence)]:
        cost = len(_line(evidence.columns, evidence.rows[place])) + 1
        if cost > room:
            break
        room -= cost
        chosen.add(place)
    return [evidence.rows[place] for place in sorted(chosen)]


def _order(evidence: Evidence) -> list[int]:
    """The first rows, then those with extremes, then the rest; what tools put first is what matters most."""
    first = list(range(min(5, len(evidence.rows))))
    extremes = [
        place for column in range(len(evidence.columns)) for place in _extreme_places(evidence.rows, column)[:2]
    ]
    return list(dict.fromkeys([*first, *extremes, *range(len(evidence.rows))]))


def _extreme_places(rows: tuple[Row, ...], column: int) -> list[int]:
    numbered = [(float(r[column]), i) for i, r in enumerate(rows) if _is_number(r[column])]  # type: ignore[arg-type]
    return [min(numbered)[1], max(numbered)[1]] if numbered else []


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool | datetime)
