"""Clicks on [n] in an answer: an ear on the page, as links of markdown cannot call anything."""

from __future__ import annotations

import re
from collections.abc import Callable

import streamlit as st

from watchdog.ui import state

_LINK = re.compile(r"evidence-([0-9a-f]{16})-(\d{1,3})")
_JS = """
export default function ({ setTriggerValue }) {
  const listen = (event) => {
    const link = event.target.closest && event.target.closest('a[href^="#evidence-"]');
    if (!link) return;
    event.preventDefault();
    event.stopPropagation();
    setTriggerValue("cited", link.getAttribute("href").slice(1));
  };
  document.addEventListener("click", listen, true);
  return () => document.removeEventListener("click", listen, true);
}
"""
_EAR = st.components.v2.component("watchdog_citations", html="<span></span>", js=_JS)


def listen_for_citations(opened: Callable[[str, int], None]) -> None:
    """Call `opened` with a message's id and n when somebody clicks an [n]; without JavaScript the buttons below remain."""

    def cited() -> None:
        found = _LINK.fullmatch(str(st.session_state.get(state.CHAT_CITES, {}).get("cited") or ""))
        if found:
            opened(found[1], int(found[2]))

    _EAR(key=state.CHAT_CITES, on_cited_change=cited)
