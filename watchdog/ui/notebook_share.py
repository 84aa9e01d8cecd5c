"""Who else may use a notebook: nobody, or those who have its link."""

from __future__ import annotations

import streamlit as st

from watchdog.base.errors import NotebookError
from watchdog.model.notebook import Sharing
from watchdog.ui.audited import Deed, carry_out
from watchdog.ui.data import runtime
from watchdog.ui.notebook_page import Place, doing
from watchdog.ui.who import person

_WORDS = {
    Sharing.PRIVATE: "Private",
    Sharing.READ: "Read by link",
    Sharing.EDIT: "Edit by link",
}


def share_menu(place: Place) -> None:
    """The menu; only the author sees it work."""
    notebook = place.notebook
    mine = notebook.author == person().name and not place.desk.locked
    with st.popover(
        "Share", icon=":material/share:", disabled=not mine, help="" if mine else "Only its author can share it."
    ):
        key = f"notebook.share.{notebook.notebook_id}"
        st.session_state[key] = notebook.shared
        st.segmented_control(
            "Who may use it", list(Sharing), key=key, format_func=lambda each: _WORDS[each], required=True,
            on_change=doing(lambda: _share(place, Sharing(st.session_state[key]))),
        )  # fmt: skip
        if notebook.token:
            st.code(link(notebook.token), language=None, wrap_lines=True)
            st.caption("Who has this link may use it. Private ends the link for good.")
        else:
            st.caption("Nobody else can open it.")


def _share(place: Place, sharing: Sharing) -> None:
    if not place.notebook.version:
        place.desk.change(lambda notebook: notebook)
        place.desk.settle(5.0)
    if not place.notebook.version:
        raise NotebookError("it is not saved yet, so there is nothing to share", hint="Try again when it is.")
    identity, name = place.notebook.notebook_id, person().name
    deed = Deed("share notebook", f"notebook {identity}", details=_WORDS[sharing])
    carry_out(deed, lambda: place.desk.refresh(runtime().notebooks.store().share(identity, name, sharing)))


def link(token: str) -> str:
    """The address that opens a shared notebook."""
    base = runtime().config.base_url.rstrip("/")
    here = f"{base}/history" if base else str(st.context.url or "/history").partition("?")[0]
    return f"{here}?shared={token}"
