"""How old what Slurm said is."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from watchdog.model.units import duration_text, instant_text
from watchdog.ui.address import View
from watchdog.ui.cards import incomplete_note
from watchdog.ui.data import runtime, slurm
from watchdog.ui.escape import escape

_STALE_AFTER_INTERVALS = 4
_DIM = """<style>
[data-testid="stDataFrame"], [data-testid="stVegaLiteChart"] { opacity: 0.6; }
</style>"""


def slurm_freshness(view: View) -> None:
    """As of when Slurm was read; an old snapshot says so loudly. Nothing in a rewound view."""
    seen = slurm()
    if seen is None or seen.taken_at is None or not view.address.is_live:
        return
    now = runtime().clock.now()
    age = now - seen.taken_at
    if age > _stale_after():
        st.warning(
            f"Slurm was last read {duration_text(age)} ago ({instant_text(seen.taken_at)}). What is shown is the "
            f"past.{_why_stale()}",
            icon=":material/schedule:",
        )
    else:
        st.caption(f"as of {instant_text(seen.taken_at, near=now)}, Slurm, {duration_text(age)} old")
    incomplete_note(seen.problems)


def dim_if_stale() -> None:
    """Dim every table and chart of a page that is all about Slurm, while what it shows is old."""
    seen = slurm()
    if seen is not None and seen.taken_at is not None and runtime().clock.now() - seen.taken_at > _stale_after():
        st.html(_DIM)


def _stale_after() -> timedelta:
    return _STALE_AFTER_INTERVALS * timedelta(seconds=runtime().config.slurm_interval_seconds)


def _why_stale() -> str:
    current = runtime().slurm_state()
    if current is None or not current.error:
        return ""
    return f"\n\n{escape(current.error.rstrip('.'), 300)}. {escape(current.hint, 200)}"
