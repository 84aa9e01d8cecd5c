"""Work in a thread of its own, so that whoever waits for it can give up at any moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from watchdog.base.clock import Clock

T = TypeVar("T")

# How long a wait may go on after a cancellation: a fifth of what people notice.
POLL_SECONDS = 0.04


class CancelledError(Exception):
    """The user wants no more of it."""


class SilenceError(Exception):
    """Nothing came for too long."""


class OvertimeError(Exception):
    """The time of the whole is over."""


class Watch:
    """When to stop waiting: a wish, a deadline (of `clock.monotonic()`)."""

    def __init__(self, clock: Clock, cancelled: Callable[[], bool], deadline: float) -> None:
        self.clock = clock
        self._cancelled = cancelled
        self._deadline = deadline

    def check(self) -> None:
        """Raise CancelledError or OvertimeError when it is time."""
        if self._cancelled():
            raise CancelledError
        if self.clock.monotonic() > self._deadline:
            raise OvertimeError

    def rest(self, seconds: float) -> None:
        """Wait, unless it is time to stop."""
        until = self.clock.monotonic() + seconds
        while self.clock.monotonic() < until:
            self.check()
            self.clock.sleep(POLL_SECONDS)


class Pump(Generic[T]):
    """Reads `source()` in a daemon thread. The thread is left behind when nobody waits any more: it ends by itself."""

    def __init__(self, source: Callable[[], Iterable[T]], name: str) -> None:
        self._source = source
        self._queue: SimpleQueue[tuple[T] | BaseException | None] = SimpleQueue()
        self._left = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            with closing(iter(self._source())) as items:  # type: ignore[type-var] # generators have close()
                for item in items:
                    self._queue.put((item,))
                    if self._left:
                        break
        except BaseException as error:  # noqa: BLE001 (raised again in the thread that waits)
            self._queue.put(error)
        else:
            self._queue.put(None)

    def items(self, watch: Watch, silence_seconds: float) -> Iterator[T]:
        """What comes, as it comes.

        Raises what the source raised, SilenceError after `silence_seconds` without anything, and what `watch` does.
        """
        while (got := self._next(watch, silence_seconds)) is not None:
            yield got[0]

    def _next(self, watch: Watch, silence_seconds: float) -> tuple[T] | None:
        heard = watch.clock.monotonic()
        while True:
            watch.check()
            try:
                got = self._queue.get(timeout=POLL_SECONDS)
            except Empty:
                if watch.clock.monotonic() - heard > silence_seconds:
                    raise SilenceError from None
                continue
            if isinstance(got, BaseException):
                raise got
            return got

    def leave(self, seconds: float = 0.1) -> bool:
        """Say that nobody waits any more, and whether the thread ended within `seconds`."""
        self._left = True
        self._thread.join(seconds)
        return not self._thread.is_alive()
