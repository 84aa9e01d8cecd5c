"""HTTP as sources need it: a deadline for the whole answer, a limit to its size, and our own errors.

Messages never hold a token, a header or a URL with credentials: foreign exceptions quote such things, so
only their kind is told.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote, urlsplit, urlunsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from watchdog.base.clock import Clock
from watchdog.base.errors import (
    ConfigError,
    SourceAuthError,
    SourceError,
    SourceFormatError,
    SourceLimitError,
    SourceUnavailableError,
)


class AnswerLateError(SourceUnavailableError):
    """No answer, or only part of one, in the time there was."""


_CHUNK = 1 << 20
_CONNECT_SECONDS = 5.0
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True)
class Answer:
    """What a server said: status, headers, body, and when it says it is."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    server_time: datetime | None = None


@dataclass(frozen=True)
class Limits:
    """How long and how large an answer may be."""

    seconds: float
    size: int = 1 << 30


@dataclass(frozen=True)
class Advice:
    """What to tell people when this peer refuses, by kind of refusal."""

    name: str
    auth: str
    address: str
    certificate: str


@dataclass(frozen=True)
class Credentials:
    """How we show who we are; never shown."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca_file: str = ""
    certificate: tuple[str, str] | None = None


def new_session(credentials: Credentials, connections: int = 8) -> requests.Session:
    """A session with these credentials that any thread may use."""
    session = requests.Session()
    adapter = HTTPAdapter(pool_connections=4, pool_maxsize=connections)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    # Neither ~/.netrc nor proxies of the environment decide what a watchdog reads.
    session.trust_env = False
    session.headers.update(credentials.headers)
    session.verify = credentials.ca_file or True
    session.cert = credentials.certificate
    return session


def fetch(
    session: requests.Session,
    url: str,
    limits: Limits,
    advice: Advice,
    clock: Clock,
    *,
    data: Mapping[str, str | list[str]] | bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """GET, or POST a form or a body with `data`; whatever status comes back is an Answer.

    Raises:
        SourceUnavailableError: nobody answers, or not in time, or only half.
        SourceLimitError: the answer is larger than allowed.
        SourceFormatError: the answer is not HTTP as it should be.
        ConfigError: a header, URL or certificate cannot be used.
    """
    until = clock.monotonic() + limits.seconds
    timeout = (min(_CONNECT_SECONDS, limits.seconds), limits.seconds)
    try:
        with session.request(
            "GET" if data is None else "POST",
            url,
            data=data,
            headers=headers,
            timeout=timeout,
            stream=True,
            allow_redirects=False,
        ) as response:
            body = _body(response, until, limits, advice, clock)
            return Answer(response.status_code, response.headers, body, _date(response.headers.get("Date", "")))
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise translated(error, advice) from None


def _body(response: requests.Response, until: float, limits: Limits, advice: Advice, clock: Clock) -> bytes:
    chunks, size = [], 0
    while chunk := response.raw.read1(_CHUNK, decode_content=True):
        chunks.append(chunk)
        size += len(chunk)
        if size > limits.size:
            raise SourceLimitError(f"{advice.name} sent more than {limits.size >> 20} MiB", hint=advice.address)
        if clock.monotonic() > until:
            raise AnswerLateError(
                f"{advice.name} did not finish its answer within {limits.seconds:g} s", hint=advice.address
            )
    return b"".join(chunks)


def translated(error: Exception, advice: Advice) -> SourceError | ConfigError:
    """Our error for one of requests, urllib3 or the operating system."""
    for kinds, ours, text, hint in _TRANSLATIONS:
        if isinstance(error, kinds):
            words = text.format(reason=_reason(error)) if "{reason}" in text else text
            return ours(f"{advice.name} {words}", hint=getattr(advice, hint))
    return SourceUnavailableError(f"{advice.name} does not answer: {type(error).__name__}", hint=advice.address)


def _reason(error: Exception) -> str:
    text = str(error)
    if "refused" in text:
        return "connection refused"
    if "resolve" in text or "Name or service" in text or "getaddrinfo" in text:
        return "the host name is unknown"
    return "broken off" if "reset" in text or "RemoteDisconnected" in text else "no connection"


def refused(status: int, body: bytes, advice: Advice) -> SourceError | None:
    """The error of a refusing status; None for success."""
    if 200 <= status < 300:
        return None
    said = excerpt(body)
    what = f"{advice.name} answered {status}" + (f": {said}" if said else "")
    if status in (401, 403):
        return SourceAuthError(what, hint=advice.auth)
    if status in (413, 422, 429):
        return SourceLimitError(what, hint="The server is busy or finds the question too large: try a shorter window.")
    if status >= 500:
        return SourceUnavailableError(what, hint="The server has trouble: look at its log.")
    if status in _REDIRECTS:
        return SourceFormatError(f"{advice.name} sends us elsewhere ({status})", hint=advice.address)
    return SourceFormatError(what, hint=advice.address)


def excerpt(body: bytes, most: int = 200) -> str:
    """The first words of a body for people, without tags."""
    text = re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", body[:4000].decode("utf-8", "replace"), flags=re.DOTALL)
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


def without_credentials(url: str) -> str:
    """`url` for people: no user, password or query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")).rstrip("/")


