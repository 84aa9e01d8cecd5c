"""Recorded tables of Slurm's commands, brought into the form in which our readers ask for them."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from watchdog.model.slurm import sacct, squeue
from watchdog.model.slurm.problems import Problems
from watchdog.model.slurm.records import Job, Step
from watchdog.model.slurm.rows import Marks

ENDS = Marks("\x1f", "\x1e")


def text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace")


def decoded(path: Path):
    return json.loads(text(path), strict=False)


def piped(path: Path, mark: str = "|") -> list[list[str]]:
    """Cells without the blanks around them."""
    return [[cell.strip() for cell in line.split(mark)] for line in text(path).splitlines() if line.strip()]


def cut(path: Path, widths: Sequence[int]) -> Iterator[list[str]]:
    """Cells of columns of fixed widths; Slurm counts bytes."""
    for line in path.read_bytes().split(b"\n"):
        at, cells = 0, []
        for width in widths:
            cells.append(line[at : at + width].decode("utf-8", "replace").strip())
            at += width
        yield [*cells, line[at:].decode("utf-8", "replace").strip()]


def queue(rows: list[list[str]], places: dict[str, int], problems: Problems) -> tuple[Job, ...]:
    """The jobs of rows that have some of our fields, at these places; the rest was not asked for."""
    made = (
        ENDS.field.join(row[places[name]] if name in places else "" for name in squeue.FIELDS) + ENDS.row + "\n"
        for row in rows
    )
    return squeue.jobs("".join(made), ENDS, problems)


def accounts(path: Path, problems: Problems) -> tuple[tuple[Job, ...], tuple[Step, ...]]:
    """Jobs and steps of `sacct -P` with a head; fields that were not asked for are empty."""
    head, _, body = text(path).partition("\n")
    mark = "|#" if "|#" in head else "|"
    fields = tuple(head.split(mark))
    missing = tuple(name for name in sacct.FIELDS if name not in fields)
    # -P leaves out the mark at the end of a row.
    rows = "".join(f"{line}{mark}{mark * len(missing)}\n" for line in body.splitlines())
    return sacct.records(rows, Marks(mark, ""), problems, fields=fields + missing)
