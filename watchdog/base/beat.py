"""A schedule that does not drift: the loops of this program share it."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator

from watchdog.base.clock import Clock


def beats(clock: Clock, interval_seconds: float, stop: threading.Event) -> Iterator[None]:
    """Give a turn at once and then at every multiple of the interval, until `stop` is set.

    A turn that takes longer than the interval skips the ones it missed.
    """
    first, done = clock.monotonic(), 0
    while not stop.is_set():
        yield
        passed = (clock.monotonic() - first) / interval_seconds
        done = max(done + 1, math.ceil(passed))
        stop.wait(first + done * interval_seconds - clock.monotonic())
