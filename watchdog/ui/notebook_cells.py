"""Cells on the page: each is a fragment of its own, so that typing in one draws nothing else anew."""

from __future__ import annotations

import re
from collections.abc import Callable

import streamlit as st
from msgspec.structs import replace

from watchdog.model.notebook import Body, Cell, CellKind, Chart, Markdown, Notebook, Parameter, PromMode, PromQl, Sql
from watchdog.services.notebook import editing
from watchdog.services.notebook.outcome import CellState
from watchdog.ui import state
from watchdog.ui.cards import empty_state, problem
from watchdog.ui.escape import escape
from watchdog.ui.notebook_editor import Shown, editor
from watchdog.ui.notebook_fields import chart_fields, parameter_fields
from watchdog.ui.notebook_page import Place, act, place_now, redraw_if_changed, run, said
from watchdog.ui.notebook_result import draw_cell_result
from watchdog.ui.notebook_words import KINDS, promql_completion, sql_completion, state_badge

_BUSY = (CellState.RUNNING, CellState.WAITING)
_RUNS = (CellKind.SQL, CellKind.PROMQL, CellKind.CHART)
_IMAGE = re.compile(r"!(?=\[)")
_UP, _DOWN, _COPY, _NAME, _DELETE = "Move up", "Move down", "Duplicate", "Rename", "Delete"


def draw_cells(place: Place) -> None:
    """All cells, and what adds another one at the end."""
    for cell in place.notebook.cells:
        st.fragment(draw_cell)(cell.cell_id)
    if not place.notebook.cells:
        empty_state("This notebook has no cells.", "Add one below, or take a worked question from the right.")
    if not place.desk.locked:
        with st.container(horizontal=True, vertical_alignment="center", key="notebook-add"):
            st.caption("Add", width="content")
            for kind, word in KINDS.items():
                st.button(word, key=f"notebook.add.{kind}", icon=":material/add:", on_click=add_cell, args=(kind, None))


def draw_cell(cell_id: str) -> None:
    """One cell, where it is still there: its head, its body, and what came of it."""
    place = place_now()
    for cell in place.notebook.cells:
        if cell.cell_id == cell_id:
            with st.container(border=True, key=f"cell-{cell_id}", gap="small"):
                _head(place, cell)
                if error := said(cell_id):
                    problem(str(error), error.hint)
                _BODIES[cell.kind](place, cell)
    redraw_if_changed()


def _head(place: Place, cell: Cell) -> None:
    standing = place.states()[cell.cell_id]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        badge = f" :small[{state_badge(standing)}]" if cell.kind in _RUNS else ""
        st.markdown(f"**{escape(cell.name)}** :gray[:small[{KINDS[cell.kind]}]]{badge}", width="stretch")
        if standing in _BUSY:
            st.button("Stop", key=f"notebook.stop.{cell.cell_id}", icon=":material/stop:", on_click=_stop)
        elif cell.kind in _RUNS:
            st.button(
                "Run", key=f"notebook.run.{cell.cell_id}", icon=":material/play_arrow:", on_click=run, args=(cell.cell_id,),
                type="tertiary" if standing is CellState.FRESH else "secondary", help="Ctrl+Enter in the editor.",
            )  # fmt: skip
        if not place.desk.locked:
            _menus(cell)


def _menus(cell: Cell) -> None:
    key = f"notebook.more.{cell.cell_id}"
    if cell.kind is CellKind.MARKDOWN:
        st.button(
            "Done" if _is_open(cell) else "Edit", key=f"notebook.edit.{cell.cell_id}", type="tertiary", on_click=_toggle,
            args=(cell.cell_id,),
        )  # fmt: skip
    below = f"notebook.below.{cell.cell_id}"
    st.menu_button(
        "", list(KINDS), key=below, icon=":material/add:", type="tertiary", help="Add a cell below.",
        format_func=lambda kind: f"{KINDS[kind]} below", on_click=_menu_add, args=(below, cell.cell_id),
    )  # fmt: skip
    st.menu_button(
        "", [_UP, _DOWN, _COPY, _NAME, _DELETE], key=key, icon=":material/more_horiz:", type="tertiary",
        help="Move, duplicate, rename or delete this cell.", on_click=_menu, args=(key, cell.cell_id),
    )  # fmt: skip


