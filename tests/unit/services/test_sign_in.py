"""Whom the app believes, and what they may do."""

from __future__ import annotations

import pytest

from watchdog.base.config import Config
from watchdog.base.errors import ConfigError
from watchdog.model.people import Person, Role
from watchdog.services.sign_in import (
    SECRET_HEADER,
    Roles,
    SignIn,
    TrustedProxy,
    check_address,
    chosen_sign_in,
    is_loopback,
)

SECRET = "s3cret" * 6
PROXY = Config(proxy_secret=SECRET, proxy_addresses="10.1.0.0/24, 127.0.0.1, ::1")


def headers(user: str | bytes | None = "ann", secret: str | None = SECRET, **more: str) -> list[tuple[bytes, bytes]]:
    named = {"x-remote-user": user, SECRET_HEADER: secret, **more}
    return [(k.encode(), v if isinstance(v, bytes) else v.encode()) for k, v in named.items() if v is not None]


@pytest.mark.parametrize("peer", ["10.1.0.7", "127.0.0.1", "::1", "::ffff:10.1.0.9"])
def test_the_gateway_is_believed_by_address_and_secret(peer):
    assert TrustedProxy(PROXY).user(peer, headers("Zoë")) == "Zoë"


@pytest.mark.parametrize(
    ("peer", "given"),
    [
        ("10.1.1.7", headers()),
        ("not an address", headers()),
        ("", headers()),
        ("10.1.0.7", headers(secret=None)),
        ("10.1.0.7", headers(secret="")),
        ("10.1.0.7", headers(secret=SECRET[:-1])),
        ("10.1.0.7", headers(secret=SECRET + "x")),
        ("10.1.0.7", headers(user=None)),
        ("10.1.0.7", headers(user="")),
        ("10.1.0.7", headers(user="   ")),
        ("10.1.0.7", headers(user="a\x00b")),
        ("10.1.0.7", headers(user="a" * 201)),
        ("10.1.0.7", headers(user=b"\xff\xfe")),
        ("10.1.0.7", [*headers("ann"), *headers("bob", None)]),
        ("10.1.0.7", [*headers(), (SECRET_HEADER.encode(), b"x")]),
        ("10.1.1.7", [*headers(), (b"x-forwarded-for", b"10.1.0.7")]),
    ],
)
def test_nobody_else_is_believed(peer, given):
    assert TrustedProxy(PROXY).user(peer, given) is None


def test_a_short_secret_and_a_wrong_address_are_errors_of_the_settings():
    with pytest.raises(ConfigError, match="has 5 characters"):
        TrustedProxy(Config(proxy_secret="short"))
    with pytest.raises(ConfigError, match="WATCHDOG_PROXY_ADDRESSES"):
        TrustedProxy(Config(proxy_secret=SECRET, proxy_addresses="gateway"))


def test_roles_come_from_the_lists_and_everybody_else_looks():
    roles = Roles(Config(admins="ann, Root@Example.com", operators="bob,@ops.example.com"))

    assert roles.of("ann") is Role.ADMIN
    assert roles.of("root@EXAMPLE.com") is Role.ADMIN
    assert roles.of("Ann") is Role.VIEWER
    assert roles.of("eve@ops.example.com") is Role.OPERATOR
    assert roles.of("eve@ops.example.com.evil.net") is Role.VIEWER
    assert roles.of("eve@evil.net@ops.example.com") is Role.OPERATOR
    assert roles.of("@ops.example.com") is Role.OPERATOR
    assert roles.of("carl") is Role.VIEWER


def test_with_a_list_of_viewers_nobody_else_may_look():
    roles = Roles(Config(admins="ann", viewers="@example.com"))

    assert roles.of("ann") is Role.ADMIN
    assert roles.of("x@example.com") is Role.VIEWER
    assert roles.of("x@gmail.com") is None


@pytest.mark.parametrize(
    ("role", "may"),
    [(Role.VIEWER, (True, False, False)), (Role.OPERATOR, (True, True, False)), (Role.ADMIN, (True, True, True))],
)
def test_a_role_may_what_the_lesser_ones_may(role, may):
    assert tuple(Person("x", role, signed_in=True).may(each) for each in Role) == may


@pytest.mark.parametrize(
    ("config", "oidc", "chosen"),
    [
        (Config(), False, SignIn.OFF),
        (Config(), True, SignIn.OIDC),
        (PROXY, False, SignIn.PROXY),
        (Config(sign_in="off"), True, SignIn.OFF),
        (Config(sign_in="proxy", proxy_secret=SECRET), True, SignIn.PROXY),
    ],
)
def test_what_is_set_up_is_chosen(config, oidc, chosen):
    assert chosen_sign_in(config, oidc=oidc) is chosen


@pytest.mark.parametrize(
    ("config", "oidc", "words"),
    [
        (Config(sign_in="proxy"), False, "WATCHDOG_PROXY_SECRET"),
        (Config(sign_in="oidc"), False, r"no \[auth\]"),
        (PROXY, True, "both"),
    ],
)
def test_half_a_sign_in_is_an_error_and_never_none_at_all(config, oidc, words):
    with pytest.raises(ConfigError, match=words):
        chosen_sign_in(config, oidc=oidc)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "10.0.0.5", "gpu.example.com", "127.0.0.1.evil.net"])
def test_a_public_address_without_sign_in_is_refused_unless_that_was_said(host):
    with pytest.raises(ConfigError, match="without any sign-in"):
        check_address(Config(), SignIn.OFF, host)
    check_address(Config(sign_in="off"), SignIn.OFF, host)
    check_address(PROXY, SignIn.PROXY, host)
    check_address(Config(), SignIn.OIDC, host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_loopback_needs_no_sign_in(host):
    assert is_loopback(host)
    check_address(Config(), SignIn.OFF, host)
