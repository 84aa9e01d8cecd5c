"""Blocks that draw themselves again while the rest of the page, and what is typed in it, stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import streamlit as st
from streamlit_autorefresh import st_autorefresh

from watchdog.ui.filters import current_view

# Each beat is a full rerun: slow, and only for pages without inputs of their own.
_SLOWEST_NEEDED = timedelta(seconds=30)


def live(block: Callable[[], None]) -> None:
    """Draw `block` now and at every refresh. Used as a decorator of a page's section.

    A fragment sees the page's variables as they were at the last full run, so the block has to ask for
    its view itself.
    """
    st.fragment(block, run_every=current_view().refresh)()


def heartbeat() -> None:
    """Rerun the whole page at the chosen refresh, but not faster than every 30 s."""
    refresh = current_view().refresh
    if refresh is not None:
        st_autorefresh(interval=int(max(refresh, _SLOWEST_NEEDED).total_seconds() * 1000), key="heartbeat")
