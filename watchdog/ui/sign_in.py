"""The way in, and who is in."""

from __future__ import annotations

import streamlit as st

from watchdog.services.sign_in import SignIn
from watchdog.ui import who
from watchdog.ui.data import runtime
from watchdog.ui.escape import escape


def stop_unless_signed_in() -> None:
    """Go on for who may look; everybody else sees how to sign in, and nothing of the cluster."""
    if who.person() != who.NOBODY:
        return
    st.title("GPU Watchdog", anchor=False)
    if who.sign_in() is SignIn.OIDC:
        _oidc_door()
    else:
        st.warning(f"Sign in at the gateway{_gateway()}.", icon=":material/lock:")
    st.stop()


def _gateway() -> str:
    address = runtime().config.base_url
    return f": {escape(address, 200)}" if address else " in front of this app"


def _oidc_door() -> None:
    if not st.user.to_dict().get("is_logged_in"):
        st.button("Sign in", type="primary", icon=":material/login:", on_click=st.login)
        return
    name = who.oidc_name()
    reason = (
        f"{escape(name, 200)} is not among those who may look (WATCHDOG_VIEWERS)"
        if name
        else (f"the identity provider gave no verified {escape(runtime().config.oidc_claim, 60)}")
    )
    st.warning(f"You are signed in, but {reason}.", icon=":material/lock:")
    st.button("Sign out", on_click=st.logout)


def draw_person() -> None:
    """Who is signed in and as what, in the sidebar; nothing where nobody signs in."""
    someone = who.person()
    if not someone.signed_in:
        return
    with st.sidebar:
        st.markdown(f":small[:material/person: **{escape(someone.name, 80)}**, {someone.role}]")
        if who.sign_in() is SignIn.OIDC:
            st.button("Sign out", type="tertiary", icon=":material/logout:", on_click=st.logout)
