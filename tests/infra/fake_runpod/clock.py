"""Time as the fake sees it."""

from __future__ import annotations

from datetime import UTC, datetime


class ManualClock:
    """Seconds since 1970 that pass only when a test says so."""

    def __init__(self, start: float = 1_793_500_000.0):
        self.now = start

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


def rfc3339(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
