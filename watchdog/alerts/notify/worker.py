"""Delivers one channel's messages, in a thread of its own: a channel that hangs keeps no other waiting."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from watchdog.alerts.notify.channel import DEADLINE_SECONDS, Channel, send_within
from watchdog.alerts.notify.ledger import Due, Ledger
from watchdog.alerts.notify.letter import Letter, held_back, letter
from watchdog.alerts.notify.patience import GIVE_UP_AFTER, Rate, delay, pause
from watchdog.base.clock import Clock
from watchdog.base.errors import NotDeliveredError
from watchdog.model.alert_changes import Outgoing
from watchdog.store.outbox import after_delivery, after_failure

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WorkerState:
    """How a channel has done since this process began.

    Attributes:
        delivered, failed, gave_up: messages that arrived, attempts that failed, messages given up.
        failures: attempts that failed since the last success.
        error: of the last attempt; '' when it went well.
    """

    delivered: int = 0
    failed: int = 0
    gave_up: int = 0
    failures: int = 0
    success_at: datetime | None = None
    failed_at: datetime | None = None
    error: str = ""


class Worker:
    """One channel's."""

    def __init__(
        self, channel: Channel, ledger: Ledger, clock: Clock, per_minute: int, deadline: float = DEADLINE_SECONDS
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            channel: where messages go.
            ledger: which.
            clock: time.
            per_minute: the most sends a minute, where people read the channel.
            deadline: seconds until an attempt has failed, whatever the receiver does.
        """
        self.channel, self._ledger, self._clock, self._deadline = channel, ledger, clock, deadline
        self._rate = Rate(per_minute) if channel.limited else None
        self._awake = threading.Event()
        self._resume_at = 0.0
        self._lock = threading.Lock()
        self.state = WorkerState()

    def wake(self) -> None:
        """There may be something to send."""
        self._awake.set()

    def resume(self) -> None:
        """Try again at once, whatever failed before."""
        self._resume_at = 0.0
        self.wake()

    @property
    def unwritten(self) -> bool:
        """Whether outcomes wait for the store."""
        return self._ledger.unwritten

    def note(self, error: str) -> None:
        """How a test went; where it went well, what waits is tried at once."""
        now = self._clock.now()
        with self._lock:
            if error:
                self.state = replace(self.state, failed_at=now, error=error)
                return
            self.state = replace(self.state, success_at=now, failures=0, error="")
        self.resume()

    def run(self, stop: threading.Event) -> None:
        """Send what is due whenever woken, until `stop` is set."""
        while not stop.is_set():
            if self._awake.wait(timeout=0.2):
                self._awake.clear()
                self.turn(stop)

    def turn(self, stop: threading.Event) -> None:
        """Send what is due now; after a failure the rest waits a little."""
        if self._clock.monotonic() < self._resume_at:
            return
        due = sorted(self._ledger.due(self._clock.now()), key=_order)
        alone, together = self._rate.split(due, self._clock.monotonic()) if self._rate else (due, ())
        for each in alone:
            if stop.is_set() or not self._deliver(letter(each.message), [each], due):
                return
        if together and not stop.is_set():
            self._deliver(held_back([each.message for each in together]), together, due)

    def _deliver(self, what: Letter, told: Sequence[Due], due: Sequence[Due]) -> bool:
        if self._rate:
            self._rate.sent(self._clock.monotonic())
        try:
            send_within(self.channel, what, self._deadline)
        except NotDeliveredError as error:
            self._failed(str(error), told, due)
            return False
        now = self._clock.now()
        with self._lock:
            count = self.state.delivered + len(told)
            self.state = replace(self.state, delivered=count, failures=0, success_at=now, error="")
        self._ledger.record([after_delivery(each.outgoing, now) for each in told])
        return True

    def _failed(self, error: str, told: Sequence[Due], due: Sequence[Due]) -> None:
        now = self._clock.now()
        if error != self.state.error:
            _log.warning("channel %s: %s", self.channel.name, error)
        tried = {each.outgoing.message_id for each in told}
        # What is too old to be tried again is given up along with it: each attempt may take long.
        old = [each for each in due if each.outgoing.message_id not in tried and _too_old(each.outgoing, now)]
        changed = [_after(each.outgoing, now, error) for each in (*told, *old)]
        with self._lock:
            self.state = replace(
                self.state,
                failed=self.state.failed + 1,
                gave_up=self.state.gave_up + sum(each.failed_at is not None for each in changed),
                failures=self.state.failures + 1,
                failed_at=now,
                error=error,
            )
        self._resume_at = self._clock.monotonic() + pause(self.state.failures).total_seconds()
        self._ledger.record(changed)


def _order(each: Due) -> tuple[bool, int]:
    # What was refused before goes last, as it may be the message that is at fault; then the worst first.
    return each.outgoing.attempts > 0, -each.message.incident.severity.rank


def _after(outgoing: Outgoing, now: datetime, error: str) -> Outgoing:
    again_at = None if _too_old(outgoing, now) else now + delay(outgoing.attempts + 1)
    return after_failure(outgoing, now, error, again_at)


def _too_old(outgoing: Outgoing, now: datetime) -> bool:
    return now - outgoing.created_at >= GIVE_UP_AFTER
