"""Jupyter's format: code that runs against a bundle of Parquet files, and back without running any."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import pandas as pd

from watchdog.base.errors import NotebookError
from watchdog.model.notebook import (
    MOST_CELLS,
    SINCE,
    UNTIL,
    Body,
    Cell,
    Chart,
    Markdown,
    Notebook,
    Parameter,
    PromQl,
    Sql,
    checked,
    values_of,
)
from watchdog.model.telemetry import Window
from watchdog.services.notebook.formats.prelude import literal, prelude

MOST_BYTES = 8 << 20
# Of an answer of Prometheus, which the bundle has not.
_MOST_ROWS = 2_000
_MARK = "watchdog"
_FIRST = "first"
_ID = re.compile(r"[A-Za-z0-9_-]{1,40}", re.ASCII)


@dataclass(frozen=True)
class Imported:
    """A notebook of a file, and what became something else in words; cells have no answers yet."""

    notebook: Notebook
    remarks: tuple[str, ...] = ()


def to_ipynb(
    notebook: Notebook, window: Window, *, bundle: str = "bundle", answers: Mapping[str, pd.DataFrame] | None = None
) -> str:
    """The notebook as a Jupyter file, format 4.5.

    Args:
        notebook: what is exported.
        window: becomes `$since` and `$until`.
        bundle: the folder of the exported tables, as the notebook will find it.
        answers: frames by cell id; those of PromQL cells travel along, cut, since no bundle has them.
    """
    code = prelude(bundle, {SINCE: window.since, UNTIL: window.until})
    cells = [_code(_FIRST, code, {_FIRST: True})]
    cells += [_exported(cell, (answers or {}).get(cell.cell_id)) for cell in notebook.cells]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    about = {"title": notebook.title, "next_number": notebook.next_number}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}, _MARK: about}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}, indent=1)


def _exported(cell: Cell, answer: pd.DataFrame | None) -> dict[str, Any]:
    known = {"cell": msgspec.to_builtins(cell)}
    if isinstance(cell.body, Markdown):
        return {"cell_type": "markdown", "id": cell.cell_id, "metadata": {_MARK: known}, "source": cell.body.text}
    return _code(cell.cell_id, _python(cell, answer), known)


def _code(identity: str, source: str, known: dict[str, Any]) -> dict[str, Any]:
    shape = {"cell_type": "code", "id": identity, "metadata": {_MARK: known}}
    return {**shape, "execution_count": None, "outputs": [], "source": source}


def _python(cell: Cell, answer: pd.DataFrame | None) -> str:
    body = cell.body
    if isinstance(body, Sql):
        name = f"answers[{cell.name!r}]"
        return f"{name} = sql({_text(body.text)})\n{name}" if body.text.strip() else f"# {cell.name} is empty"
    if isinstance(body, Chart):
        words = ", ".join(map(repr, (body.chart.value, body.x, body.y, body.colour)))
        return f"chart(answers[{body.of!r}], {words})" if body.of else "# no answer is chosen to draw"
    if isinstance(body, Parameter):
        return "\n".join(f"parameters[{name!r}] = {literal(value)}" for name, value in values_of(body).items())
    assert isinstance(body, PromQl)
    return _frozen(cell.name, body, answer)


def _frozen(name: str, body: PromQl, answer: pd.DataFrame | None) -> str:
    """An answer as it was, in code: nobody asks Prometheus again."""
    frame = pd.DataFrame({"sampled_at": [], "value": []}) if answer is None else answer.head(_MOST_ROWS)
    said = "was not asked" if answer is None else "answered"
    said += f"; these are the first {_MOST_ROWS:,} rows" if answer is not None and len(answer) > _MOST_ROWS else ""
    lines = [f"# Prometheus {said}:", *(f"#   {line}" for line in body.text.splitlines())]
    columns = {str(column): _values(frame[column]) for column in frame.columns}
    place = f"answers[{name!r}]"
    lines.append(f"{place} = pd.DataFrame({columns!r})")
    times = [str(n) for n in frame.columns if pd.api.types.is_datetime64_any_dtype(frame[n]) or n == "sampled_at"]
    lines += [f"{place}[{column!r}] = pd.to_datetime({place}[{column!r}], utc=True)" for column in times]
    return "\n".join([*lines, place])


def _values(column: pd.Series) -> list[Any]:
    if pd.api.types.is_datetime64_any_dtype(column):
        return [None if pd.isna(at) else at.isoformat() for at in column]
    plain = column.astype(object).where(column.notna(), None)
    # NaN and infinity have no literal.
    return [value if isinstance(value, int | str | None) else _number(value) for value in plain.to_list()]


def _number(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)


def _text(text: str) -> str:
    """A Python literal of `text`, on as many lines as it has where that is safe."""
    is_plain = "\\" not in text and '"""' not in text and not text.endswith('"')
    shown = f'"""{text}"""'
    return shown if is_plain and _constant(shown) == text else repr(text)


def _constant(code: str) -> str | None:
    try:
        found = ast.literal_eval(code)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return found if isinstance(found, str) else None


