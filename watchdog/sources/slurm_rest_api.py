"""slurmrestd: which versions it speaks, how it says no, and how to ask it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests

from watchdog.base.clock import Clock
from watchdog.base.errors import (
    ConfigError,
    SourceAuthError,
    SourceError,
    SourceFormatError,
    SourceUnavailableError,
)
from watchdog.sources.http import Advice, Answer, Credentials, Limits, fetch, new_session, refused, without_credentials
from watchdog.sources.slurm_socket import UnixAdapter

KNOWN = range(36, 46)
_NOTHING_FOUND = 9003
_PATH = re.compile(r'"(/slurm(?:db)?/v0\.0\.(\d+)/(?:jobs|nodes|partitions)/?)"')
_AUTH = ("auth", "credential", "token", "protocol authentication", "permission")


class Api:
    """One slurmrestd, at `http://head:6820` or `unix:///run/slurmrestd.sock`.

    Raises:
        ConfigError: the address is neither.
    """

    def __init__(self, clock: Clock, url: str, user: str, token: str, timeout_seconds: float) -> None:
        self._clock = clock
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https", "unix"} or not (parts.netloc or parts.path):
            raise ConfigError("slurmrestd has no URL that can be read", hint="http://head:6820 or unix:///path/socket.")
        self.name = f"slurmrestd {without_credentials(url) if parts.netloc else parts.path}"
        self._base = "http://localhost" if parts.scheme == "unix" else url.rstrip("/")
        self._session = _session(parts.path if parts.scheme == "unix" else "", user, token)
        self._limits = Limits(timeout_seconds)
        self._advice = Advice(
            name=self.name,
            auth="Both user and token are needed: WATCHDOG_SLURM_REST_USER and WATCHDOG_SLURM_REST_TOKEN "
            "(scontrol token username=… lifespan=…); tokens expire.",
            address="See that slurmrestd runs and listens there: WATCHDOG_SLURM_REST_URL.",
            certificate="Check the certificate in front of slurmrestd.",
        )
        self._paths: dict[str, str] = {}
        self.version = 0

    def get(self, what: str, parameters: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 (decoded JSON)
        """The decoded answer to "slurm/jobs", "slurm/nodes", "slurmdb/jobs"…; None for 304 "nothing changed".

        Raises:
            SourceError: no answer, a refusal, or errors in the answer.
        """
        if not self.serves(what):
            raise SourceFormatError(f"{self.name} has no {what}", hint="Start it with the plugins slurmctld, slurmdbd.")
        query = f"?{urlencode(parameters)}" if parameters else ""
        answer = self._fetch(self._paths[what] + query)
        if answer.status == 404:
            # Upgraded under us: its versions are other ones now.
            self._paths = {}
        return self._decoded(answer)

    def serves(self, what: str) -> bool:
        """Whether it answers such questions at all; finds out its version first, if that is not known."""
        if not self._paths:
            self._discover()
        return what in self._paths

    def _discover(self) -> None:
        """Take the newest version that both sides know, from the server's own description."""
        answer = self._fetch("/openapi")
        if answer.status == 404:
            answer = self._fetch("/openapi/v3")
        error = refused(answer.status, answer.body, self._advice)
        if error:
            raise error
        found = _PATH.findall(answer.body.decode("utf-8", "replace").replace("\\/", "/"))
        versions = {int(version) for path, version in found if path.startswith("/slurm/") and "jobs" in path}
        if not versions & set(KNOWN):
            raise SourceFormatError(
                f"{self.name} speaks none of v0.0.{KNOWN[0]} to v0.0.{KNOWN[-1]}, but {sorted(versions)[:9]}",
                hint="Is it a slurmrestd, with the slurmctld plugin loaded?",
            )
        self.version = max(versions & set(KNOWN))
        for path, version in found:
            if int(version) == self.version:
                _, kind, _, name, *_ = path.split("/")
                self._paths[f"{kind}/{name}"] = path

    def _fetch(self, path: str) -> Answer:
        return fetch(self._session, self._base + path, self._limits, self._advice, self._clock)

    def _decoded(self, answer: Answer) -> Any:  # noqa: ANN401
        if answer.status == 304:
            return None
        body = _json(answer.body)
        errors = body.get("errors") if isinstance(body, dict) else None
        first = next((error for error in errors or () if isinstance(error, dict)), None)
        if first is not None and _number(first) == _NOTHING_FOUND:
            return body
        if first is not None:
            raise self._said_no(answer.status, first)
        error = refused(answer.status, answer.body, self._advice)
        if error:
            raise error
        if not isinstance(body, dict):
            raise SourceFormatError(f"{self.name} sent no JSON", hint=self._advice.address)
        return body

    def _said_no(self, status: int, error: Mapping[str, Any]) -> SourceError:
        words = " ".join(str(error.get(key) or "") for key in ("description", "error")).strip()
        message = f"{self.name} answered {status}: {words[:300]} ({_number(error)})"
        if status in (401, 403, 511) or any(word in words.lower() for word in _AUTH):
            return SourceAuthError(message, hint=self._advice.auth)
        if status == 500 and _number(error) == -1:
            # 22.05 answers so to a bad token as well as to any trouble.
            return SourceUnavailableError(message, hint=f"{self._advice.auth} Or slurmctld does not answer.")
        return SourceUnavailableError(message, hint="See that slurmctld and slurmdbd run: scontrol ping.")


def _session(socket_path: str, user: str, token: str) -> requests.Session:
    """Headers only where there is something to say: a local socket knows us by our process."""
    headers = {"X-SLURM-USER-NAME": user, "X-SLURM-USER-TOKEN": token}
    session = new_session(Credentials({name: value for name, value in headers.items() if value}))
    if socket_path:
        session.mount("http://", UnixAdapter(socket_path))
    return session


def _json(body: bytes) -> Any:  # noqa: ANN401
    """The decoded body; names may hold bytes that are no UTF-8. None if it is no JSON."""
    try:
        return json.loads(body.decode("utf-8", "replace"), strict=False)
    except ValueError:
        return None


def _number(error: Mapping[str, Any]) -> int:
    number = error.get("error_number", error.get("errno", 0))
    return number if isinstance(number, int) else 0
