"""How rules write: short Markdown, every claim with the [n] that it rests on, text of the cluster escaped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from watchdog.assistant.quoting import markdown
from watchdog.assistant.records import Evidence, Value
from watchdog.assistant.values import shown

Row = dict[str, Value]
_LONGEST_CELL = 160
_WHO = ("node", "gpu_index", "job", "job_id", "user", "closed_at")


def rows_of(evidence: Evidence) -> list[Row]:
    """Its rows by the columns' names."""
    names = [column.name for column in evidence.columns]
    return [dict(zip(names, row, strict=True)) for row in evidence.rows]


def said(evidence: Evidence, row: Row, name: str) -> str:
    """A cell as people read it, escaped."""
    unit = next((column.unit for column in evidence.columns if column.name == name), "")
    value = row.get(name)
    return (
        markdown(shown(value, unit), _LONGEST_CELL)
        if isinstance(value, str)
        else shown(value, unit).replace("$", "\\$")
    )


def cite(evidence: Evidence) -> str:
    """[n]."""
    return f"[{evidence.number}]"


def table(evidence: Evidence, names: Sequence[str], rows: Iterable[Row] | None = None, most: int = 8) -> str:
    """Columns of these names, of rows of the evidence; a line under it says what is not shown."""
    labels = {column.name: column.label for column in evidence.columns}
    kept = [name for name in names if name in labels]
    whole = rows_of(evidence) if rows is None else list(rows)
    if not whole:
        return ""
    kept = [name for name in kept if any(row.get(name) not in (None, "") for row in whole[:most])]
    head = [f"| {' | '.join(labels[name] for name in kept)} |", f"|{'---|' * len(kept)}"]
    body = [f"| {' | '.join(_cell(evidence, row, name) for name in kept)} |" for row in whole[:most]]
    total = evidence.total_rows if rows is None else len(whole)
    rest = [f"\n{total} rows in all, the rest is in {cite(evidence)}."] if total > most else []
    return "\n".join([*head, *body, *rest])


def _cell(evidence: Evidence, row: Row, name: str) -> str:
    """Blank where somebody or something is not concerned; a quantity that is not known stays "n/a"."""
    if row.get(name) is None and name in _WHO:
        return " "
    return said(evidence, row, name) or " "


def plural(count: int, one: str, many: str = "") -> str:
    """3 GPUs, 1 GPU, 0 GPUs."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def minded(evidence: Iterable[Evidence], most: int = 4) -> str:
    """What is incomplete or unknown, for the reader to mind; "" where nothing is."""
    notes = list(dict.fromkeys((mark, each.number) for each in evidence for mark in each.marks))
    if not notes:
        return ""
    lines = [f"- {markdown(mark, 300)} [{number}]" for mark, number in notes[:most]]
    return "\n".join(["Mind:", *lines])


def count_where(rows: Iterable[Row], test: Callable[[Row], Any]) -> int:
    """How many rows pass."""
    return sum(bool(test(row)) for row in rows)
