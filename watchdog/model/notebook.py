"""Notebooks: cells of text, questions, charts and parameters, in an order, with limits on all of them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeAlias

import msgspec

from watchdog.base.errors import NotebookError
from watchdog.model.telemetry import Window

# What a person still finds their way in, and what the store and the sandbox take without notice.
MOST_CELLS = 200
MOST_CELL_CHARS = 100_000
MOST_CHARS = 1_000_000
MOST_TITLE_CHARS = 200
MOST_VALUE_CHARS = 10_000
MOST_NAME_CHARS = 40
_LONGEST_STEP = 86_400.0 * 366
# The window of the page, which every question may name.
SINCE, UNTIL = "since", "until"

_NAME = re.compile(rf"[a-z][a-z0-9_]{{0,{MOST_NAME_CHARS - 1}}}", re.ASCII)


class CellKind(StrEnum):
    """What a cell holds."""

    MARKDOWN = "markdown"
    SQL = "sql"
    PROMQL = "promql"
    CHART = "chart"
    PARAMETER = "parameter"


class PromMode(StrEnum):
    """Prometheus' two kinds of query: over the window, or at its end."""

    RANGE = "range"
    INSTANT = "instant"


class ChartKind(StrEnum):
    """How a frame is drawn; AUTO lets its columns decide."""

    AUTO = "auto"
    LINE = "line"
    AREA = "area"
    BAR = "bar"
    HEAT_MAP = "heat map"
    HISTOGRAM = "histogram"
    SCATTER = "scatter"
    TABLE = "table"


class ParameterKind(StrEnum):
    """What a parameter stands for: which choices a page offers, and its type in a question."""

    NODE = "node"
    GPU = "gpu"
    USER = "user"
    JOB = "job"
    TEXT = "text"
    NUMBER = "number"
    WINDOW = "window"


class Sharing(StrEnum):
    """Who else may use a notebook that knows its link."""

    PRIVATE = "private"
    READ = "read"
    EDIT = "edit"


class Before(StrEnum):
    """Which earlier window a cell's answer is compared with; WINDOW is the one that ends where the page's begins."""

    NONE = ""
    WINDOW = "window"
    DAY = "day"
    WEEK = "week"
    FOUR_WEEKS = "four-weeks"


class Markdown(msgspec.Struct, frozen=True, tag="markdown", tag_field="kind", forbid_unknown_fields=True):
    """Words."""

    text: str = ""


class Sql(msgspec.Struct, frozen=True, tag="sql", tag_field="kind", forbid_unknown_fields=True):
    """A question to history and to earlier cells."""

    text: str = ""


class PromQl(msgspec.Struct, frozen=True, tag="promql", tag_field="kind", forbid_unknown_fields=True):
    """A question to Prometheus.

    Attributes:
        step_seconds: of a range; 0 lets the window decide.
    """

    text: str = ""
    mode: PromMode = PromMode.RANGE
    step_seconds: float = 0.0


class Chart(msgspec.Struct, frozen=True, tag="chart", tag_field="kind", forbid_unknown_fields=True):
    """A picture of an earlier cell's answer.

    Attributes:
        of: that cell's name.
        x, y, colour: columns; "" lets the answer's columns decide. Of a heat map, y are its rows and colour its values.
        unit: the suffix of a column name (`ratio`, `watts`); "" takes it from the column drawn.
    """

    of: str = ""
    chart: ChartKind = ChartKind.AUTO
    x: str = ""
    y: str = ""
    colour: str = ""
    unit: str = ""


class Parameter(msgspec.Struct, frozen=True, tag="parameter", tag_field="kind", forbid_unknown_fields=True):
    """A value that questions below use as `$name`; a window gives `$name_since` and `$name_until`.

    Attributes:
        value: text for all but NUMBER; a WINDOW is an ISO 8601 interval, see `interval_text`.
    """

    name: str
    type: ParameterKind = ParameterKind.TEXT
    value: str | float = ""


