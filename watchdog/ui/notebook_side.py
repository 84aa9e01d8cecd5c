"""Beside the cells: the tables of history, and worked questions to take."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from watchdog.model.notebook import Notebook, Sql
from watchdog.model.questions import QUESTIONS, Question
from watchdog.model.tables import TABLES, TableDoc
from watchdog.services.notebook import editing
from watchdog.services.notebook.library import place_below, with_question
from watchdog.ui import state
from watchdog.ui.escape import escape
from watchdog.ui.notebook_page import act, place_now, redraw_if_changed, run

_QUESTIONS, _TABLES = "Questions", "Tables"


def draw_side() -> None:
    """The panel; a fragment of its own."""
    with st.container(border=True, key="notebook-side"):
        shown = st.segmented_control(
            "Beside", [_QUESTIONS, _TABLES], default=_QUESTIONS, required=True, key=state.NOTEBOOK_SIDE,
            label_visibility="collapsed", width="stretch",
        )  # fmt: skip
        words = st.text_input(
            "Search",
            key=f"notebook.search.{shown}",
            placeholder="Search",
            label_visibility="collapsed",
            icon=":material/search:",
        )
        (_questions if shown == _QUESTIONS else _tables)(words.lower().split())
    redraw_if_changed()


def _questions(words: list[str]) -> None:
    found = [each for each in QUESTIONS.values() if _fits(words, f"{each.title} {each.explanation} {each.sql}")]
    st.caption(f"{len(found)} worked questions; each becomes a cell and runs.")
    with st.container(height=560, border=False, key="notebook-questions"):
        for question in found:
            st.button(
                escape(question.title), key=f"notebook.take.{question.key}", type="tertiary", icon=":material/add:",
                on_click=take_question, args=(question,), help=escape(question.explanation, 300),
            )  # fmt: skip


def take_question(question: Question) -> None:
    """Put a worked question below the cell that was edited or run last, else at the end, and run it."""
    _take(lambda notebook, after: with_question(notebook, question, after=after))


def _take_example(table: TableDoc) -> None:
    _take(lambda notebook, after: editing.added(notebook, Sql(table.example), after=after))


def _take(added: Callable[[Notebook, str | None], tuple[Notebook, str]]) -> None:
    asked: list[str] = []

    def with_it(notebook: Notebook) -> Notebook:
        current = str(st.session_state.get(state.NOTEBOOK_CURRENT, ""))
        changed, cell_id = added(notebook, place_below(notebook, current))
        asked.append(cell_id)
        return changed

    if act(lambda: place_now().desk.change(with_it)):
        _ran(asked[-1])


def _ran(cell_id: str) -> None:
    place = place_now()
    if not place.session.running:
        run(cell_id)
    st.session_state[state.NOTEBOOK_CURRENT] = cell_id
    st.toast(f"Added as {escape(place.notebook.cell(cell_id).name)}.", icon=":material/add:")


def _tables(words: list[str]) -> None:
    found = [table for table in TABLES.values() if _fits(words, _text(table))]
    st.caption(f"{len(found)} tables. All instants are UTC; a missing value is null.")
    if not found:
        return
    name = st.selectbox(
        "Table", [table.name for table in found], key="notebook.table.name", label_visibility="collapsed"
    )
    table = TABLES[name]
    st.markdown(f":small[{escape(table.row, 400)}]")
    with st.container(height=300, border=True, gap="small"):
        for column in table.columns:
            kind = column.unit or column.type.lower()
            st.markdown(f":small[`{column.name}` :gray[{escape(kind)}] {column.doc}]")
    st.code(table.example, language="sql", wrap_lines=True)
    st.button("Take the example", key="notebook.example", icon=":material/add:", on_click=_take_example, args=(table,))


def _text(table: TableDoc) -> str:
    return " ".join([table.name, table.row, *(f"{column.name} {column.doc}" for column in table.columns)])


def _fits(words: list[str], text: str) -> bool:
    return all(word in text.lower() for word in words)
