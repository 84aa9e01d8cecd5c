"""How fast we may ask RunPod: measured limits are 180 requests a minute and 7,200 an hour for a key."""

from __future__ import annotations

from collections import deque

from watchdog.base.clock import Clock

# Below the limit: Terraform's provider and other programs of the owner use the same key.
PER_MINUTE = 120


class Pace:
    """Waits before a request where the last minute was full."""

    def __init__(self, clock: Clock, per_minute: int = PER_MINUTE) -> None:
        self._clock = clock
        self._most = per_minute
        self._sent: deque[float] = deque()

    def wait(self) -> None:
        """Return when the next request may go."""
        now = self._clock.monotonic()
        while self._sent and now - self._sent[0] >= 60:
            self._sent.popleft()
        if len(self._sent) >= self._most:
            self._clock.sleep(60 - (now - self._sent[0]))
            self._sent.popleft()
        self._sent.append(self._clock.monotonic())