def encoding_for(url: str) -> str:
    """Accept-Encoding: packing costs a server more than a near network saves (4x, measured)."""
    return "identity" if is_near(urlsplit(url).hostname or "") else "gzip"


def is_near(host: str) -> bool:
    """Whether `host` is this machine or in a private network."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if host == "localhost" or "." not in host:
            return True
        try:
            address = ipaddress.ip_address(socket.getaddrinfo(host, None)[0][4][0])
        except (OSError, UnicodeError):
            return False
    return address.is_private or address.is_loopback or address.is_link_local


# First fit wins. `test_http.py` fails when a library grows an exception that is not here.
_TRANSLATIONS: tuple[tuple[tuple[type[Exception], ...], type[SourceError] | type[ConfigError], str, str], ...] = (
    (
        (requests.exceptions.SSLError, urllib3.exceptions.SSLError),
        SourceUnavailableError,
        "failed the TLS handshake",
        "certificate",
    ),
    (
        (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError),
        AnswerLateError,
        "did not answer in time",
        "address",
    ),
    (
        (requests.exceptions.ContentDecodingError, urllib3.exceptions.DecodeError),
        SourceFormatError,
        "sent an answer that cannot be unpacked",
        "address",
    ),
    ((requests.ConnectionError,), SourceUnavailableError, "does not answer: {reason}", "address"),
    (
        (
            requests.exceptions.ChunkedEncodingError,
            urllib3.exceptions.ProtocolError,
            urllib3.exceptions.IncompleteRead,
            urllib3.exceptions.InvalidChunkLength,
        ),
        SourceUnavailableError,
        "broke off in the middle of its answer",
        "address",
    ),
    (
        (requests.exceptions.InvalidHeader, UnicodeError),
        ConfigError,
        "cannot be sent a token or header that holds such characters",
        "auth",
    ),
    (
        (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema, requests.exceptions.InvalidSchema),
        ConfigError,
        "has no URL that can be read",
        "address",
    ),
    (
        (requests.RequestException, urllib3.exceptions.HTTPError),
        SourceUnavailableError,
        "does not answer: {reason}",
        "address",
    ),
    ((OSError,), ConfigError, "has a certificate file that cannot be read", "certificate"),
    ((ValueError,), ConfigError, "has no URL that can be read", "address"),
)


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo else None


def basic_header(user: str, password: str) -> str:
    """The Authorization header of basic authentication; requests' own takes latin-1 only."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def user_of(url: str) -> tuple[str, str] | None:
    """User and password in a URL."""
    parts = urlsplit(url)
    return (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
