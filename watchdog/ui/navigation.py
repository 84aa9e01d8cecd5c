"""One way of finding pages: app.py's `st.navigation`."""

from __future__ import annotations

from streamlit.runtime.pages_manager import PagesManager


def ignore_pages_folder() -> None:
    """Keep Streamlit from running `pages/*.py` without app.py around them.

    Until the first `st.navigation` of the process, Streamlit 1.67 takes a folder named `pages` for its old
    automatic pages: a deep link opened first after a start would come without filters and demo mark.
    """
    PagesManager.uses_pages_directory = False
