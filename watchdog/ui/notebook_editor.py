"""The editor of a cell: colours, completion, and a pause after which what was typed is with the server.

Ours, on Streamlit's own components: why neither streamlit-ace nor streamlit-code-editor is in
docs/decisions/0006-an-editor-of-our-own.md.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

_HERE = Path(__file__).parent
_HTML = (
    '<div class="box"><div class="page"><div class="sheet"><pre aria-hidden="true"></pre>'
    '<textarea spellcheck="false" autocapitalize="off" autocomplete="off" wrap="off" aria-autocomplete="list"'
    ' aria-controls="words" aria-label="Text"></textarea>'
    '</div></div><ul id="words" role="listbox" aria-label="Completions" hidden></ul></div>'
)
_mount = st.components.v2.component(
    "watchdog_notebook_editor",
    html=_HTML,
    css=(_HERE / "notebook_editor.css").read_text(encoding="utf-8"),
    js=(_HERE / "notebook_editor.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class Completion:
    """What can be chosen while typing: tables with their columns, and words [word, what it is, what it means]."""

    tables: dict[str, Any]
    words: list[list[str]]


@dataclass(frozen=True)
class Shown:
    """What an editor shows.

    Attributes:
        language: sql, promql or markdown.
        wrong: the line of an error, from 1; 0 = none.
        locked: it may be read and copied only.
    """

    text: str
    language: str
    label: str
    placeholder: str = ""
    wrong: int = 0
    locked: bool = False
    completion: Completion | None = None


def editor(key: str, shown: Shown, on_text: Callable[[str], None], on_run: Callable[[], None] | None = None) -> None:
    """Draw it. `on_text` gets the text after each pause, when the focus leaves, and before `on_run` (Ctrl+Enter)."""
    seen = st.session_state.setdefault(f"{key}.seen", ["", ""])
    if seen[0] != shown.text or not seen[1]:
        # Not what this editor sent last: it has to take it over.
        seen[:] = [shown.text, secrets.token_hex(6)]

    def text_came() -> None:
        text = str(st.session_state[key].get("text", ""))
        seen[0] = text
        on_text(text)

    completion = shown.completion or Completion({}, [])
    data = {
        "text": shown.text,
        "revision": seen[1],
        "language": shown.language,
        "label": shown.label,
        "placeholder": shown.placeholder,
        "wrong": shown.wrong,
        "locked": shown.locked,
        "draft": f"watchdog.{key}",
        "tables": completion.tables,
        "words": completion.words,
    }
    _mount(key=key, data=data, on_text_change=text_came, on_run_change=on_run or (lambda: None))
