"""What a server has: names of metrics and labels, asked every few minutes through prometheus-api-client."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import requests
from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from requests.adapters import Retry

from watchdog.base.clock import Clock
from watchdog.base.errors import ConfigError, SourceError, SourceFormatError
from watchdog.model.metrics import BY_EXPORTED_NAME
from watchdog.sources import http
from watchdog.sources.identity import GPU_INFO, MIG_INFO, NODE_LABELS, UUID_LABELS
from watchdog.sources.promapi import PromApi

_FRESH_SECONDS = 300.0
# VictoriaMetrics names only what the last day had unless told otherwise.
_PAST = timedelta(days=400)
_AHEAD = timedelta(days=1)
_STATUS = re.compile(r"HTTP Status Code (\d+) \((.*)\)", re.DOTALL)


class Discovery:
    """Names that the server has of what we know. Any thread may ask."""

    def __init__(self, api: PromApi, clock: Clock, timeout_seconds: float) -> None:
        self._api = api
        self._clock = clock
        session = http.new_session(api.credentials)
        session.max_redirects = 0
        self._connect = PrometheusConnect(
            api.url or "http://", session=session, retry=Retry(total=0), timeout=timeout_seconds
        )
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, frozenset[str]]] = {}

    def names(self) -> frozenset[str]:
        """Exported names in our catalogue that the server has."""
        wanted = {*BY_EXPORTED_NAME, GPU_INFO, MIG_INFO}
        return self._remembered("names", lambda span: wanted & set(self._connect.all_metrics(params=span)))

    def labels(self) -> frozenset[str]:
        """Labels by which GPUs and nodes are named there."""
        wanted = {*UUID_LABELS, *NODE_LABELS}
        return self._remembered("labels", lambda span: wanted & set(self._connect.get_label_names(params=span)))

    def _remembered(self, what: str, ask: Callable[[dict[str, str]], set[str]]) -> frozenset[str]:
        with self._lock:
            asked_at, found = self._known.get(what, (-_FRESH_SECONDS, frozenset()))
            # An empty server may fill any moment: its first samples should not wait for minutes.
            if found and self._clock.monotonic() - asked_at < _FRESH_SECONDS:
                return found
            found = frozenset(self._asked(ask))
            self._known[what] = (self._clock.monotonic(), found)
            return found

    def _asked(self, ask: Callable[[dict[str, str]], set[str]]) -> set[str]:
        began_at = self._clock.now()
        span = {
            "start": f"{(began_at - _PAST).timestamp():.0f}",
            "end": f"{(began_at + _AHEAD).timestamp():.0f}",
        }
        try:
            return ask(span)
        except (
            PrometheusApiClientException,
            requests.RequestException,
            OSError,
            ValueError,
            KeyError,
            TypeError,
        ) as error:
            ours = self._translated(error)
            self._api.failed(began_at, ours)
            raise ours from None

    def _translated(self, error: Any) -> SourceError | ConfigError:  # noqa: ANN401 (a foreign exception)
        if isinstance(error, PrometheusApiClientException):
            found = _STATUS.match(str(error))
            status, body = (int(found.group(1)), found.group(2)) if found else (500, "")
            text = body.strip("b'\"").encode().decode("unicode_escape", errors="replace").encode()
            return self._api.refused(status, text) or SourceFormatError(f"{self._api.name} answered oddly")
        if isinstance(error, requests.TooManyRedirects):
            return self._api.refused(302, b"") or SourceFormatError(f"{self._api.name} sends us elsewhere")
        if isinstance(error, (requests.exceptions.JSONDecodeError, KeyError, TypeError)):
            return SourceFormatError(
                f"{self._api.name} did not answer in Prometheus' format", hint=self._api.address_hint
            )
        return http.translated(error, self._api.advice)
