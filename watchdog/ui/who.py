"""Who is at this browser, and what they may do."""

from __future__ import annotations

import hmac
from typing import Any

import streamlit as st

from watchdog.base.errors import ActionError
from watchdog.model.people import Person, Role
from watchdog.services.sign_in import (
    USER_HEADER,
    VOUCHER,
    VOUCHER_HEADER,
    Roles,
    SignIn,
    check_address,
    chosen_sign_in,
    folded,
)
from watchdog.ui.data import runtime
from watchdog.ui.oidc import has_oidc

# The one user of an app that nobody signs in to.
LOCAL = "local"
NOBODY = Person("", Role.VIEWER, signed_in=False)
_NEEDS = {
    Role.VIEWER: "look",
    Role.OPERATOR: "acknowledge, silence and write",
    Role.ADMIN: "change rules, channels and machines",
}


def person() -> Person:
    """Who is here; NOBODY where a sign-in is set up and they have not. May raise ConfigError.

    Without a sign-in everybody is the same local user, who may do everything.
    """
    kind = sign_in()
    if kind is SignIn.OFF:
        check_address(runtime().config, kind, str(st.get_option("server.address") or ""))
        return Person(LOCAL, Role.ADMIN, signed_in=False)
    name = folded(oidc_name() if kind is SignIn.OIDC else _proxy_name())
    role = Roles(runtime().config).of(name) if name else None
    return Person(name, role, signed_in=True) if role else NOBODY


def sign_in() -> SignIn:
    """How people sign in here."""
    return chosen_sign_in(runtime().config, oidc=has_oidc())


def oidc_name() -> str:
    """The claim that names who signed in at the identity provider; '' where nobody did, or it is not verified."""
    claims = st.user.to_dict()
    claim = runtime().config.oidc_claim
    if not claims.get("is_logged_in") or (claim == "email" and claims.get("email_verified") is False):
        return ""
    return str(claims.get(claim) or "").strip()


def _proxy_name() -> str:
    headers = request_headers()
    if not hmac.compare_digest(headers.get(VOUCHER_HEADER, "").encode(), VOUCHER.encode()):
        return ""
    return headers.get(USER_HEADER, "").encode("latin-1").decode("utf-8")


def request_headers() -> dict[str, str]:
    """The headers with which this browser has connected, names in small letters."""
    return {name.lower(): value for name, value in st.context.headers.to_dict().items()}


def refusal(role: Role) -> str:
    """Why who is here may not do what needs `role`; '' where they may."""
    someone = person()
    if someone.may(role):
        return ""
    who = f"{someone.name} is {someone.role}" if someone.signed_in else "nobody is signed in"
    return f"Only an {role} may {_NEEDS[role]}; {who}."


def require(role: Role) -> Person:
    """Who is here; ActionError where they may not do what needs `role`. A disabled button alone stops nobody."""
    why = refusal(role)
    if why:
        raise ActionError(
            why[:1].lower() + why[1:].rstrip("."), hint="Ask an admin: WATCHDOG_ADMINS, WATCHDOG_OPERATORS."
        )
    return person()


def guarded_button(label: str, role: Role, **options: Any) -> bool:  # noqa: ANN401 (st.button's own)
    """A button that is disabled, with the reason, for who may not use it. What it does must still `require` the role."""
    why = refusal(role)
    if why:
        options |= {"disabled": True, "help": why}
    return st.button(label, **options)
