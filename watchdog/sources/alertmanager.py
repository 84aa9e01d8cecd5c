"""Alertmanager's API, version 2: posting alerts, and reading those that are there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

from watchdog.base.clock import Clock
from watchdog.base.errors import ConfigError, SourceFormatError
from watchdog.sources import http

_PATH = "/api/v2/alerts"
_SECONDS, _SIZE = 10.0, 32 << 20
# As Prometheus does, so that no request grows without bound.
_AT_ONCE = 256

Alert = Mapping[str, Any]


class AlertmanagerApi:
    """One Alertmanager. Any number of threads may ask.

    Every method may raise SourceError (no answer, a refusal) and ConfigError (a certificate that cannot be read).
    """

    def __init__(
        self, url: str, clock: Clock, *, token: str = "", ca_file: str = "", seconds: float = _SECONDS
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            url: its base URL, without /api/v2; it may hold user and password.
            clock: time.
            token: for `Authorization: Bearer`.
            ca_file: to check its certificate with.
            seconds: longest wait for an answer.

        Raises:
            ConfigError: the URL cannot be read.
        """
        if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
            raise ConfigError("alertmanager_url has no URL that can be read", hint="As http://alertmanager:9093.")
        self.url = http.without_credentials(url)
        self.name = f"Alertmanager {self.url}"
        self._clock, self._limits = clock, http.Limits(seconds, _SIZE)
        self._session = http.new_session(_credentials(url, token, ca_file))
        self._advice = http.Advice(
            name=self.name,
            auth="Set WATCHDOG_ALERTMANAGER_TOKEN, or user and password in WATCHDOG_ALERTMANAGER_URL.",
            address="See WATCHDOG_ALERTMANAGER_URL (the base URL, without /api/v2), and whether it runs.",
            certificate="See WATCHDOG_ALERTMANAGER_CA_FILE.",
        )

    def post(self, alerts: Sequence[Alert]) -> None:
        """Give it alerts, as the API writes them (`postableAlert`)."""
        for first in range(0, len(alerts), _AT_ONCE):
            body = json.dumps(alerts[first : first + _AT_ONCE]).encode()
            self._ask(self.url + _PATH, body)

    def alerts(self, *matchers: str) -> list[dict[str, Any]]:
        """The alerts that are open there and match all of these (`name="value"`), as the API writes them."""
        query = urlencode([("filter", each) for each in matchers])
        answer = self._ask(f"{self.url}{_PATH}?{query}" if query else self.url + _PATH)
        try:
            found = json.loads(answer.body)
        except ValueError:
            found = None
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise SourceFormatError(f"{self.name} did not send a list of alerts", hint=self._advice.address)
        return found

    def _ask(self, url: str, body: bytes | None = None) -> http.Answer:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        answer = http.fetch(self._session, url, self._limits, self._advice, self._clock, data=body, headers=headers)
        if error := http.refused(answer.status, answer.body, self._advice):
            raise error
        return answer


def matcher(name: str, value: str) -> str:
    """`name="value"`, quoted as Alertmanager reads it."""
    quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{name}="{quoted}"'


def _credentials(url: str, token: str, ca_file: str) -> http.Credentials:
    basic = http.user_of(url)
    if token:
        return http.Credentials({"Authorization": f"Bearer {token}"}, ca_file)
    return http.Credentials({"Authorization": http.basic_header(*basic)} if basic else {}, ca_file)
