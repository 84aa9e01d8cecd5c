"""The filters of all pages. The URL holds them; the widgets only mirror it, so a view can be sent on."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from watchdog.model.units import instant_text
from watchdog.ui import state
from watchdog.ui.address import (
    DEFAULT_REFRESH,
    DEFAULT_WINDOW,
    REFRESHES,
    SHARED_KEYS,
    WINDOWS,
    Address,
    View,
    instant_parameter,
    read_address,
)
from watchdog.ui.data import runtime
from watchdog.ui.escape import escape

_LIVE, _PAST, _OWN = "Now", "Past", "Range"


def current_address() -> Address:
    """What the URL asks for."""
    return read_address(st.query_params.to_dict(), runtime().clock.now())


def current_view() -> View:
    """The instant and span to show. Ask inside a fragment: outside it is frozen at the last full run."""
    return current_address().view(runtime().clock.now())


def keep_filters(page: str) -> None:
    """Carry the shared filters over when the page (its URL path) changed: Streamlit drops the URL's query then."""
    if st.session_state.get(state.LAST_PAGE, page) != page:
        for key, value in st.session_state.get(state.LAST_FILTERS, {}).items():
            if key not in st.query_params:
                st.query_params[key] = value
    st.session_state[state.LAST_PAGE] = page
    st.session_state[state.LAST_FILTERS] = {k: v for k, v in st.query_params.to_dict().items() if k in SHARED_KEYS}


def shared_parameters() -> dict[str, str]:
    """The shared filters as link parameters."""
    return {key: value for key, value in st.query_params.to_dict().items() if key in SHARED_KEYS}


def set_parameters(**values: str) -> None:
    """Write parameters into the URL; '' removes one."""
    for key, value in values.items():
        if value:
            st.query_params[key] = value
        elif key in st.query_params:
            del st.query_params[key]


def draw_filters() -> None:
    """Draw the sidebar's filters and say what in the URL was wrong; called once, by app.py."""
    address = current_address()
    for problem in address.problems:
        st.warning(escape(problem, 300), icon=":material/link_off:")
    with st.sidebar:
        _draw_when(address)
        _draw_refresh(address)


def _draw_when(address: Address) -> None:
    mode = _OWN if address.own_range else _PAST if address.at else _LIVE
    st.session_state[state.REWIND] = mode
    st.segmented_control(
        "When",
        [_LIVE, _PAST, _OWN],
        key=state.REWIND,
        on_change=_mode_changed,
        required=True,
        help="Every page can be shown as it was at a past instant. All times are UTC.",
    )
    if address.own_range:
        _draw_instant("From, UTC", state.SINCE, address.own_range[0])
        _draw_instant("To, UTC", state.UNTIL, address.own_range[1])
        return
    if address.at:
        _draw_instant("As of, UTC", state.AT, address.at)
    st.session_state[state.WINDOW] = address.window
    st.selectbox(
        "Window of charts",
        list(WINDOWS),
        format_func=lambda key: f"last {WINDOWS[key][0]}" if not address.at else f"{WINDOWS[key][0]} before",
        key=state.WINDOW,
        on_change=_window_changed,
        help="Drag across a chart to zoom into a range of your own.",
    )


def _draw_instant(label: str, key: str, value: datetime) -> None:
    st.session_state[key] = value.astimezone(UTC).replace(tzinfo=None)
    st.datetime_input(label, key=key, step=60, format="YYYY-MM-DD", on_change=_instant_changed)


def _draw_refresh(address: Address) -> None:
    st.session_state[state.REFRESH] = address.refresh
    st.selectbox(
        "Refresh",
        list(REFRESHES),
        format_func=lambda key: REFRESHES[key][0],
        key=state.REFRESH,
        on_change=_refresh_changed,
        disabled=not address.is_live,
        help="How often live blocks are drawn again. The past does not change.",
    )


def _mode_changed() -> None:
    view = current_view()
    mode = st.session_state.get(state.REWIND)
    set_parameters(at="", since="", until="")
    if mode == _PAST:
        set_parameters(at=instant_parameter(view.at))
    elif mode == _OWN:
        set_parameters(since=instant_parameter(view.window.since), until=instant_parameter(view.window.until))


def _window_changed() -> None:
    chosen = st.session_state[state.WINDOW]
    set_parameters(window="" if chosen == DEFAULT_WINDOW else chosen)


def _refresh_changed() -> None:
    chosen = st.session_state[state.REFRESH]
    set_parameters(refresh="" if chosen == DEFAULT_REFRESH else chosen)


def _instant_changed() -> None:
    for key, parameter in ((state.AT, "at"), (state.SINCE, "since"), (state.UNTIL, "until")):
        value = st.session_state.get(key)
        if value is not None and parameter in st.query_params:
            set_parameters(**{parameter: instant_parameter(value.replace(tzinfo=UTC))})


def zoom_to(since: datetime, until: datetime) -> None:
    """Make a hand-picked range the window of the whole page."""
    set_parameters(at="", since=instant_parameter(since), until=instant_parameter(until))


def as_of(view: View) -> str:
    """Which instant is shown, in words."""
    return f"as of {instant_text(view.at)}" + ("" if view.address.is_live else ", rewound")
