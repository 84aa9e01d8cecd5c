"""One question about two windows: which the other window is, and what differs between the answers."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pyarrow as pa

from watchdog.base.errors import NotebookError
from watchdog.charts.cell_fields import Columns
from watchdog.charts.cell_points import as_utc
from watchdog.model.notebook import Before, Cell, Notebook
from watchdog.model.telemetry import Window
from watchdog.services.notebook.outcome import Outcome, frame_of
from watchdog.services.notebook.reading import inputs

MOST_ROWS = 200_000
_SPANS = {Before.DAY: timedelta(days=1), Before.WEEK: timedelta(weeks=1), Before.FOUR_WEEKS: timedelta(weeks=4)}
_WORDS = {Before.DAY: "a day before", Before.WEEK: "a week before", Before.FOUR_WEEKS: "four weeks before"}


def shift_of(before: Before, window: Window) -> timedelta:
    """How much earlier the other window is."""
    return _SPANS.get(before, window.length)


def earlier(before: Before, window: Window) -> Window:
    """The other window, as long as `window`."""
    shift = shift_of(before, window)
    return Window(window.since - shift, window.until - shift)


def names_of(before: Before, window: Window) -> tuple[str, str]:
    """What the two are called beside a chart: days in UTC, hours where they share a day."""
    other = earlier(before, window)
    return _span(window), f"{_WORDS.get(before, 'the window before')}: {_span(other)}"


def _span(window: Window) -> str:
    last = window.until - timedelta(microseconds=1)
    if window.length <= timedelta(days=2):
        return f"{window.since:%Y-%m-%d %H:%M} to {window.until:%m-%d %H:%M}"
    return f"{window.since:%Y-%m-%d} to {last:%m-%d}"


def reads_window(notebook: Notebook, cell: Cell) -> bool:
    """Whether the answer depends on the page's window, straight or through the cells that it reads."""
    found = inputs(notebook, cell)
    return found.window or any(reads_window(notebook, each) for each in found.cells)


def difference(this: pa.Table, other: pa.Table, shift: timedelta) -> pd.DataFrame:
    """This window's rows, each number followed by `_before` and `_change`, null where the other has no such row.

    Rows belong together where their words, flags and numbers that name something are the same, and their instants
    lie `shift` apart.

    Raises:
        NotebookError: rows that cannot be told apart, columns that are not the same, or too many rows.
    """
    if max(this.num_rows, other.num_rows) > MOST_ROWS:
        raise NotebookError(f"more than {MOST_ROWS:,} rows are not compared", hint="Aggregate, or look at the chart.")
    if not other.num_rows:
        raise NotebookError("the other window has no rows, so there is nothing to compare with")
    if this.column_names != other.column_names:
        raise NotebookError("the two answers have other columns, so their rows are not compared")
    mine, theirs = frame_of(this), frame_of(other)
    columns = Columns.of(mine)
    values = [*columns.measuring]
    keys = [name for name in map(str, mine.columns) if name not in values]
    if not values:
        raise NotebookError("there is no number to compare in this answer")
    mine, theirs = _keyed(mine, columns, timedelta()), _keyed(theirs, Columns.of(theirs), shift)
    for frame in (mine, theirs):
        if frame.duplicated(keys).any() if keys else len(frame) > 1:
            raise NotebookError("rows cannot be told apart, so none is compared", hint="Group by what names a row.")
    return _changes(_matched(mine, theirs, keys), keys, values)


def _keyed(frame: pd.DataFrame, columns: Columns, shift: timedelta) -> pd.DataFrame:
    moved = {name: as_utc(frame[name]) + shift for name in columns.times}
    return frame.assign(**moved)


def _matched(mine: pd.DataFrame, theirs: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    if not keys:
        return mine.join(theirs.add_suffix("\0"))
    renamed = theirs.rename(columns={name: f"{name}\0" for name in theirs.columns if name not in keys})
    for name in keys:
        # A column that is all null in one window has another type there.
        if mine[name].dtype != renamed[name].dtype:
            renamed[name] = renamed[name].astype(mine[name].dtype)
    return mine.merge(renamed, on=keys, how="left")


def _changes(both: pd.DataFrame, keys: list[str], values: list[str]) -> pd.DataFrame:
    found = {name: both[name] for name in keys}
    for name in values:
        before = both[f"{name}\0"]
        found[name] = both[name]
        found[_free(f"{name}_before", both)] = before
        found[_free(f"{name}_change", both)] = both[name] - before
    return pd.DataFrame(found)


def _free(name: str, taken: pd.DataFrame) -> str:
    return name if name not in taken.columns else _free(f"{name}_", taken)


def compared(this: Outcome, other: Outcome, shift: timedelta) -> pa.Table:
    """`difference` of two answers, as a table."""
    assert this.table is not None
    assert other.table is not None
    return pa.Table.from_pandas(difference(this.table, other.table, shift), preserve_index=False)
