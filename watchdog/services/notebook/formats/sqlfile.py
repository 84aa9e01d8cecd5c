"""A notebook as one `.sql` file: questions as they are, everything else in comments; and back."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import duckdb
import msgspec

from watchdog.base.errors import NotebookError
from watchdog.model.notebook import Before, Body, Cell, Chart, Markdown, Notebook, Parameter, PromQl, Sql, checked

MOST_CHARS = 2_000_000
_BODIES = Markdown | PromQl | Chart | Parameter
_HEAD = re.compile(
    r"-- %% (?P<kind>sql|cell) (?P<id>[A-Za-z0-9_-]{1,40}) (?P<name>[a-z0-9_]{1,40})(?: before=(?P<before>[a-z-]{1,20}))?",
    re.ASCII,
)
_TITLE = "-- %% notebook "
# A line of a question that looks like one of ours gets a backslash, and loses it on the way back.
_ESCAPED = re.compile(r"^(-- \\*)(%%)", re.MULTILINE)
_UNESCAPED = re.compile(r"^(-- \\*)\\(%%)", re.MULTILINE)


def to_sql(notebook: Notebook) -> str:
    """The file; `$names` are the parameters of its cells, `$since` and `$until` the window."""
    about = msgspec.json.encode({"title": notebook.title, "next_number": notebook.next_number}).decode()
    return "\n".join([_TITLE + about, *(_section(cell) for cell in notebook.cells), ""])


def _section(cell: Cell) -> str:
    if isinstance(cell.body, Sql):
        text = _ESCAPED.sub(r"\1\\\2", cell.body.text)
        return f"-- %% sql {_named(cell)}\n{text}\n;"
    shown = ""
    if isinstance(cell.body, Markdown | PromQl):
        shown = "".join(f"\n--   {line}" for line in cell.body.text.splitlines())
    return f"-- %% cell {_named(cell)}\n-- {msgspec.json.encode(cell.body).decode()}{shown}"


def _named(cell: Cell) -> str:
    return f"{cell.cell_id} {cell.name}" + (f" before={cell.before}" if cell.before else "")


def from_sql(text: str, notebook_id: str, author: str) -> Notebook:
    """The notebook of such a file; of any other SQL, one cell a statement.

    Raises:
        NotebookError: too long, too many cells, or not what it says it is.
    """
    if len(text) > MOST_CHARS:
        raise NotebookError(f"the file is longer than {MOST_CHARS:,} characters", hint="Split it.")
    lines = text.split("\n")
    if not lines[0].startswith(_TITLE):
        return _of_statements(text, notebook_id, author)
    about = _decoded(lines[0].removeprefix(_TITLE), _About, "the first line")
    cells = tuple(_cell(lines[start:end]) for start, end in _sections(lines))
    notebook = Notebook(
        notebook_id=notebook_id, title=about.title, author=author, cells=cells, next_number=about.next_number
    )
    return checked(notebook)


class _About(msgspec.Struct):
    title: str
    next_number: int


def _sections(lines: list[str]) -> list[tuple[int, int]]:
    starts = [at for at, line in enumerate(lines) if _HEAD.fullmatch(line.rstrip("\r"))]
    # After the last one comes the file's own end of line.
    end = len(lines) - 1 if lines[-1] == "" else len(lines)
    return [*pairwise([*starts, end])] if starts else []


def _cell(lines: list[str]) -> Cell:
    head = _HEAD.fullmatch(lines[0].rstrip("\r"))
    assert head
    if head["kind"] == "sql":
        text = "\n".join(lines[1:])
        sql = Sql(_UNESCAPED.sub(r"\1\2", text.removesuffix("\n;")))
        return Cell(head["id"], head["name"], sql, _before(head))
    line = lines[1].removeprefix("-- ") if len(lines) > 1 else ""
    body: Body = _decoded(line, _BODIES, head["name"])
    return Cell(head["id"], head["name"], body, _before(head))


def _before(head: re.Match[str]) -> Before:
    return next((each for each in Before if each == head["before"]), Before.NONE)


def _decoded(text: str, kind: Any, where: str) -> Any:  # noqa: ANN401 (whatever is asked for)
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, UnicodeEncodeError) as error:
        raise NotebookError(
            f"{where} cannot be read: {error}", hint="Only questions may be edited in the file."
        ) from None


def _of_statements(text: str, notebook_id: str, author: str) -> Notebook:
    connection = duckdb.connect(":memory:")
    try:
        statements = [each.query.strip().rstrip(";").strip() for each in connection.extract_statements(text)]
    except (duckdb.Error, UnicodeError) as error:
        raise NotebookError(
            f"this SQL cannot be read: {str(error)[:500]}", hint="Mend it, and import it again."
        ) from None
    finally:
        connection.close()
    cells = tuple(Cell(f"c{n}", f"cell_{n}", Sql(each)) for n, each in enumerate(statements, start=1))
    number = len(cells) + 1
    return checked(
        Notebook(notebook_id=notebook_id, title="Imported SQL", author=author, cells=cells, next_number=number)
    )
