"""A Prometheus-compatible HTTP API: one query, one answer, with retries and our own errors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from watchdog.base.clock import Clock
from watchdog.base.config import Config
from watchdog.base.errors import (
    ConfigError,
    SourceAuthError,
    SourceError,
    SourceFormatError,
    SourceLimitError,
    SourceUnavailableError,
)
from watchdog.model.telemetry import SourceStatus
from watchdog.sources import http
from watchdog.sources.decode import Series, decoded, error_text

_TRIES = 3
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 5.0
# Words of servers that were asked too much, whatever status they chose.
_TOO_MUCH = ("too many", "exceeded maximum resolution", "exceeds", "limit", "err-mimir-max", "too large")


class BusyError(SourceLimitError):
    """429: the same question may be answered later."""

    retry_after = 0.0


class QueryTimeoutError(SourceUnavailableError):
    """The server cut the query off; it would do so again."""


class QueryTooLargeError(SourceLimitError):
    """Fewer series or a shorter window might be answered."""


Order = Callable[[list[bytes]], list[int]]


@dataclass(frozen=True)
class Query:
    """A question: instant (`time`) or range (`start`, `end`, `step`), as the API's form fields.

    Attributes:
        raw: the answer's instants are those of samples, not of the evaluation.
    """

    path: str
    form: Mapping[str, str]
    raw: bool = False


class PromApi:
    """Asks one server. Any number of threads may."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self._clock = clock
        self.url = http.without_credentials(config.prometheus_url)
        self.name = f"Prometheus {self.url}"
        self._timeout = config.prometheus_timeout_seconds
        self.advice = http.Advice(
            name=self.name,
            auth="Set WATCHDOG_PROMETHEUS_TOKEN, or WATCHDOG_PROMETHEUS_USER and WATCHDOG_PROMETHEUS_PASSWORD.",
            address="See WATCHDOG_PROMETHEUS_URL (the base URL, without /api/v1), and whether the server runs.",
            certificate="See WATCHDOG_PROMETHEUS_CA_FILE, WATCHDOG_PROMETHEUS_CERT_FILE and _KEY_FILE.",
        )
        self.credentials = _credentials(config)
        self.session = http.new_session(self.credentials)
        self._encoding = ""
        self._lock = threading.Lock()
        self._status = SourceStatus(self.name)

    def status(self) -> SourceStatus:
        """How the last query went."""
        with self._lock:
            return self._status

    def query(self, query: Query, order: Order | None = None) -> Series:
        """The series of an answer.

        Raises:
            SourceAuthError: 401 or 403.
            SourceLimitError: more samples, points or series than the server gives at once.
            SourceUnavailableError: no answer in time, even when asked again.
            SourceFormatError: an answer of something else than a Prometheus-compatible server.
        """
        began_at, began = self._clock.now(), self._clock.monotonic()
        try:
            answer = self._answer(query, began + self._timeout)
            series = decoded(answer.body, order)
        except (SourceError, ConfigError) as error:
            self.failed(began_at, error)
            raise
        self._succeeded(began_at, began, series, answer, query)
        return series

    def failed(self, began_at: datetime, error: SourceError | ConfigError) -> None:
        """Note an error for the status."""
        with self._lock:
            self._status = replace(self._status, last_attempt_at=began_at, samples=0, error=str(error), hint=error.hint)

    def _succeeded(self, began_at: datetime, began: float, series: Series, answer: http.Answer, query: Query) -> None:
        now = self._clock.now()
        newest = int(series.at_micros.max()) / 1e6 if query.raw and len(series) else 0.0
        with self._lock:
            before = self._status
            known = before.newest_sample_at.timestamp() if before.newest_sample_at else 0.0
            self._status = replace(
                before,
                last_attempt_at=began_at,
                last_success_at=now,
                duration_seconds=self._clock.monotonic() - began,
                samples=len(series),
                newest_sample_at=datetime.fromtimestamp(newest, now.tzinfo)
                if newest > known
                else before.newest_sample_at,
                error="",
                hint="",
                clock_skew_seconds=(answer.server_time - now).total_seconds() if answer.server_time else None,
                note="; ".join(series.remarks),
            )

    def _answer(self, query: Query, until: float) -> http.Answer:
        """A successful answer; a server that is busy or away for a moment is asked again."""
        pause = _FIRST_PAUSE
        for attempt in range(1, _TRIES + 1):
            try:
                answer = self._ask(query, max(until - self._clock.monotonic(), 0.001))
                self._refuse(answer)
            except http.AnswerLateError:
                raise
            except (SourceUnavailableError, BusyError) as error:
                wait = getattr(error, "retry_after", 0.0) or pause
                final = isinstance(error, QueryTimeoutError) or attempt == _TRIES
                if final or self._clock.monotonic() + wait >= until:
                    raise
                self._clock.sleep(wait)
                pause *= 2
            else:
                return answer
        raise AssertionError("the last try returns or raises")

    def _refuse(self, answer: http.Answer) -> None:
        error = self.refused(answer.status, answer.body)
        if isinstance(error, BusyError):
            error.retry_after = _retry_after(answer)
        if error is not None:
            raise error

    def _ask(self, query: Query, left: float) -> http.Answer:
        self._encoding = self._encoding or http.encoding_for(self.url)
        # VictoriaMetrics moves start and end to multiples of the step unless nocache=1.
        form = {**query.form, "timeout": f"{max(1, int(left))}s", "nocache": "1"}
        return http.fetch(
            self.session,
            f"{self.url}{query.path}",
            http.Limits(left),
            self.advice,
            self._clock,
            data=form,
            headers={"Accept-Encoding": self._encoding},
        )

    @property
    def address_hint(self) -> str:
        """What to look at when something else than Prometheus answers."""
        return self.advice.address

    def refused(self, status: int, body: bytes) -> SourceError | None:
        """The error of a refusing answer, in the server's words; None for success."""
        if 200 <= status < 300:
            return None
        kind, text = error_text(body)
        what = f"{self.name} answered {status}: {text}"
        if status == 401 and "org id" in text:
            return SourceAuthError(what, hint="Set WATCHDOG_PROMETHEUS_ORG_ID to your tenant.")
        if status in (400, 422) and any(word in text.lower() for word in _TOO_MUCH):
            return QueryTooLargeError(what, hint="Ask for a shorter window or a longer step.")
        if kind == "timeout":
            return QueryTimeoutError(what, hint="The server cut the query off: ask for a shorter window.")
        if status == 429:
            return BusyError(what, hint="The server is busy: ask less often, or raise its limits.")
        if status == 400:
            return SourceFormatError(what, hint="The server does not understand the query: is its version very old?")
        return http.refused(status, text.encode(), self.advice)


