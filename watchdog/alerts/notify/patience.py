"""How long to wait after a failure, when to give up, and how many messages a minute people can bear."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar

T = TypeVar("T")

_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (10, 30, 120, 600, 1800))
LONGEST_DELAY = _DELAYS[-1]
GIVE_UP_AFTER = timedelta(hours=24)
# A receiver that is back is found within so long, even where many messages wait for it.
_LONGEST_PAUSE = timedelta(minutes=2)


def delay(failures: int) -> timedelta:
    """How long a message waits after it failed for the `failures`-th time: 10 s, 30 s, 2 min, 10 min, then 30 min."""
    return _DELAYS[min(max(failures, 1), len(_DELAYS)) - 1]


def pause(failures: int) -> timedelta:
    """How long a whole channel waits after so many failures in a row."""
    return min(delay(failures), _LONGEST_PAUSE)


def is_due(next_attempt_at: datetime | None, now: datetime) -> bool:
    """Whether to try; a time further away than any delay was set by a clock that has gone back since."""
    return next_attempt_at is None or not timedelta() < next_attempt_at - now <= LONGEST_DELAY


class Rate:
    """At most `per_minute` sends within any minute."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._sent: deque[float] = deque()

    def sent(self, now: float) -> None:
        """Note a send, at `now` of the monotonic clock in seconds."""
        self._sent.append(now)

    def split(self, due: Sequence[T], now: float) -> tuple[Sequence[T], Sequence[T]]:
        """Those that may go each by itself, and those that go together in one message; the rest waits a little."""
        while self._sent and self._sent[0] <= now - 60:
            self._sent.popleft()
        left = self._per_minute - len(self._sent)
        if len(due) <= left:
            return due, ()
        return (due[: left - 1], due[left - 1 :]) if left > 0 else ((), ())
