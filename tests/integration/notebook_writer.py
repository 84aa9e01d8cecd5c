"""What the hard test of autosave runs in a process of its own: somebody who types until they are killed."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from tests.conftest import NOON
from watchdog.model.notebook import Sql
from watchdog.services.notebook import editing
from watchdog.store.database import Store
from watchdog.store.notebooks import NotebookStore

NOTEBOOK = "typed"
AUTHOR = "ann"


def text_of(number: int) -> str:
    """What the cell of that number says."""
    return f"SELECT {number} -- {'x' * (number % 700)}"


def type_until_killed(path: Path, acknowledged: Path) -> None:
    """Add a cell, save, add one, save; note each once its save has returned. Now and then a cell is deleted."""
    note = os.open(acknowledged, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(note, b"open\n")
    with Store(path, threads=1) as store:
        notebooks = NotebookStore(store)
        fresh = editing.first_cells("Typed", NOTEBOOK, AUTHOR)
        entries = notebooks.entries(AUTHOR)
        notebook = notebooks.load(NOTEBOOK, AUTHOR) if entries else notebooks.save(fresh, AUTHOR, NOON)
        number = notebook.next_number
        while True:
            changed, cell_id = editing.added(notebook, Sql(text_of(notebook.next_number)))
            number = int(cell_id[1:])
            if len(changed.cells) > 20:
                changed, _ = editing.delete(changed, changed.cells[2].cell_id)
            # Seven seconds pass between saves: bursts begin and end.
            notebook = notebooks.save(changed, AUTHOR, NOON + timedelta(seconds=7 * number))
            os.write(note, b"%d\n" % number)
            if number % 9 == 0:
                store.checkpoint()
