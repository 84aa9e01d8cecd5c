"""Taking a notebook away as a file, and bringing one in."""

from __future__ import annotations

import re

import streamlit as st

from watchdog.base.errors import NotebookError
from watchdog.model.notebook import Notebook
from watchdog.services.notebook.formats.ipynb import from_ipynb, to_ipynb
from watchdog.services.notebook.formats.pdf import browser, to_pdf
from watchdog.services.notebook.formats.report import to_html
from watchdog.services.notebook.formats.sqlfile import from_sql, to_sql
from watchdog.services.notebook.outcome import Outcome
from watchdog.store.notebooks import new_id
from watchdog.ui import state
from watchdog.ui.data import runtime
from watchdog.ui.escape import escape
from watchdog.ui.notebook_export import export_button, export_dialog
from watchdog.ui.notebook_page import Place, act, new_desk, open_desk
from watchdog.ui.who import person

_MOST_MIB = 8
_UPLOAD = "notebook.upload"


def file_menu(place: Place) -> None:
    """The menu of files; they are made when asked for."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", place.notebook.title).strip("-.")[:60] or "notebook"
    with st.popover("Files", icon=":material/download:", key=state.NOTEBOOK_FILES, on_change="rerun"):
        _download(
            "Report as HTML",
            lambda: report(place),
            f"{name}.html",
            "text/html",
            "Words, answers, charts; loads nothing.",
        )
        can_print = browser() is not None
        _download(
            "Report as PDF", lambda: to_pdf(report(place)), f"{name}.pdf", "application/pdf",
            "The same on paper." if can_print else "There is no Chromium on the server: print the HTML report.", not can_print,
        )  # fmt: skip
        _download(
            "Jupyter notebook",
            lambda: as_ipynb(place),
            f"{name}.ipynb",
            "application/x-ipynb+json",
            "Runs on an export.",
        )
        _download("SQL file", lambda: to_sql(place.notebook), f"{name}.sql", "application/sql", "Comes back as it was.")
        export_button()
        st.file_uploader(
            "Bring in a .ipynb or .sql",
            type=["ipynb", "sql"],
            key=_UPLOAD,
            max_upload_size=_MOST_MIB,
            on_change=_uploaded,
        )
    export_dialog(place.window)


def _download(label: str, made: object, name: str, mime: str, about: str, off: bool = False) -> None:
    st.download_button(
        label, made, name, mime, key=f"notebook.file.{label}", on_click="ignore", help=about, disabled=off,  # type: ignore[arg-type]
        width="stretch",
    )  # fmt: skip


def report(place: Place) -> str:
    """The notebook with its answers as one HTML page."""
    return to_html(place.notebook, place.window, _outcomes(place), runtime().clock.now())


def as_ipynb(place: Place) -> str:
    """The notebook for Jupyter, with what Prometheus answered."""
    frames = {key: outcome.frame(2_001) for key, outcome in _outcomes(place).items()}
    return to_ipynb(
        place.notebook, place.window, answers={key: frame for key, frame in frames.items() if frame is not None}
    )


def _outcomes(place: Place) -> dict[str, Outcome]:
    found = {cell.cell_id: place.session.outcome(place.notebook, cell.cell_id) for cell in place.notebook.cells}
    return {key: outcome for key, outcome in found.items() if outcome is not None}


def _uploaded() -> None:
    upload = st.session_state.get(_UPLOAD)
    if upload is not None:
        act(lambda: bring_in(upload.name, upload.getvalue()))


def bring_in(name: str, content: bytes) -> None:
    """Open what a file holds as a new notebook; NotebookError where it cannot be."""
    notebook, remarks = _read(name, content)
    desk = new_desk(notebook)
    desk.change(lambda same: same)
    desk.settle(5.0)
    open_desk(desk)
    for remark in remarks[:5]:
        st.toast(escape(remark, 200), icon=":material/info:")


def _read(name: str, content: bytes) -> tuple[Notebook, tuple[str, ...]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotebookError(
            f"{name[:80]} is no text in UTF-8", hint="Save it as UTF-8 and bring it in again."
        ) from None
    if name.lower().endswith(".sql"):
        return from_sql(text, new_id(), person().name), ()
    found = from_ipynb(text, new_id(), person().name)
    return found.notebook, found.remarks
