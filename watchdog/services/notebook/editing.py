"""Changes to a notebook: each takes one and gives the next, so that none can be half done."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from watchdog.base.errors import NotebookError
from watchdog.model.notebook import Before, Body, Cell, Chart, Markdown, Notebook, Parameter, Sql, checked, checked_name
from watchdog.services.notebook.reading import renamed_in_sql


@dataclass(frozen=True)
class Deleted:
    """A cell that was taken out, and the id of the one before it: "" if it was the first."""

    cell: Cell
    after: str


def add(notebook: Notebook, body: Body, *, after: str | None = None) -> Notebook:
    """With a new cell below the cell `after`: at the end for None, on top for ""."""
    number = notebook.next_number
    while notebook.named(f"cell_{number}"):
        number += 1
    cell = Cell(cell_id=f"c{number}", name=f"cell_{number}", body=body)
    return checked(_put(replace(notebook, next_number=number + 1), cell, after))


def added(notebook: Notebook, body: Body, *, after: str | None = None) -> tuple[Notebook, str]:
    """The same, and the new cell's id."""
    changed = add(notebook, body, after=after)
    return changed, f"c{changed.next_number - 1}"


def edit(notebook: Notebook, cell_id: str, body: Body) -> Notebook:
    """With another body in that cell."""
    notebook.cell(cell_id)
    cells = tuple(replace(cell, body=body) if cell.cell_id == cell_id else cell for cell in notebook.cells)
    return checked(replace(notebook, cells=cells))


def compare(notebook: Notebook, cell_id: str, before: Before) -> Notebook:
    """With that cell's answer compared with an earlier window, or with none."""
    notebook.cell(cell_id)
    cells = (replace(cell, before=before) if cell.cell_id == cell_id else cell for cell in notebook.cells)
    return replace(notebook, cells=tuple(cells))


def move(notebook: Notebook, cell_id: str, by: int) -> Notebook:
    """With that cell `by` places further down; up where negative, and never beyond the ends."""
    cells = [*notebook.cells]
    position = notebook.position(cell_id)
    cell = cells.pop(position)
    cells.insert(max(0, position + by), cell)
    return replace(notebook, cells=tuple(cells))


def duplicate(notebook: Notebook, cell_id: str) -> Notebook:
    """With a copy below that cell; a parameter's copy gets a name of its own."""
    body = notebook.cell(cell_id).body
    if isinstance(body, Parameter):
        body = replace(body, name=_free_parameter(notebook, body.name))
    return add(notebook, body, after=cell_id)


def delete(notebook: Notebook, cell_id: str) -> tuple[Notebook, Deleted]:
    """Without that cell, and what `restore` needs to bring it back."""
    position = notebook.position(cell_id)
    before = notebook.cells[position - 1].cell_id if position else ""
    cells = tuple(cell for cell in notebook.cells if cell.cell_id != cell_id)
    return replace(notebook, cells=cells), Deleted(notebook.cells[position], before)


def restore(notebook: Notebook, deleted: Deleted) -> Notebook:
    """With the cell back where it was, as far as what was around it is still there."""
    there = {cell.cell_id for cell in notebook.cells}
    if deleted.cell.cell_id in there:
        return notebook
    after = deleted.after if deleted.after in there or not deleted.after else None
    return checked(_put(notebook, deleted.cell, after))


def retitle(notebook: Notebook, title: str) -> Notebook:
    """With another title."""
    return checked(replace(notebook, title=" ".join(title.split()) or "Untitled"))


def rename(notebook: Notebook, cell_id: str, name: str) -> Notebook:
    """With another name for that cell; cells that read it follow."""
    old = notebook.cell(cell_id).name
    if notebook.named(checked_name(name)) not in (None, notebook.cell(cell_id)):
        raise NotebookError(f"there is a cell called {name} already", hint="Choose another name.")
    cells = [
        replace(cell, name=name) if cell.cell_id == cell_id else _following(cell, old, name) for cell in notebook.cells
    ]
    return checked(replace(notebook, cells=tuple(cells)))


def _following(cell: Cell, old: str, new: str) -> Cell:
    body = cell.body
    if isinstance(body, Chart) and body.of == old:
        return replace(cell, body=replace(body, of=new))
    if isinstance(body, Sql):
        return replace(cell, body=replace(body, text=renamed_in_sql(body.text, old, new)))
    return cell


def _put(notebook: Notebook, cell: Cell, after: str | None) -> Notebook:
    position = len(notebook.cells) if after is None else notebook.position(after) + 1 if after else 0
    return replace(notebook, cells=(*notebook.cells[:position], cell, *notebook.cells[position:]))


def _free_parameter(notebook: Notebook, name: str) -> str:
    taken = {cell.body.name for cell in notebook.cells if isinstance(cell.body, Parameter)}
    number = 2
    while f"{name[:36]}_{number}" in taken:
        number += 1
    return f"{name[:36]}_{number}"


def first_cells(title: str, notebook_id: str, author: str) -> Notebook:
    """A new notebook: a heading and an empty question."""
    notebook = retitle(Notebook(notebook_id=notebook_id, title="", author=author), title)
    return add(add(notebook, Markdown(f"# {notebook.title}")), Sql(""))
