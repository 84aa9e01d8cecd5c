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
_SHOWN = 300
_PASSING = (0, 429, 502, 503, 504)
# Words of servers that were asked too much, whatever status they chose.
_TOO_MUCH = ("too many", "exceeded maximum resolution", "exceeds", "limit", "-search.max", "err-mimir-max", "too large")


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
        for tries_left in reversed(range(_TRIES)):
            answer, error = self._try(query, max(until - self._clock.monotonic(), 0.001))
            if error is None:
                break
            wait = _retry_after(answer) or pause
            if not tries_left or not _may_pass(answer, error) or self._clock.monotonic() + wait >= until:
                raise error
            self._clock.sleep(wait)
            pause *= 2
        return answer

    def _try(self, query: Query, seconds: float) -> tuple[http.Answer, SourceError | None]:
        """An answer and what is wrong with it; status 0 stands for none at all."""
        try:
            answer = self._ask(query, seconds)
        except http.AnswerLateError:
            raise
        except SourceUnavailableError as error:
            return http.Answer(0, {}, b""), error
        return answer, self.refused(answer.status, answer.body)

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
        what = f"{self.name} answered {status}: {_short(text)}"
        if status in (400, 422) and any(word in text.lower() for word in _TOO_MUCH):
            return QueryTooLargeError(what, hint="Ask for a shorter window or a longer step.")
        for applies, ours, hint in (
            (status == 401 and "org id" in text, SourceAuthError, "Set WATCHDOG_PROMETHEUS_ORG_ID to your tenant."),
            (kind == "timeout", SourceUnavailableError, "The server cut the query off: ask for a shorter window."),
            (status == 429, SourceLimitError, "The server is busy: ask less often, or raise its limits."),
            (status == 400, SourceFormatError, "The server does not understand the query: is its version very old?"),
        ):
            if applies:
                return ours(what, hint=hint)
        return http.refused(status, text.encode(), self.advice)


def _short(text: str) -> str:
    """Beginning and end: servers tell the query first and the reason last."""
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]} … {text[-_SHOWN // 2 :]}"


def _may_pass(answer: http.Answer, error: SourceError) -> bool:
    """Whether the same question may well be answered in a moment; not after the server cut the query off."""
    return answer.status in _PASSING and "cut the query off" not in error.hint


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
