"""What [n] points to: the query, its window, its rows, a chart where they are a course, and the page that shows the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pandas as pd
import streamlit as st

from watchdog.assistant.kept import answer_of
from watchdog.assistant.records import Column, Evidence, Value
from watchdog.assistant.values import shown
from watchdog.charts.history import history_chart, history_text
from watchdog.model.metrics import CATALOGUE
from watchdog.model.telemetry import Window
from watchdog.model.units import duration_text, instant_text
from watchdog.store.chats import Message
from watchdog.ui import state
from watchdog.ui.chat_cites import listen_for_citations
from watchdog.ui.chat_place import Place
from watchdog.ui.escape import escape
from watchdog.ui.theme import palette

_MOST_LINES = 6
_WIDE = 4
_PAGES = {
    "overview": "Overview",
    "alerts": "Alerts",
    "gpus": "GPUs",
    "slurm": "Slurm",
    "job": "Job",
    "data_health": "Data health",
}


def evidence_buttons(message_id: str, evidence: Sequence[Evidence]) -> None:
    """A button for each [n]; a click opens it."""
    if not evidence:
        return
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        st.markdown(":small[:gray[Evidence]]", width="content")
        for each in evidence:
            label = f"\\[{each.number}\\] {escape(each.title, 42)}"
            key = f"assistant.evidence.{message_id}.{each.number}"
            st.button(label, key=key, type="tertiary", on_click=_open, args=(message_id, each.number))


def _open(message_id: str, number: int) -> None:
    st.session_state[state.CHAT_EVIDENCE] = (message_id, number)


def _close() -> None:
    st.session_state.pop(state.CHAT_EVIDENCE, None)


def draw_evidence(place: Place) -> None:
    """The piece of evidence that is open, in a dialog; and an ear for clicks on [n] in the texts."""
    listen_for_citations(_open)
    wanted = st.session_state.get(state.CHAT_EVIDENCE)
    if wanted is None:
        return
    found = _find(place.messages, *wanted)
    if found is None:
        _close()
        return
    st.dialog(f"[{found.number}] Evidence", width="large", on_dismiss=_close)(_body)(found)


def _find(messages: Sequence[Message], message_id: str, number: int) -> Evidence | None:
    for message in messages:
        if message.asked.message_id == message_id:
            return next((each for each in answer_of(message.reply.body).evidence if each.number == number), None)
    return None


def _body(evidence: Evidence) -> None:
    st.markdown(f"**{escape(evidence.title, 300)}**")
    st.caption(_when(evidence))
    for mark in evidence.marks:
        st.markdown(f":orange[:material/warning:] :small[{escape(mark, 400)}]")
    course_chart(evidence)
    _table(evidence)
    st.markdown(":small[:gray[Query, to be asked again by hand]]")
    st.code(evidence.query, language=None, wrap_lines=True)
    if evidence.page in _PAGES:
        page, label = f"pages/{evidence.page}.py", f"Open {_PAGES[evidence.page]} at that instant"
        st.page_link(page, label=label, query_params=evidence.parameters, icon=":material/open_in_new:")


def _when(evidence: Evidence) -> str:
    window = evidence.window
    span = (
        f"{instant_text(window.since)} to {instant_text(window.until)}" if window else f"at {instant_text(evidence.at)}"
    )
    age = evidence.age_seconds
    old = f", newest reading {duration_text(pd.Timedelta(seconds=age))} old" if age is not None else ", age unknown"
    rows = "1 row" if evidence.total_rows == 1 else f"{evidence.total_rows:,} rows"
    return f"{span}{old}, {rows}, tool {escape(evidence.tool, 60)}, took {evidence.seconds:.2f} s"


def _table(evidence: Evidence) -> None:
    if not evidence.rows:
        st.caption("No row: nothing was found.")
        return
    table = _record(evidence) if len(evidence.rows) == 1 and len(evidence.columns) > _WIDE else _frame(evidence)
    st.dataframe(
        table, hide_index=True, height="auto" if len(table) < 9 else 320, placeholder="n/a",
        alt=f"Table of {len(table)} rows of this evidence",
    )  # fmt: skip
    if evidence.total_rows > len(evidence.rows):
        st.caption(f"{len(evidence.rows):,} of {evidence.total_rows:,} rows.")


def _frame(evidence: Evidence) -> pd.DataFrame:
    names = [_header(evidence.columns, place) for place in range(len(evidence.columns))]
    rows = [
        [_cell(value, column) for value, column in zip(row, evidence.columns, strict=False)] for row in evidence.rows
    ]
    return pd.DataFrame(rows, columns=names, dtype="string")


def _record(evidence: Evidence) -> pd.DataFrame:
    """The only row of a wide table, on its side."""
    table = _frame(evidence)
    return pd.DataFrame({"what": list(table.columns), "value": list(table.iloc[0])}, dtype="string")


def _header(columns: Sequence[Column], place: int) -> str:
    """The label; with its name where another column has the same."""
    label = columns[place].label
    same = sum(each.label == label for each in columns) > 1
    return f"{label} ({columns[place].name})" if same else label


def _cell(value: Value, column: Column) -> str | None:
    return None if value is None else shown(value, column.unit)


def course_chart(evidence: Evidence, height: int = 170) -> None:
    """A small chart where the rows are a quantity of the catalogue over time."""
    metric, frame = str(evidence.arguments.get("metric", "")), course(evidence)
    window = evidence.window
    if frame is None or metric not in CATALOGUE or window is None:
        return
    st.altair_chart(
        history_chart(frame, metric, window, palette(), height=height),
        theme=None,
        alt=history_text(frame, metric, window),
    )


def course(evidence: Evidence) -> pd.DataFrame | None:
    """line, bucket_at, value of at most six lines; None where the rows are no course over time."""
    at, value = _places(evidence)
    if at is None or value is None or not isinstance(evidence.window, Window):
        return None
    rows = [
        (_line(row, at, value), row[at], float(number))
        for row in evidence.rows
        if isinstance(row[at], datetime) and isinstance(number := row[value], int | float)
    ]
    frame = pd.DataFrame(rows, columns=["line", "bucket_at", "value"])
    if frame["bucket_at"].nunique() < 2:
        return None
    frame["bucket_at"] = pd.to_datetime(frame["bucket_at"], utc=True).astype("datetime64[us, UTC]")
    return frame[frame["line"].isin(frame["line"].unique()[:_MOST_LINES])]


def _places(evidence: Evidence) -> tuple[int | None, int | None]:
    names = [column.name for column in evidence.columns]
    return (
        names.index("bucket_at") if "bucket_at" in names else None,
        names.index("value") if "value" in names else None,
    )


def _line(row: Sequence[Value], at: int, value: int) -> str:
    others = [str(cell) for place, cell in enumerate(row) if place not in {at, value} and cell not in {None, ""}]
    return " ".join(others)[:60] or "all"