def from_ipynb(text: str, notebook_id: str, author: str) -> Imported:
    """The notebook of a Jupyter file: ours as it was, edited in Jupyter or not; of others, code becomes words.

    Raises:
        NotebookError: no notebook, naming the cell and what is wrong with it.
    """
    document = _document(text)
    remarks: list[str] = []
    about = document.get("metadata", {})
    about = about.get(_MARK, {}) if isinstance(about, dict) else {}
    about = about if isinstance(about, dict) else {}
    cells = _cells(document["cells"], remarks)
    title = about.get("title")
    number = about.get("next_number")
    notebook = Notebook(
        notebook_id=notebook_id,
        title=title if isinstance(title, str) and title.strip() else "Imported notebook",
        author=author,
        cells=tuple(cells),
        next_number=max([number if isinstance(number, int) and 0 < number < 1_000_000 else 1, *_numbers(cells)]),
    )
    return Imported(checked(notebook), tuple(remarks))


def _document(text: str) -> dict[str, Any]:
    if len(text) > MOST_BYTES:
        raise _broken(f"it is longer than {MOST_BYTES >> 20} MiB; clear its outputs")
    try:
        document = json.loads(text)
    except RecursionError:
        raise _broken("it is nested too deeply") from None
    except ValueError as error:
        raise _broken(f"it is not JSON: {error}") from None
    if not isinstance(document, dict) or "nbformat" not in document:
        raise _broken("it has no nbformat, which every notebook has")
    if document["nbformat"] != 4:
        raise _broken(f"its format is {str(document['nbformat'])[:20]}; 4 is what can be read")
    if not isinstance(document.get("cells"), list):
        raise _broken("it has no list of cells")
    if len(document["cells"]) > MOST_CELLS + 1:
        raise _broken(f"it has {len(document['cells']):,} cells; {MOST_CELLS} are the most")
    return document


def _broken(why: str) -> NotebookError:
    hint = "Open it in Jupyter and save it again, or export it once more."
    return NotebookError(f"this file is no notebook that can be read: {why}", hint=hint)


def _cells(found: list[Any], remarks: list[str]) -> list[Cell]:
    cells: list[Cell] = []
    for place, each in enumerate(found, start=1):
        kind, source, known = _parts(each, place)
        if known.get(_FIRST) is True:
            continue
        old = _known_cell(known, place)
        body = _body(kind, source, old, f"cell {place}", remarks)
        cells.append(_placed(body, old, cells))
    return cells


def _parts(each: Any, place: int) -> tuple[str, str, dict[str, Any]]:  # noqa: ANN401 (JSON)
    if not isinstance(each, dict):
        raise _broken(f"cell {place} is {type(each).__name__}, not an object")
    kind, source = each.get("cell_type"), each.get("source")
    if kind not in ("markdown", "code", "raw"):
        raise _broken(f"cell {place} has the cell_type {str(kind)[:40]!r}")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise _broken(f"cell {place} has no source")
    metadata = each.get("metadata")
    known = metadata.get(_MARK) if isinstance(metadata, dict) else None
    return kind, source, known if isinstance(known, dict) else {}


def _known_cell(known: dict[str, Any], place: int) -> Cell | None:
    if "cell" not in known:
        return None
    try:
        return msgspec.convert(known["cell"], Cell)
    except msgspec.ValidationError as error:
        raise _broken(f"cell {place} says it is ours, but {error}") from None


def _body(kind: str, source: str, old: Cell | None, where: str, remarks: list[str]) -> Body:
    if kind != "code":
        return Markdown(source)
    if old is None:
        remarks.append(f"{where} is code, which is not run here: it became text")
        return Markdown(f"```python\n{source}\n```")
    if not isinstance(old.body, Sql) or _python(old, None) == source:
        return old.body
    edited = _asked_in(source)
    if edited is None:
        remarks.append(f"{where} was changed into other code: its question is the one that was exported")
        return old.body
    return Sql(edited)


def _asked_in(source: str) -> str | None:
    """The text in `name = sql("…")`, read and never run."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "sql" and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                return first.value
    return None


def _placed(body: Body, old: Cell | None, before: list[Cell]) -> Cell:
    """With the id and name it had, unless a cell above has them."""
    ids, names = {cell.cell_id for cell in before}, {cell.name for cell in before}
    if old and _ID.fullmatch(old.cell_id) and old.cell_id not in {*ids, _FIRST} and old.name not in names:
        return Cell(old.cell_id, old.name, body, old.before)
    number = 1 + max([0, *(number - 1 for number in _numbers(before))])
    while f"c{number}" in ids or f"cell_{number}" in names:
        number += 1
    return Cell(f"c{number}", f"cell_{number}", body)


def _numbers(cells: list[Cell]) -> list[int]:
    """One more than each number in use."""
    words = [word for cell in cells for word in (cell.cell_id[1:], cell.name.removeprefix("cell_"))]
    return [int(word) + 1 for word in words if word.isascii() and word.isdigit() and len(word) < 7]
