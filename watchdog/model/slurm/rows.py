"""Rows of fields that survive names with spaces, pipes, quotes and newlines.

Slurm escapes nothing in its tables: a job named "a|b" shifts the fields, and one with a newline can write a row of
its own about somebody else's job. So every call is made with delimiters that nobody can foresee.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from watchdog.model.slurm.problems import Problems


@dataclass(frozen=True)
class Marks:
    """What ends a field, and what ends the last field of a row."""

    field: str
    row: str


def marks(secret: str) -> Marks:
    """Delimiters around `secret`, a random word of letters and digits: new for each call."""
    return Marks(field=f"\x1f{secret}\x1f", row=f"\x1e{secret}\x1e")


def format_of(names: Sequence[str], ends: Marks) -> str:
    """The argument of `squeue -O` or `sinfo -O` that prints these fields in full, each followed by its mark."""
    return ",".join(f"{name}:{ends.row if name is names[-1] else ends.field}" for name in names)


def rows(text: str, ends: Marks, count: int, problems: Problems, who: str) -> list[list[str]]:
    """The rows of `count` fields in `text`; others, and a cut end, are counted as problems."""
    *whole, rest = text.split(ends.row)
    found = [row.split(ends.field) for row in whole]
    good = [row for row in found if len(row) == count]
    problems.add(f"a row of {who} had too many or too few fields", count=len(found) - len(good))
    if rest.strip():
        problems.add(f"the output of {who} was cut off", rest.strip())
    for row in good:
        row[0] = row[0].strip()
    return good


def delimited(text: str, ends: Marks, count: int, problems: Problems, who: str) -> list[list[str]]:
    """The same of tools that end each field with a mark and each row with a newline (`sacct -p`)."""
    cells = text.split(ends.field)
    if (len(cells) - 1) % count == 0 and not cells[-1].strip():
        found = [cells[at : at + count] for at in range(0, len(cells) - 1, count)]
    else:
        found = [row.split(ends.field) for row in text.split(f"{ends.field}\n") if row.strip()]
    good = [row for row in found if len(row) == count]
    problems.add(f"a row of {who} had too many or too few fields", count=len(found) - len(good))
    for row in good:
        row[0] = row[0].strip()
    return good
