"""Taking a window of history away as Parquet: what, from when to when, how far it is, and where it lies."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from watchdog.base.errors import ConfigError, WatchdogError
from watchdog.model.people import Role
from watchdog.model.tables import TABLES
from watchdog.model.telemetry import Window
from watchdog.model.units import bytes_text
from watchdog.services.exporting import Export, ExportState
from watchdog.ui import state
from watchdog.ui.audited import Deed, carry_out
from watchdog.ui.cards import problem
from watchdog.ui.data import runtime
from watchdog.ui.escape import escape
from watchdog.ui.who import guarded_button, person

_OPEN = "export"


def export_button() -> None:
    """Opens the dialog; says when one is being written."""
    now = runtime().exports.current
    running = now is not None and now.state is ExportState.RUNNING
    guarded_button(
        "Export of history is being written" if running else "Export history as Parquet", Role.OPERATOR,
        key="notebook.export", icon=":material/folder_zip:", on_click=_begin, width="stretch",
    )  # fmt: skip


def _begin() -> None:
    st.session_state[state.NOTEBOOK_DIALOG] = _OPEN
    st.session_state[state.NOTEBOOK_FILES] = False


def _forget() -> None:
    st.session_state.pop(state.NOTEBOOK_DIALOG, None)


def export_dialog(window: Window) -> None:
    """The dialog, where it is open."""
    if st.session_state.get(state.NOTEBOOK_DIALOG) == _OPEN:
        st.dialog("Export history", on_dismiss=_forget)(_body)(window)


def _body(window: Window) -> None:
    now = runtime().exports.current
    if now is None:
        _form(window)
    elif now.state is ExportState.RUNNING:
        st.fragment(_progress, run_every=0.5)()
    else:
        _ended(now)
        st.button("Export something else", key="notebook.export.again", on_click=runtime().exports.dismiss)


def _form(window: Window) -> None:
    st.caption(
        "Files that DuckDB, pandas, Polars, Spark and the Jupyter notebook read, with a description of every column."
    )
    left, right = st.columns(2)
    since = left.datetime_input(
        "From, UTC", _naive(window.since), step=60, format="YYYY-MM-DD", key="notebook.export.since"
    )
    until = right.datetime_input(
        "To, UTC", _naive(window.until), step=60, format="YYYY-MM-DD", key="notebook.export.until"
    )
    tables = st.multiselect("Tables", list(TABLES), key="notebook.export.tables", placeholder="all")
    if st.button("Export", type="primary", key="notebook.export.start"):
        try:
            start_export(since, until, tables)
        except WatchdogError as error:
            problem(str(error), error.hint)
            return
        st.rerun(scope="fragment")


def start_export(since: datetime | None, until: datetime | None, tables: list[str]) -> None:
    """Begin it in the name of who is here; may raise ActionError, ConfigError or StoreError."""
    if since is None or until is None or since >= until:
        raise ConfigError("the window ends before it begins", hint="Turn the two instants round.")
    window = Window(since.replace(tzinfo=UTC), until.replace(tzinfo=UTC))
    words = f"{window.since:%Y-%m-%d %H:%M} to {window.until:%Y-%m-%d %H:%M} UTC"
    by = person().name
    carry_out(
        Deed("export history", words, details=", ".join(tables)), lambda: runtime().exports.start(window, tables, by)
    )


def _progress() -> None:
    now = runtime().exports.current
    if now is None or now.state is not ExportState.RUNNING:
        st.rerun()
        return
    share = now.done / now.of if now.of else 0.0
    words = f"{now.done:,} of {now.of:,} files" if now.of else "History is copied for it"
    st.progress(min(share, 1.0), text=f"{words}. It goes on when this is closed.")
    st.button("Cancel", key="notebook.export.cancel", icon=":material/close:", on_click=runtime().exports.cancel)


def _ended(now: Export) -> None:
    span = f"{now.window.since:%Y-%m-%d %H:%M} to {now.window.until:%Y-%m-%d %H:%M} UTC"
    if now.state is ExportState.CANCELLED:
        st.info("Cancelled: nothing of it was kept.", icon=":material/close:")
    elif now.error is not None:
        problem(f"the export failed: {now.error}", f"{now.error.hint} Nothing of it was kept.".strip())
    else:
        rows = sum((now.rows or {}).values())
        st.success(f"{span}: {rows:,} rows, {escape(bytes_text(now.file_bytes))}.", icon=":material/check:")
        _download(now)


def _download(now: Export) -> None:
    archive = now.archive
    if archive is not None:
        st.download_button(
            "Download", archive.read_bytes, archive.name, "application/zip", key="notebook.export.download", on_click="ignore",
            type="primary", icon=":material/download:",
        )  # fmt: skip
    else:
        st.caption("It is too large to go through a browser.")
    st.caption("On the server, until five newer ones are there:")
    st.code(str(now.folder), language=None, wrap_lines=True)


def _naive(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None)