def _retry_after(answer: http.Answer) -> float:
    text = answer.headers.get("Retry-After", "")
    return min(float(text), _LONGEST_PAUSE) if text.isascii() and text.isdigit() else 0.0


def _credentials(config: Config) -> http.Credentials:
    headers = dict(_headers(config.prometheus_headers))
    if config.prometheus_org_id:
        headers["X-Scope-OrgID"] = config.prometheus_org_id
    basic = (config.prometheus_user, config.prometheus_password) if config.prometheus_user else None
    basic = basic or http.user_of(config.prometheus_url)
    if config.prometheus_token:
        headers["Authorization"] = f"Bearer {config.prometheus_token}"
    elif basic:
        headers["Authorization"] = http.basic_header(*basic)
    if bool(config.prometheus_cert_file) != bool(config.prometheus_key_file):
        raise ConfigError(
            "mutual TLS needs a certificate and its key",
            hint="Set both WATCHDOG_PROMETHEUS_CERT_FILE and WATCHDOG_PROMETHEUS_KEY_FILE.",
        )
    pair = (config.prometheus_cert_file, config.prometheus_key_file) if config.prometheus_cert_file else None
    return http.Credentials(headers, config.prometheus_ca_file, pair)


def _headers(text: str) -> list[tuple[str, str]]:
    """`Name: value; Name: value` as pairs."""
    pairs = [(name.strip(), value.strip()) for name, _, value in (part.partition(":") for part in text.split(";"))]
    if any(bool(name) != bool(value) for name, value in pairs):
        raise ConfigError(
            "prometheus_headers cannot be read", hint="Write WATCHDOG_PROMETHEUS_HEADERS as `Name: value; Name: value`."
        )
    return [pair for pair in pairs if pair[0]]
