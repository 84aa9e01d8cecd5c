"""This window against an earlier one: how that is chosen, how it stands, and what a cell then shows."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from watchdog.base.errors import NotebookError
from watchdog.charts.cell_overlay import Earlier
from watchdog.model.notebook import Before, Cell
from watchdog.services.notebook import editing
from watchdog.services.notebook.comparing import names_of, reads_window, shift_of
from watchdog.services.notebook.outcome import CellState, Outcome
from watchdog.ui.cards import problem
from watchdog.ui.data import cell_difference
from watchdog.ui.escape import escape
from watchdog.ui.notebook_page import Place, act, before_state, place_now, run

WORDS = {
    Before.NONE: "Nothing",
    Before.WINDOW: "The window before",
    Before.DAY: "A day before",
    Before.WEEK: "A week before",
    Before.FOUR_WEEKS: "Four weeks before",
}
_BUSY = (CellState.RUNNING, CellState.WAITING)


def compare_menu(place: Place, cell: Cell) -> None:
    """Which earlier window the answer is compared with; kept with the cell."""
    if place.desk.locked:
        return
    key = f"notebook.compare.{cell.cell_id}"
    st.menu_button(
        WORDS[cell.before] if cell.before else "Compare", list(WORDS), key=key, icon=":material/compare_arrows:",
        type="secondary" if cell.before else "tertiary", format_func=lambda each: WORDS[each],
        help="The same question about an earlier window.", on_click=_chosen, args=(key, cell.cell_id),
    )  # fmt: skip


def _chosen(key: str, cell_id: str) -> None:
    before = st.session_state.get(key)
    if before is not None:
        compare_with(cell_id, Before(before))


def compare_with(cell_id: str, before: Before) -> None:
    """Compare a cell with an earlier window, and ask about it."""
    desk = place_now().desk
    if act(lambda: desk.change(lambda book: editing.compare(book, cell_id, before)), cell_id) and before:
        place = place_now()
        if place.states()[cell_id] is CellState.FRESH:
            act(lambda: place.start_earlier(place.notebook.cell(cell_id)), cell_id)
            place.other(before).wait(0.3)
        else:
            run(cell_id)


def earlier_of(place: Place, cell: Cell) -> Outcome | None:
    """The answer about the earlier window, where there is one that is up to date."""
    if not cell.before or before_state(place, cell) is not CellState.FRESH:
        return None
    return place.other(cell.before).outcome(place.notebook, cell.cell_id)


def overlay_of(place: Place, cell: Cell, other: Outcome | None) -> Earlier | None:
    """The same as a chart takes it."""
    frame = other.frame() if other else None
    if frame is None:
        return None
    return Earlier(frame, shift_of(cell.before, place.window), names_of(cell.before, place.window))


def compared_outcome(place: Place, cell: Cell, outcome: Outcome, other: Outcome | None) -> tuple[Outcome, str]:
    """The answer with each number's earlier value and change beside it, and why there is none otherwise."""
    if other is None:
        return outcome, ""
    shift = shift_of(cell.before, place.window)
    try:
        table = cell_difference(f"{outcome.digest} {other.digest}", shift, outcome, other)
    except NotebookError as error:
        return outcome, f"No difference by row: {error}. {error.hint}".strip()
    return replace(outcome, table=table, digest=f"{outcome.digest} {other.digest}", rows=table.num_rows), ""


def comparison_note(place: Place, cell: Cell, why: str = "") -> None:
    """How the earlier window's answer stands, where it is not simply there."""
    if not cell.before:
        return
    standing, other = before_state(place, cell), names_of(cell.before, place.window)[1]
    other = other[:1].upper() + other[1:]
    if standing in _BUSY:
        st.caption(f"{escape(other)} is being asked.")
    elif standing is CellState.FAILED:
        outcome = place.other(cell.before).outcome(place.notebook, cell.cell_id)
        failure = outcome.failure if outcome else None
        problem(f"{other}: {failure.message if failure else 'failed'}", failure.hint if failure else "")
    elif standing is not CellState.FRESH:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"{escape(other)} was not asked yet.", width="content")
            st.button(
                "Ask", key=f"notebook.earlier.{cell.cell_id}", type="tertiary", on_click=run, args=(cell.cell_id,)
            )
    elif not reads_window(place.notebook, cell):
        st.caption("This question names neither \\$since nor \\$until: both windows have the same answer.")
    elif why:
        st.caption(escape(why, 300))
