"""Whether Streamlit's own sign-in is set up. Apart from `who`, as the server asks before Streamlit has a runtime."""

from __future__ import annotations

import streamlit as st


def has_oidc() -> bool:
    """Whether secrets.toml has an [auth] section."""
    return st.secrets.load_if_toml_exists() and "auth" in st.secrets