Body: TypeAlias = Markdown | Sql | PromQl | Chart | Parameter
_KINDS = {
    Markdown: CellKind.MARKDOWN,
    Sql: CellKind.SQL,
    PromQl: CellKind.PROMQL,
    Chart: CellKind.CHART,
    Parameter: CellKind.PARAMETER,
}


class Cell(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One cell; its id never changes, its name is what later cells read it by.

    Attributes:
        before: the earlier window that its answer is laid over.
    """

    cell_id: str
    name: str
    body: Body
    before: Before = Before.NONE

    @property
    def kind(self) -> CellKind:
        """What it holds."""
        return _KINDS[type(self.body)]

    @property
    def text(self) -> str:
        """The text that a person edits; "" of a chart or a parameter."""
        return self.body.text if isinstance(self.body, Markdown | Sql | PromQl) else ""


class Notebook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A notebook as it was saved, or as somebody edits it.

    Attributes:
        cells: in order.
        next_number: of the next new cell: a number is never given twice, so that a name keeps its meaning.
        version: what it was read as, 0 before it was ever saved; each save counts one further.
        created_at, changed_at: aware, UTC.
        token: the secret part of its link; "" while it is private.
    """

    notebook_id: str
    title: str
    author: str
    cells: tuple[Cell, ...] = ()
    next_number: int = 1
    version: int = 0
    created_at: datetime | None = None
    changed_at: datetime | None = None
    shared: Sharing = Sharing.PRIVATE
    token: str = ""

    def cell(self, cell_id: str) -> Cell:
        """The cell of that id; NotebookError if there is none."""
        for cell in self.cells:
            if cell.cell_id == cell_id:
                return cell
        raise NotebookError(f"there is no cell {cell_id!r}", hint="It was deleted: load the notebook again.")

    def named(self, name: str) -> Cell | None:
        """The cell of that name, whatever the case, as SQL has it."""
        return next((cell for cell in self.cells if cell.name == name.lower()), None)

    def position(self, cell_id: str) -> int:
        """Where it stands, from 0."""
        return self.cells.index(self.cell(cell_id))


class Note(msgspec.Struct, frozen=True):
    """A remark that others see on time charts.

    Attributes:
        since, until: the span it is about; equal for an instant.
        node, gpu_uuid, job_id: what it is about; "" = everything.
    """

    note_id: str
    since: datetime
    until: datetime
    text: str
    by: str
    written_at: datetime
    node: str = ""
    gpu_uuid: str = ""
    job_id: str = ""


def checked_name(name: str) -> str:
    """`name` if a question can use it; NotebookError otherwise."""
    if not _NAME.fullmatch(name):
        raise NotebookError(
            f"{name[:60]!r} cannot be a name",
            hint=f"Names are a letter and then letters, digits and _, in lower case, up to {MOST_NAME_CHARS}.",
        )
    if name in (SINCE, UNTIL):
        raise NotebookError(f"${name} is the window of the page", hint="Choose another name.")
    return name


def problems(notebook: Notebook) -> list[str]:
    """What is wrong with it, in words that name the cell; [] if nothing."""
    found = [f"the title is longer than {MOST_TITLE_CHARS} characters"] * (len(notebook.title) > MOST_TITLE_CHARS)
    found += ["the title is not text"] * (not _is_text(notebook.title))
    found += [f"there are more than {MOST_CELLS} cells"] * (len(notebook.cells) > MOST_CELLS)
    total = sum(len(cell.text) for cell in notebook.cells)
    found += [f"its texts are longer than {MOST_CHARS:,} characters together"] * (total > MOST_CHARS)
    found += [f"two cells have the id {each}" for each in _twice(cell.cell_id for cell in notebook.cells)]
    found += [f"two cells are called {each}" for each in _twice(cell.name for cell in notebook.cells)]
    found += [f"two parameters are called ${each}" for each in _twice(_given(notebook.cells))]
    return found + [f"{cell.name[:60]}: {word}" for cell in notebook.cells for word in _cell_problems(cell)]


def checked(notebook: Notebook) -> Notebook:
    """`notebook`; NotebookError naming everything that is wrong with it."""
    if found := problems(notebook):
        raise NotebookError("; ".join(found[:10]), hint="Nothing was changed.")
    return notebook


def _cell_problems(cell: Cell) -> list[str]:
    found = [f"longer than {MOST_CELL_CHARS:,} characters"] * (len(cell.text) > MOST_CELL_CHARS)
    found += [f"{name} is not text" for name, value in _texts(cell.body) if not _is_text(value)]
    names = [cell.name, cell.body.name] if isinstance(cell.body, Parameter) else [cell.name]
    for name in names:
        try:
            checked_name(name)
        except NotebookError as error:
            found.append(str(error))
    if isinstance(cell.body, Parameter):
        found += _value_problems(cell.body)
    if (
        isinstance(cell.body, PromQl)
        and cell.body.step_seconds
        and not 0.001 <= cell.body.step_seconds <= _LONGEST_STEP
    ):
        found.append("a step is between a millisecond and a year")
    return found


def _texts(body: Body) -> list[tuple[str, str]]:
    return [(name, value) for name, value in msgspec.structs.asdict(body).items() if isinstance(value, str)]


def _is_text(value: str) -> bool:
    """Lone halves of characters and NUL are refused by whatever comes after: the store, the engine, files."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def _value_problems(parameter: Parameter) -> list[str]:
    value = parameter.value
    if isinstance(value, str) and len(value) > MOST_VALUE_CHARS:
        return [f"${parameter.name} is longer than {MOST_VALUE_CHARS:,} characters"]
    try:
        values_of(parameter)
    except NotebookError as error:
        return [str(error)]
    return []


def _given(cells: Iterable[Cell]) -> list[str]:
    bodies = [cell.body for cell in cells if isinstance(cell.body, Parameter)]
    return [name for body in bodies for name in parameter_names(body)]


def _twice(names: Iterable[str]) -> list[str]:
    seen, again = set[str](), dict[str, None]()
    for name in names:
        if name in seen:
            again[name] = None
        seen.add(name)
    return [*again]


def parameter_names(parameter: Parameter) -> tuple[str, ...]:
    """The names, without `$`, that it gives to questions."""
    if parameter.type == ParameterKind.WINDOW:
        return (f"{parameter.name}_{SINCE}", f"{parameter.name}_{UNTIL}")
    return (parameter.name,)


def values_of(parameter: Parameter) -> dict[str, object]:
    """Its values by name, in the types that questions compare with; NotebookError if it has no such value."""
    if parameter.type == ParameterKind.NUMBER:
        return {parameter.name: _number(parameter)}
    if parameter.type == ParameterKind.WINDOW:
        window = interval(str(parameter.value), parameter.name)
        return dict(zip(parameter_names(parameter), (window.since, window.until), strict=True))
    return {parameter.name: str(parameter.value)}


def _number(parameter: Parameter) -> float:
    try:
        number = float(parameter.value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise NotebookError(f"${parameter.name} must be a number, not {str(parameter.value)[:60]!r}")
    return number


def interval_text(window: Window) -> str:
    """A window as an ISO 8601 interval, in UTC."""
    return f"{window.since.astimezone(UTC).isoformat()}/{window.until.astimezone(UTC).isoformat()}"


def interval(text: str, name: str = "window") -> Window:
    """The window of an ISO 8601 interval; NotebookError if it is none. Without an offset it is UTC."""
    first, _, last = text.partition("/")
    try:
        since, until = (datetime.fromisoformat(part.strip()) for part in (first, last))
        return Window(*(at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC) for at in (since, until)))
    except (ValueError, OverflowError):
        hint = "Write it as 2026-11-01T00:00Z/2026-11-08T00:00Z."
        raise NotebookError(f"${name} must be a window of time, not {text[:80]!r}", hint=hint) from None
