"""Small blocks every page is built of."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import streamlit as st

from watchdog.base.errors import ContractError, WatchdogError
from watchdog.model.units import duration_text, instant_text
from watchdog.ui.data import interval, runtime
from watchdog.ui.escape import escape

_log = logging.getLogger(__name__)
_STALE_AFTER_INTERVALS = 4


@contextmanager
def section(title: str, *, question: str = "") -> Iterator[None]:
    """A titled card that shows an expected failure in place and lets the page go on."""
    with st.container(border=True):
        if title:
            st.header(title, help=question or None, anchor=False)
        with guarded():
            yield


@contextmanager
def guarded() -> Iterator[None]:
    """Show an expected failure in place of what could not be shown; anything else is a bug and stays one."""
    try:
        yield
    except WatchdogError as error:
        if isinstance(error, ContractError):
            _log.exception("a frame broke its contract")
        problem(str(error), error.hint)


def problem(message: str, hint: str = "") -> None:
    """What is wrong and what to do, in place of what could not be shown."""
    text = escape(message, 400)
    st.error(f"{text}\n\n{escape(hint, 400)}" if hint else text, icon=":material/error:")


def empty_state(what: str, how: str) -> None:
    """What would be here and how to get it."""
    st.info(f"{what}\n\n{how}", icon=":material/info:")


def freshness(newest_at: datetime | None, at: datetime, *, live: bool, source: str = "") -> None:
    """As of when and from where; late data says so loudly, for nothing old is believable."""
    whence = f", {escape(source)}" if source else ""
    if newest_at is None:
        st.warning(f"No readings in the five minutes before {instant_text(at)}.", icon=":material/schedule:")
        return
    age = (runtime().clock.now() if live else at) - newest_at
    if live and age > _STALE_AFTER_INTERVALS * interval():
        st.warning(
            f"The newest reading is {duration_text(age)} old ({instant_text(newest_at)}){whence}. "
            "What is shown is the past: see data health.",
            icon=":material/schedule:",
        )
    else:
        old = f", {duration_text(max(age, timedelta()))} old" if live else ""
        st.caption(f"as of {instant_text(newest_at, near=runtime().clock.now())}{whence}{old}")


def freshness_line(at: datetime, now: datetime, source: str) -> None:
    """As of when and from where, for what is not read with the samples."""
    age = duration_text(max(now - at, timedelta()))
    st.caption(f"as of {instant_text(at, near=now)}, {escape(source)}, {age} old")


def incomplete_note(reasons: Iterable[str]) -> None:
    """Say why rows may be missing."""
    for reason in dict.fromkeys(reasons):
        st.warning(f"Incomplete: {escape(reason, 300)}", icon=":material/warning:")


def not_exported_note(label: str) -> None:
    """A metric that no exporter publishes: a state of its own, neither zero nor a gap."""
    st.info(f"{escape(label)} is not exported here. See data health for what would export it.", icon=":material/info:")


def tiles(values: Iterable[tuple[str, str, str]]) -> None:
    """(label, value, help) side by side; they stack on a narrow screen."""
    with st.grid("auto", min_column_width=150):
        for label, value, explanation in values:
            st.metric(label, value, help=explanation or None, border=True)


def frame_of_page() -> None:
    """What every page carries: what is read, and whether it is real."""
    demo = ":orange-badge[:material/science: demo data] " if runtime().is_demo else ""
    st.markdown(f"{demo}:small[reading {escape(runtime().source_line, 200)}]")
