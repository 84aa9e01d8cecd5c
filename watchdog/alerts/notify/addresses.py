"""The setting `notify_urls`: names, and descriptions that tell no secret."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from watchdog.base.errors import ConfigError

_NAMED = re.compile(r"(?:(?P<name>[\w-]{1,40})=)?(?P<url>(?P<scheme>[A-Za-z][\w+.-]*)://\S+)")
# Where the host is where the message goes, not a token.
_WITH_HOST = frozenset(
    {"json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos", "gotify", "gotifys", "mmost", "mmosts"}
    | {"matrix", "matrixs", "rocket", "rockets", "apprise", "apprises", "http", "https", "syslog"}
)
ALERTMANAGER = "alertmanager"
_HINT = "Write apprise URLs, each `url` or `name=url`, with spaces or line breaks between: docs/notification.md."


@dataclass(frozen=True)
class Address:
    """A channel as it was configured.

    Attributes:
        description: kind, and the host where that is no secret.
        url: apprise's; holds secrets.
    """

    name: str
    description: str
    url: str = field(repr=False)


def addresses(text: str) -> tuple[Address, ...]:
    """The channels of the setting; ConfigError, quoting no URL, where it cannot be read."""
    found: list[Address] = []
    for place, word in enumerate(text.split(), start=1):
        parts = _NAMED.fullmatch(word)
        if parts is None:
            raise ConfigError(f"entry {place} of notify_urls is no URL", hint=_HINT)
        name = parts["name"] or _unused(parts["scheme"].lower(), found)
        if name == ALERTMANAGER or any(each.name == name for each in found):
            raise ConfigError(f"notify_urls has two channels called {name!r}", hint=_HINT)
        found.append(Address(name, described(parts["url"]), parts["url"]))
    return tuple(found)


def described(url: str) -> str:
    """What kind of channel it is; the host only where it is an address."""
    scheme = url.partition("://")[0].lower()
    if scheme not in _WITH_HOST:
        return scheme
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return scheme
    return f"{scheme}://{host}" if host else scheme


def _unused(name: str, found: list[Address]) -> str:
    taken = {each.name for each in found}
    names = (name, *(f"{name}-{number}" for number in range(2, len(found) + 3)))
    return next(each for each in names if each not in taken and each != ALERTMANAGER)
