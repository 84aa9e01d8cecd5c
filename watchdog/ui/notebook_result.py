"""What came of a cell: chart and table side by side, seconds and rows, and what was left out, in words."""

from __future__ import annotations

import math

import pandas as pd
import pyarrow as pa
import streamlit as st

from watchdog.charts.cell_chart import Drawn
from watchdog.model.notebook import Cell, Chart, ChartKind
from watchdog.model.units import instant_text
from watchdog.services.export import as_csv, as_parquet
from watchdog.services.notebook.comparing import names_of
from watchdog.services.notebook.outcome import Outcome, frame_of
from watchdog.ui.cards import guarded, incomplete_note, problem
from watchdog.ui.data import Beside, cell_picture, cell_span, runtime
from watchdog.ui.escape import escape
from watchdog.ui.notebook_compare import compare_menu, compared_outcome, comparison_note, earlier_of, overlay_of
from watchdog.ui.notebook_marks import marks_over
from watchdog.ui.notebook_page import Place
from watchdog.ui.theme import palette

PAGE_ROWS = 200
_ROW, _HEIGHT, _HEIGHT_BESIDE = 35, 318, 248


def draw_cell_result(place: Place, cell: Cell) -> None:
    """The answer of a SQL or PromQL cell, or why there is none."""
    outcome = place.session.outcome(place.notebook, cell.cell_id)
    if outcome is None:
        return
    if outcome.failure:
        draw_failure(outcome)
    elif outcome.table is None:
        st.caption("Its answer was dropped to save memory. Run it again.")
    else:
        draw_answer(place, cell, outcome)


def draw_failure(outcome: Outcome) -> None:
    """The engine's words with their place."""
    failure = outcome.failure
    assert failure
    where = f"line {failure.line}" if failure.line else ""
    where += f", column {failure.column}" if failure.line and failure.column else ""
    problem(f"{where}: {failure.message}" if where else failure.message, failure.hint)


def draw_answer(place: Place, cell: Cell, outcome: Outcome) -> None:
    """Chart and table at once; a chart cell that draws it already leaves the room to the table."""
    assert outcome.table is not None
    other = earlier_of(place, cell)
    drawn = None
    if not any(isinstance(each.body, Chart) and each.body.of == cell.name for each in place.notebook.cells):
        with guarded():
            drawn = picture(place, cell, outcome, Chart(of=cell.name))
    shown, why = compared_outcome(place, cell, outcome, other)
    if drawn and drawn.chart is not None and shown is not outcome:
        draw_picture(drawn, f"{cell.cell_id}.auto")
        draw_table(shown, cell, height=_HEIGHT_BESIDE)
    elif drawn and drawn.chart is not None:
        left, right = st.columns([3, 2], gap="medium")
        with left:
            draw_picture(drawn, f"{cell.cell_id}.auto")
        with right:
            draw_table(shown, cell, height=_HEIGHT_BESIDE)
    else:
        draw_table(shown, cell)
    comparison_note(place, cell, why)
    _draw_facts(place, cell, shown)


def picture(place: Place, cell: Cell, outcome: Outcome, chart: Chart) -> Drawn:
    """The chart of an answer, in the theme's colours, with events and the earlier window where they are wanted.

    NotebookError where it cannot be drawn.
    """
    other = earlier_of(place, cell)
    marked, stands_for = marks_over(cell_span(outcome.digest, chart, outcome))
    key = [outcome.digest, stands_for]
    if other:
        key += [other.digest, *names_of(cell.before, place.window)]
    return cell_picture(
        "\n".join(key), chart, palette(), outcome, lambda: Beside(marked, overlay_of(place, cell, other))
    )


def draw_picture(drawn: Drawn, key: str) -> None:
    """A chart and what was left out of it."""
    what = drawn.fields
    about = f"{what.kind.value} of {what.y or what.x} over {what.x}"
    st.altair_chart(drawn.chart, key=f"notebook.chart.{key}", theme=None, alt=escape(about, 200))
    if drawn.words:
        st.caption(escape(" ".join(drawn.words), 600))


def draw_table(outcome: Outcome, cell: Cell, *, height: int = _HEIGHT) -> None:
    """One page of rows; never more are sent."""
    assert outcome.table is not None
    count = outcome.table.num_rows
    if not count:
        st.info(
            "No rows. Where history has just begun, run it again; else choose a longer window on the left.",
            icon=":material/info:",
        )
        return
    pages = math.ceil(count / PAGE_ROWS)
    spot, below = st.container(), st.container(horizontal=True, vertical_alignment="center")
    page = 1
    if pages > 1:
        with below:
            page = st.pagination(pages, key=f"notebook.rows.{cell.cell_id}.{outcome.digest}", max_visible_pages=4)
    first = (page - 1) * PAGE_ROWS
    frame = shown_frame(outcome.table.slice(first, PAGE_ROWS))
    rows = f"rows {first + 1:,} to {first + len(frame):,} of {count:,}"
    spot.dataframe(
        frame, hide_index=True, height=min(height, _ROW * (len(frame) + 1) + 3), key=f"notebook.table.{cell.cell_id}",
        alt=f"{cell.name}: {rows}",
    )  # fmt: skip
    if pages > 1:
        below.caption(rows, width="content")


def shown_frame(table: pa.Table) -> pd.DataFrame:
    """Rows as a table shows them: instants read as UTC."""
    frame = frame_of(table)
    for name in frame.select_dtypes(include=["datetimetz"]).columns:
        frame[name] = frame[name].dt.tz_localize(None)
    return frame


def _draw_facts(place: Place, cell: Cell, outcome: Outcome) -> None:
    assert outcome.table is not None
    when = instant_text(outcome.began_at, near=runtime().clock.now())
    rows, columns = _count(outcome.rows, "row"), _count(outcome.table.num_columns, "column")
    facts = f"{rows}, {columns} in {outcome.seconds:.2f} s, at {when}. Times are UTC."
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(facts)
        compare_menu(place, cell)
        table = outcome.table
        st.download_button(
            "CSV", lambda: as_csv(frame_of(table)), f"{cell.name}.csv", "text/csv", key=f"notebook.csv.{cell.cell_id}",
            on_click="ignore", type="tertiary", icon=":material/download:", help="All rows.",
        )  # fmt: skip
        st.download_button(
            "Parquet", lambda: as_parquet(frame_of(table)), f"{cell.name}.parquet", "application/vnd.apache.parquet",
            key=f"notebook.parquet.{cell.cell_id}", on_click="ignore", type="tertiary", icon=":material/download:",
            help="All rows, with their types.",
        )  # fmt: skip
    incomplete_note(outcome.notes)


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'s' * (number != 1)}"


def draws_itself(drawn: Drawn) -> bool:
    """Whether there is a picture; a table has none."""
    return drawn.chart is not None and drawn.fields.kind is not ChartKind.TABLE
