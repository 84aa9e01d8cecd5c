"""A sign of life sent out, so that somebody else notices when the watchdog falls silent."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from watchdog.base.beat import beats
from watchdog.base.clock import Clock
from watchdog.base.errors import ConfigError, SourceError
from watchdog.sources import http

_log = logging.getLogger(__name__)
INTERVAL_SECONDS = 60.0
_LIMITS = http.Limits(seconds=15.0, size=1 << 20)
_NAME = "the receiver of heartbeats"
_NO_POST = (404, 405, 501)


@dataclass(frozen=True)
class HeartbeatState:
    """How the last sign of life went; all empty before the first.

    Attributes:
        sent_at: when one arrived last.
        held_back: why none is sent just now: the watch is not sound.
        error: why the last one did not arrive.
    """

    sent_at: datetime | None = None
    held_back: str = ""
    error: str = ""


class Heartbeat:
    """Pings a URL every minute, but only while the watch is sound."""

    def __init__(self, url: str, clock: Clock, problem: Callable[[], str]) -> None:
        """Prepare; nothing is sent yet.

        Args:
            url: where to; it holds a secret.
            clock: time.
            problem: why the watch should not be trusted just now; '' if it should.
        """
        self._url, self._clock, self._problem = url, clock, problem
        self._session = http.new_session(http.Credentials())
        self._advice = http.Advice(_NAME, *(["See WATCHDOG_HEARTBEAT_URL."] * 3))
        self._by_get = False
        self.state = HeartbeatState()

    def run(self, stop: threading.Event) -> None:
        """Ping until `stop` is set."""
        for _ in beats(self._clock, INTERVAL_SECONDS, stop):
            self.beat()

    def beat(self) -> None:
        """Ping once, if the watch is sound; what goes wrong is in `state`."""
        problem, before = self._problem(), self.state
        if problem:
            self.state = replace(before, held_back=problem)
        else:
            try:
                self._ping()
            except (SourceError, ConfigError) as error:
                self.state = replace(before, held_back="", error=str(error))
            else:
                self.state = HeartbeatState(self._clock.now())
        told = (self.state.held_back, self.state.error)
        if any(told) and told != (before.held_back, before.error):
            _log.warning("no heartbeat: %s", self.state.held_back or self.state.error)

    def _ping(self) -> None:
        # POST with a line of text is what push gateways need and others accept; the rest is asked by GET.
        answer = None if self._by_get else self._ask(self._line())
        if answer is None or answer.status in _NO_POST:
            answer, self._by_get = self._ask(None), True
        if error := http.refused(answer.status, b"", self._advice):
            self._by_get = False
            raise error

    def _line(self) -> bytes:
        return f"watchdog_heartbeat_timestamp_seconds {self._clock.now().timestamp():.0f}\n".encode()

    def _ask(self, body: bytes | None) -> http.Answer:
        return http.fetch(
            self._session,
            self._url,
            _LIMITS,
            self._advice,
            self._clock,
            data=body,
            headers={"Content-Type": "text/plain"},
        )