def _menu_add(key: str, cell_id: str) -> None:
    kind = st.session_state.get(key)
    if kind:
        add_cell(CellKind(kind), cell_id)


def _menu(key: str, cell_id: str) -> None:
    chosen = st.session_state.get(key)
    if chosen == _NAME:
        st.session_state[state.NOTEBOOK_OPEN] = {*st.session_state.get(state.NOTEBOOK_OPEN, ()), f"name {cell_id}"}
    elif chosen:
        do_to_cell(chosen, cell_id)


def do_to_cell(what: str, cell_id: str) -> None:
    """Move, duplicate or delete it."""
    desk = place_now().desk
    if what == _DELETE:
        act(lambda: desk.delete(cell_id))
    else:
        act(lambda: desk.change(lambda notebook: _MOVES[what](notebook, cell_id)), cell_id)


_MOVES: dict[str, Callable[..., Notebook]] = {
    _UP: lambda notebook, cell_id: editing.move(notebook, cell_id, -1),
    _DOWN: lambda notebook, cell_id: editing.move(notebook, cell_id, 1),
    _COPY: editing.duplicate,
}


def add_cell(kind: CellKind, after: str | None) -> None:
    """An empty cell below `after`, or at the end."""
    desk = place_now().desk

    def added(notebook: Notebook) -> Notebook:
        changed, new = editing.added(notebook, _new_body(notebook, kind, after), after=after)
        if kind is CellKind.MARKDOWN:
            _toggle(new)
        return changed

    act(lambda: desk.change(added))


def _new_body(notebook: Notebook, kind: CellKind, after: str | None) -> Body:
    if kind is CellKind.CHART:
        end = len(notebook.cells) if after is None else notebook.position(after) + 1
        above = [cell.name for cell in notebook.cells[:end] if cell.kind in (CellKind.SQL, CellKind.PROMQL)]
        return Chart(of=above[-1] if above else "")
    if kind is CellKind.PARAMETER:
        taken = {cell.body.name for cell in notebook.cells if isinstance(cell.body, Parameter)}
        return Parameter(next(name for number in range(1, 999) if (name := f"value_{number}") not in taken))
    empty: dict[CellKind, Body] = {CellKind.SQL: Sql(), CellKind.PROMQL: PromQl(), CellKind.MARKDOWN: Markdown()}
    return empty[kind]


def _stop() -> None:
    place = place_now()
    place.stop()
    place.session.wait(1.0)
    st.session_state[state.NOTEBOOK_DONE] = True


def _toggle(cell_id: str) -> None:
    shown = {*st.session_state.get(state.NOTEBOOK_OPEN, ())}
    st.session_state[state.NOTEBOOK_OPEN] = shown ^ {cell_id}


def _is_open(cell: Cell) -> bool:
    return cell.cell_id in st.session_state.get(state.NOTEBOOK_OPEN, ())


def edit_body(cell_id: str, change: Callable[[Body], Body]) -> None:
    """Put another body into a cell."""
    desk = place_now().desk
    act(lambda: desk.change(lambda book: editing.edit(book, cell_id, change(book.cell(cell_id).body))), cell_id)


def _edit_text(cell_id: str) -> Callable[[str], None]:
    return lambda text: edit_body(cell_id, lambda body: replace(body, text=text))


def _key(place: Place, cell: Cell) -> str:
    return f"notebook.text.{place.notebook.notebook_id}.{cell.cell_id}"


def _rename_field(cell: Cell) -> None:
    shown = st.session_state.get(state.NOTEBOOK_OPEN, set())
    if f"name {cell.cell_id}" not in shown:
        return
    key = f"notebook.name.{cell.cell_id}"

    def renamed() -> None:
        name = str(st.session_state[key]).strip()
        desk = place_now().desk
        if act(lambda: desk.change(lambda notebook: editing.rename(notebook, cell.cell_id, name)), cell.cell_id):
            st.session_state[state.NOTEBOOK_OPEN] = shown - {f"name {cell.cell_id}"}

    st.text_input("New name; cells that read it follow", cell.name, key=key, on_change=renamed, max_chars=40)


