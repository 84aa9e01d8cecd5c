"""Time as a dependency: nothing below the entry points asks the operating system for it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Wall clock (aware, UTC), monotonic clock (seconds) and sleep (seconds)."""

    def now(self) -> datetime:
        """The instant, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards; only differences mean something."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The instant, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class FakeClock:
    """A clock that only moves when told: for tests and replays."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._monotonic = 0.0

    def now(self) -> datetime:
        """The instant it was moved to."""
        return self._now

    def monotonic(self) -> float:
        """Seconds slept or moved so far."""
        return self._monotonic

    def sleep(self, seconds: float) -> None:
        """Move both clocks forward at once."""
        self._monotonic += seconds
        self._now += timedelta(seconds=seconds)

    def jump(self, by: timedelta) -> None:
        """Move the wall clock alone, as NTP or an operator does."""
        self._now += by


def floor_to(instant: datetime, step: timedelta) -> datetime:
    """`instant` rounded down to a multiple of `step` since the Unix epoch, in UTC."""
    micros = step // timedelta(microseconds=1)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    since = (instant - epoch) // timedelta(microseconds=1)
    return epoch + timedelta(microseconds=since // micros * micros)
