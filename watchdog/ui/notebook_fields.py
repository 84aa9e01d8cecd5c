"""The fields of chart and parameter cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import streamlit as st
from msgspec.structs import replace

from watchdog.base.clock import floor_to
from watchdog.base.errors import NotebookError
from watchdog.charts.cell_fields import SCALES
from watchdog.model.notebook import (
    MOST_VALUE_CHARS,
    Body,
    Cell,
    CellKind,
    Chart,
    ChartKind,
    Parameter,
    ParameterKind,
    interval,
    interval_text,
    parameter_names,
)
from watchdog.model.telemetry import Window
from watchdog.services.notebook.outcome import Outcome
from watchdog.ui.cards import guarded
from watchdog.ui.data import inventory, runtime, slurm
from watchdog.ui.escape import escape
from watchdog.ui.notebook_compare import compare_menu, compared_outcome, comparison_note, earlier_of
from watchdog.ui.notebook_page import Place
from watchdog.ui.notebook_result import draw_failure, draw_picture, draw_table, draws_itself, picture

Put: TypeAlias = Callable[[Callable[[Body], Body]], None]
_NONE = ""
_CHOSEN = "by the columns"


def chart_fields(place: Place, cell: Cell, put: Put) -> None:
    """What is drawn and how, and the picture."""
    assert isinstance(cell.body, Chart)
    outcome = place.session.outcome(place.notebook, cell.cell_id)
    if not place.desk.locked:
        with st.expander("What is drawn", expanded=not cell.body.of):
            _chart_form(place, cell, outcome, put)
    if not cell.body.of:
        st.info("Choose the cell whose answer is drawn.", icon=":material/info:")
    elif outcome is None:
        st.caption(f"{escape(cell.body.of)} was not run yet: Run draws it.")
    elif outcome.failure:
        draw_failure(outcome)
    elif outcome.table is None:
        st.caption("The answer was dropped to save memory. Run it again.")
    else:
        _draw(place, cell, cell.body, outcome)


def _draw(place: Place, cell: Cell, body: Chart, outcome: Outcome) -> None:
    assert outcome.table is not None
    with guarded():
        drawn = picture(place, cell, outcome, body)
        if draws_itself(drawn):
            draw_picture(drawn, cell.cell_id)
        else:
            draw_table(compared_outcome(place, cell, outcome, earlier_of(place, cell))[0], cell)
    comparison_note(place, cell)
    with st.container(horizontal=True):
        compare_menu(place, cell)


def _chart_form(place: Place, cell: Cell, outcome: Outcome | None, put: Put) -> None:
    position = place.notebook.position(cell.cell_id)
    above = [c.name for c in place.notebook.cells[:position] if c.kind in (CellKind.SQL, CellKind.PROMQL)]
    columns = [*map(str, outcome.table.column_names)] if outcome and outcome.table is not None else []
    with st.grid("auto", min_column_width=150):
        _pick(cell, _Choice("Of", "of", [_NONE, *above], "choose a cell"), put)
        _pick(cell, _Choice("Chart", "chart", [kind.value for kind in ChartKind], made=ChartKind), put)
        for field in ("x", "y", "colour"):
            _pick(cell, _Choice(field, field, [_NONE, *columns], _CHOSEN), put)
        _pick(cell, _Choice("Unit", "unit", [_NONE, *SCALES], "by the name"), put)


@dataclass(frozen=True)
class _Choice:
    """A field of a chart: its options, and what "" is called."""

    label: str
    field: str
    options: list[str]
    nothing: str = ""
    made: Callable[[str], Any] = str


def _pick(cell: Cell, choice: _Choice, put: Put) -> None:
    key = f"notebook.chart.{cell.cell_id}.{choice.field}"
    value = str(getattr(cell.body, choice.field))
    st.session_state[key] = value
    st.selectbox(
        choice.label, [*dict.fromkeys([*choice.options, value])], key=key, format_func=lambda each: each or choice.nothing,
        on_change=lambda: put(lambda body: replace(body, **{choice.field: choice.made(st.session_state[key])})),
    )  # fmt: skip


def parameter_fields(place: Place, cell: Cell, put: Put) -> None:
    """Name, type and value of a parameter, and how questions call it."""
    body = cell.body
    assert isinstance(body, Parameter)
    off = bool(place.desk.locked)
    with st.grid("auto", min_column_width=170):
        _text(cell, "Name", "name", body.name, put, off)
        kind_key = f"notebook.parameter.{cell.cell_id}.type"
        st.session_state[kind_key] = body.type.value
        st.selectbox(
            "Type", [kind.value for kind in ParameterKind], key=kind_key, disabled=off,
            on_change=lambda: put(lambda old: _retyped(old, ParameterKind(st.session_state[kind_key]))),
        )  # fmt: skip
        _VALUES.get(body.type, _text_value)(cell, body, put, off)
    st.caption("Below: " + ", ".join(f"`${escape(name)}`" for name in parameter_names(body)))


def _retyped(body: Body, kind: ParameterKind) -> Body:
    assert isinstance(body, Parameter)
    if kind is ParameterKind.NUMBER:
        return replace(body, type=kind, value=0.0)
    if kind is ParameterKind.WINDOW:
        until = floor_to(runtime().clock.now(), timedelta(days=1))
        return replace(body, type=kind, value=interval_text(Window(until - timedelta(days=7), until)))
    keeps = isinstance(body.value, str) and body.type is not ParameterKind.WINDOW
    return replace(body, type=kind, value=body.value if keeps else "")


def _text(cell: Cell, label: str, field: str, value: str, put: Put, off: bool) -> None:
    key = f"notebook.parameter.{cell.cell_id}.{field}"
    st.session_state[key] = value
    st.text_input(
        label, key=key, max_chars=MOST_VALUE_CHARS, disabled=off,
        on_change=lambda: put(lambda body: replace(body, **{field: str(st.session_state[key]).strip()})),
    )  # fmt: skip


def _text_value(cell: Cell, body: Parameter, put: Put, off: bool) -> None:
    _text(cell, "Value", "value", str(body.value), put, off)


def _number_value(cell: Cell, body: Parameter, put: Put, off: bool) -> None:
    key = f"notebook.parameter.{cell.cell_id}.number"
    st.session_state[key] = float(body.value)
    st.number_input(
        "Value", key=key, step=None, format="%g", disabled=off,
        on_change=lambda: put(lambda old: replace(old, value=float(st.session_state[key]))),
    )  # fmt: skip


def _known_value(cell: Cell, body: Parameter, put: Put, off: bool) -> None:
    """One of those that are known, or any other."""
    key = f"notebook.parameter.{cell.cell_id}.known"
    value = str(body.value)
    options = [*dict.fromkeys([value, "", *_known(body.type)])]
    st.session_state[key] = value
    st.selectbox(
        "Value", options, key=key, format_func=lambda each: each or "any", accept_new_options=True, disabled=off,
        on_change=lambda: put(lambda old: replace(old, value=str(st.session_state[key] or ""))),
    )  # fmt: skip


def _known(kind: ParameterKind) -> list[str]:
    view = slurm()
    if kind in (ParameterKind.USER, ParameterKind.JOB):
        column = "user" if kind is ParameterKind.USER else "job_id"
        return sorted({*view.jobs[column].dropna().astype(str)})[:500] if view is not None else []
    gpus = inventory(floor_to(runtime().clock.now(), timedelta(minutes=1)))
    return sorted({*gpus["node" if kind is ParameterKind.NODE else "gpu_uuid"].astype(str)})[:2000]


def _window_value(cell: Cell, body: Parameter, put: Put, off: bool) -> None:
    try:
        window = interval(str(body.value), body.name)
    except NotebookError:
        now = floor_to(runtime().clock.now(), timedelta(days=1))
        window = Window(now, now)
    keys = [f"notebook.parameter.{cell.cell_id}.{edge}" for edge in ("since", "until")]

    def moved() -> None:
        since, until = (_instant(st.session_state[key]) for key in keys)
        if since and until and since <= until:
            put(lambda old: replace(old, value=interval_text(Window(since, until))))

    for key, label, at in zip(keys, ("From, UTC", "To, UTC"), (window.since, window.until), strict=True):
        st.session_state[key] = at.astimezone(UTC).replace(tzinfo=None)
        st.datetime_input(label, key=key, step=60, format="YYYY-MM-DD", on_change=moved, disabled=off)


def _instant(value: datetime | None) -> datetime | None:
    return value.replace(tzinfo=UTC) if value else None


_VALUES: dict[ParameterKind, Callable[[Cell, Parameter, Put, bool], None]] = {
    ParameterKind.NUMBER: _number_value,
    ParameterKind.WINDOW: _window_value,
    ParameterKind.NODE: _known_value,
    ParameterKind.GPU: _known_value,
    ParameterKind.USER: _known_value,
    ParameterKind.JOB: _known_value,
}
