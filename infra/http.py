"""HTTP as RunPod wants it: a User-Agent, a pace, `Retry-After`, and our own errors, none of which holds the key."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import requests
import urllib3

from infra import errors
from infra.pace import Pace
from infra.wire import Problem
from watchdog import __version__
from watchdog.base.clock import Clock
from watchdog.base.errors import ConfigError, InfraError

# The bare agents of Python are turned away by RunPod's Cloudflare (403, "error code: 1010").
AGENT = f"gpu-watchdog/{__version__} (python-requests)"
_WORDS = 300


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds: for a connection, for an answer, between tries; and how often to try."""

    connect: float = 5.0
    answer: float = 60.0
    first_pause: float = 1.0
    longest_pause: float = 60.0
    tries: int = 5


class Wire:
    """Requests with one key. Whatever may be sent twice without harm is tried again; the rest never is."""

    def __init__(self, key: str, clock: Clock, patience: Patience | None = None, pace: Pace | None = None) -> None:
        self._clock = clock
        self._patience = patience or Patience()
        self._pace = pace or Pace(clock)
        self._session = requests.Session()
        # Neither ~/.netrc nor a proxy of the environment gets to see the key.
        self._session.trust_env = False
        self._session.headers.update({"Authorization": f"Bearer {key}", "User-Agent": AGENT})

    def send(
        self,
        method: str,
        url: str,
        what: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        again: bool = True,
    ) -> bytes:
        """The body of a good answer.

        Args:
            method: of HTTP.
            url: without a query.
            params: the query.
            body: JSON, or None.
            what: what we want, for messages: "list pods".
            again: whether it may be sent a second time when no answer came.

        Raises:
            InfraError: one of `infra.errors`.
            ConfigError: the key or the address cannot be used.
        """
        for left in reversed(range(self._patience.tries)):
            try:
                answer = self._once(method, url, what, params, body)
            except errors.UnavailableError:
                if not again or not left:
                    raise
                self._clock.sleep(self._pause(left, None))
                continue
            if answer.status_code < 300:
                return answer.content
            refusal = errors.of_answer(answer.status_code, _said(answer), what)
            if not left or not _worth_repeating(refusal, again):
                raise refusal
            self._clock.sleep(self._pause(left, answer.headers.get("Retry-After")))
        raise AssertionError("tries is at least 1")

    def _once(
        self, method: str, url: str, what: str, params: Mapping[str, str] | None, body: bytes | None
    ) -> requests.Response:
        self._pace.wait()
        headers = {"Content-Type": "application/json"} if body is not None else {}
        timeout = (self._patience.connect, self._patience.answer)
        try:
            return self._session.request(
                method, url, params=params, data=body, headers=headers, timeout=timeout, allow_redirects=False
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise translated(error, what) from None

    def _pause(self, left: int, retry_after: str | None) -> float:
        """Seconds: what RunPod asked for, or twice as long each time with some chance in it."""
        if retry_after and retry_after.isdigit():
            return min(float(retry_after), self._patience.longest_pause)
        grown = self._patience.first_pause * 2 ** (self._patience.tries - 1 - left)
        return float(min(grown, self._patience.longest_pause) * random.uniform(0.5, 1))  # noqa: S311 (no secret)


def _worth_repeating(refusal: InfraError, again: bool) -> bool:
    # A request that was turned away for the pace was not carried out: it may always be sent again.
    return isinstance(refusal, errors.LimitError) or (again and isinstance(refusal, errors.UnavailableError))


def translated(error: Exception, what: str) -> InfraError | ConfigError:
    """Our error for one of requests'. Foreign texts quote headers and URLs, so only their kind is told."""
    if isinstance(error, (requests.exceptions.InvalidHeader, UnicodeError)):
        return ConfigError("RUNPOD_API_KEY holds characters that no key has", hint="Copy it again, on one line.")
    if isinstance(error, requests.exceptions.SSLError):
        return errors.UnavailableError(f"could not {what}: the TLS handshake failed", hint="Check clock and network.")
    if isinstance(error, (requests.Timeout, TimeoutError)):
        return errors.UnavailableError(f"could not {what}: no answer in time", hint="Check the network, try again.")
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema)):
        return ConfigError("RUNPOD_API_BASE_URL is no URL", hint="Leave it out to use https://api.runpod.io/v2.")
    if isinstance(error, requests.exceptions.InvalidSchema):
        return ConfigError("RUNPOD_API_BASE_URL is no URL", hint="Leave it out to use https://api.runpod.io/v2.")
    return errors.UnavailableError(
        f"could not {what}: no connection ({type(error).__name__})", hint="Check the network, try again."
    )


def _said(answer: requests.Response) -> str:
    """RunPod's words about a refusal, for people."""
    try:
        problem = msgspec.json.decode(answer.content, type=Problem)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return ""
    words = " ".join("; ".join([problem.detail or problem.title, *problem.errors]).split())
    return words if len(words) <= _WORDS else f"{words[: _WORDS - 1]}…"
