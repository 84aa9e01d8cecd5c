"""Whether Streamlit's own sign-in is set up. Apart from `who`, as the server asks before Streamlit has a runtime."""

from __future__ import annotations

from functools import cache

import streamlit as st


@cache
def has_oidc() -> bool:
    """Whether secrets.toml had an [auth] section when it was first asked: every button asks."""
    return st.secrets.load_if_toml_exists() and "auth" in st.secrets