def _markdown(place: Place, cell: Cell) -> None:
    _rename_field(cell)
    if (_is_open(cell) or not cell.text.strip()) and not place.desk.locked:
        shown = Shown(cell.text, "markdown", f"Text of {cell.name}", "Words, in Markdown.")
        editor(_key(place, cell), shown, _edit_text(cell.cell_id))
    if cell.text.strip():
        # Pictures would be fetched from wherever the author says.
        st.markdown(_IMAGE.sub("!\u2060", cell.text), anchors=False)


def _sql(place: Place, cell: Cell) -> None:
    _rename_field(cell)
    outcome = place.session.outcome(place.notebook, cell.cell_id)
    failed = outcome.failure if outcome and place.states()[cell.cell_id] is CellState.FAILED else None
    shown = Shown(
        cell.text, "sql", f"SQL of {cell.name}", "SELECT … FROM jobs WHERE started_at >= $since AND started_at < $until",
        (failed.line or 0) if failed else 0, bool(place.desk.locked), sql_completion(place.notebook, cell.cell_id, place.session),
    )  # fmt: skip
    editor(_key(place, cell), shown, _edit_text(cell.cell_id), lambda: run(cell.cell_id))
    draw_cell_result(place, cell)


def _promql(place: Place, cell: Cell) -> None:
    _rename_field(cell)
    assert isinstance(cell.body, PromQl)
    if not place.has_prometheus:
        st.info(
            "No Prometheus is configured, so PromQL has nobody to ask.\n\nSet WATCHDOG_PROMETHEUS_URL, or ask history in SQL.",
            icon=":material/info:",
        )
    shown = Shown(
        cell.text, "promql", f"PromQL of {cell.name}", "avg by (Hostname) (DCGM_FI_DEV_GPU_UTIL)", 0,
        bool(place.desk.locked), promql_completion(place.notebook),
    )  # fmt: skip
    editor(_key(place, cell), shown, _edit_text(cell.cell_id), lambda: run(cell.cell_id))
    _prom_mode(place, cell, cell.body)
    draw_cell_result(place, cell)


def _prom_mode(place: Place, cell: Cell, body: PromQl) -> None:
    mode_key, step_key = f"notebook.mode.{cell.cell_id}", f"notebook.step.{cell.cell_id}"
    st.session_state[mode_key], st.session_state[step_key] = body.mode.value, body.step_seconds
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            "Query", [mode.value for mode in PromMode], key=mode_key, required=True, disabled=bool(place.desk.locked),
            on_change=lambda: edit_body(cell.cell_id, lambda old: replace(old, mode=PromMode(st.session_state[mode_key]))),
            help="Over the window, or at its end.",
        )  # fmt: skip
        st.number_input(
            "Step, s", 0.0, 31_622_400.0, key=step_key, step=15.0, format="%g", width=150, disabled=bool(place.desk.locked),
            on_change=lambda: edit_body(cell.cell_id, lambda old: replace(old, step_seconds=float(st.session_state[step_key]))),
            help="0 lets the window decide.",
        )  # fmt: skip


def _chart(place: Place, cell: Cell) -> None:
    _rename_field(cell)
    chart_fields(place, cell, lambda change: edit_body(cell.cell_id, change))


def _parameter(place: Place, cell: Cell) -> None:
    _rename_field(cell)
    parameter_fields(place, cell, lambda change: edit_body(cell.cell_id, change))


_BODIES: dict[CellKind, Callable[[Place, Cell], None]] = {
    CellKind.MARKDOWN: _markdown,
    CellKind.SQL: _sql,
    CellKind.PROMQL: _promql,
    CellKind.CHART: _chart,
    CellKind.PARAMETER: _parameter,
}
