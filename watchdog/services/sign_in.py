"""How people sign in, which role a name has, and when a gateway's word for a name is believed."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Iterable
from enum import StrEnum

from watchdog.base.config import Config
from watchdog.base.errors import ConfigError
from watchdog.model.people import Role

# Between the gate, which has seen a request's address and secret, and the pages, which have not. New in each process.
VOUCHER = secrets.token_hex(16)
VOUCHER_HEADER, USER_HEADER = "x-watchdog-voucher", "x-watchdog-user"
SECRET_HEADER = "x-watchdog-proxy-secret"  # noqa: S105 (a name)
SHORTEST_SECRET, LONGEST_NAME = 16, 200


class SignIn(StrEnum):
    """Nobody signs in; Streamlit's OpenID Connect; or a gateway that says who it is."""

    OFF = "off"
    OIDC = "oidc"
    PROXY = "proxy"


def chosen_sign_in(config: Config, *, oidc: bool) -> SignIn:
    """The sign-in that the settings select; `oidc` = secrets.toml has an [auth] section.

    Raises:
        ConfigError: what was asked for is not set up, or both are.
    """
    if config.sign_in == SignIn.PROXY and not config.proxy_secret:
        raise ConfigError("sign_in is 'proxy', but WATCHDOG_PROXY_SECRET is not set", hint="Set it; docs/sign-in.md.")
    if config.sign_in == SignIn.OIDC and not oidc:
        raise ConfigError("sign_in is 'oidc', but .streamlit/secrets.toml has no [auth]", hint="See docs/sign-in.md.")
    if config.sign_in != "auto":
        return SignIn(config.sign_in)
    if oidc and config.proxy_secret:
        raise ConfigError(
            "both a gateway's secret and [auth] of secrets.toml are set", hint="Say which in WATCHDOG_SIGN_IN."
        )
    return SignIn.OIDC if oidc else SignIn.PROXY if config.proxy_secret else SignIn.OFF


def check_address(config: Config, sign_in: SignIn, host: str) -> None:
    """ConfigError where anybody who reaches `host` would be an admin and nobody has said that this is wanted."""
    if sign_in is SignIn.OFF and config.sign_in != SignIn.OFF and not is_loopback(host):
        raise ConfigError(
            f"the app would listen on {host} without any sign-in",
            hint="Set up a sign-in (docs/sign-in.md), listen on 127.0.0.1, or set WATCHDOG_SIGN_IN=off if everybody "
            "who reaches that address may do everything.",
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address; '' means all addresses."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class Roles:
    """Names and what they may do. E-mail addresses in any case, other names as they are written."""

    def __init__(self, config: Config) -> None:
        self._admins = _names(config.admins)
        self._operators = _names(config.operators)
        self._viewers = _names(config.viewers)

    def of(self, name: str) -> Role | None:
        """The role of somebody who signed in by this name; None where they may not even look."""
        for role, names in ((Role.ADMIN, self._admins), (Role.OPERATOR, self._operators), (Role.VIEWER, self._viewers)):
            if _matches(name, names):
                return role
        return None if self._viewers else Role.VIEWER


def _names(text: str) -> frozenset[str]:
    return frozenset(folded(part.strip()) for part in text.split(",") if part.strip())


def folded(name: str) -> str:
    """A name as it is compared and kept: e-mail addresses in small letters, as providers write them either way."""
    return name.lower() if "@" in name else name


def _matches(name: str, names: frozenset[str]) -> bool:
    known = folded(name)
    domain = known[known.rindex("@") :] if "@" in known else ""
    return known in names or (domain != "" and domain in names)


class TrustedProxy:
    """Decides whether the name in a request's header is the gateway's word."""

    def __init__(self, config: Config) -> None:
        self.user_header = config.proxy_user_header.lower()
        self._secret = config.proxy_secret.encode()
        self._networks = proxy_networks(config.proxy_addresses)
        if len(config.proxy_secret) < SHORTEST_SECRET:
            raise ConfigError(
                f"WATCHDOG_PROXY_SECRET has {len(config.proxy_secret)} characters",
                hint=f"Use at least {SHORTEST_SECRET}: `openssl rand -hex 32`.",
            )

    def user(self, peer: str, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        """The user's name; None unless peer and secret are the gateway's and it names exactly one user.

        Args:
            peer: address of who has connected, never one that a header claims.
            headers: names in small letters, and values, as in ASGI.
        """
        given = list(headers)
        names = [value for name, value in given if name == self.user_header.encode()]
        shown = [value for name, value in given if name == SECRET_HEADER.encode()]
        if len(names) != 1 or len(shown) != 1 or not self._is_proxy(peer):
            return None
        return _name(names[0]) if hmac.compare_digest(shown[0], self._secret) else None

    def _is_proxy(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None) or address
        return any(mapped in network for network in self._networks)


def proxy_networks(text: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """Addresses and networks separated by commas; ConfigError names the one that is neither."""
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise ConfigError(f"WATCHDOG_PROXY_ADDRESSES: {error}", hint="Write `127.0.0.1, 172.29.7.0/24`.") from error


def _name(value: bytes) -> str | None:
    try:
        name = value.decode("utf-8").strip()
    except UnicodeDecodeError:
        return None
    return name if 0 < len(name) <= LONGEST_NAME and name.isprintable() else None
