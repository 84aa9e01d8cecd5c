"""Drawing again at the page's refresh, and faster while something is under way at RunPod."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import streamlit as st

from watchdog.ui.data import runtime
from watchdog.ui.filters import current_view

_FAST = timedelta(seconds=2)


def live_at_pace(block: Callable[[], None]) -> None:
    """Draw `block` now and again: as `live`, or every two seconds while a deed goes on or the first look is awaited."""
    rental = runtime().rental
    deed = rental.deeds.newest
    waits = (deed is not None and deed.ended_at is None) or (rental.connected and rental.sight.tried_at is None)
    st.fragment(block, run_every=_FAST if waits else current_view().refresh)()
