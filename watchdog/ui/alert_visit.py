"""When this browser was here last: a cookie with two instants, and nothing else about anybody.

The first instant is what "since you last looked" counts from, the second when the page was last on screen. After half an
hour of absence a new visit begins, and counts from the end of the one before: a reload loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import streamlit as st

from watchdog.ui import state

COOKIE = "watchdog_visit"
DEFAULT, LONGEST, ABSENCE = timedelta(hours=12), timedelta(days=7), timedelta(minutes=30)
_KEPT_SECONDS = 90 * 86_400


@dataclass(frozen=True)
class Visit:
    """From when on something is new; `known` says whether that is the last visit, or just the last 12 hours."""

    since: datetime
    known: bool


def this_visit(now: datetime) -> Visit:
    """The visit of this session, the same until the session ends; and remember that the page is on screen."""
    visit: Visit | None = st.session_state.get(state.ALERT_VISIT)
    if visit is None:
        visit = visit_of(str(st.context.cookies.get(COOKIE, "")), now)
        st.session_state[state.ALERT_VISIT] = visit
    value = f"{int(visit.since.timestamp())}.{int(now.timestamp())}"
    script = f"document.cookie='{COOKIE}={value}; max-age={_KEPT_SECONDS}; path=/; SameSite=Strict'"
    st.html(f"<script>{script}</script>", unsafe_allow_javascript=True)
    return visit


def visit_of(cookie: str, now: datetime) -> Visit:
    """Read a cookie, which anybody may have written; what makes no sense is the last 12 hours."""
    first, _, last = cookie.partition(".")
    since, seen = _instant(first, now), _instant(last, now)
    if since is None or seen is None or since > seen:
        return Visit(now - DEFAULT, known=False)
    began = seen if now - seen > ABSENCE else since
    return Visit(max(began, now - LONGEST), known=True)


def _instant(text: str, now: datetime) -> datetime | None:
    if not (text.isascii() and text.isdigit() and len(text) <= 11):
        return None
    at = datetime.fromtimestamp(int(text), UTC)
    return at if timedelta() <= now - at <= timedelta(days=400) else None
