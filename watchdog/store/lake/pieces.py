"""Which spans of the rollups have a file of their own.

A span that is over is large and is written once; what follows it is cut finer, down to the span that still grows. The
pieces of a tier never overlap and leave no gap between the oldest row and the watermark.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from watchdog.base.clock import floor_to
from watchdog.store.changes import SPANS, changes
from watchdog.store.connection import Cursor, rows
from watchdog.store.tiers import DAYS, HOURS, MINUTES, Tier
from watchdog.store.watermarks import read_marks

_LARGE = {MINUTES: timedelta(days=1), HOURS: timedelta(days=28), DAYS: timedelta(days=364)}
TABLE_OF = {MINUTES: "gpu_samples_1m", HOURS: "gpu_samples_1h", DAYS: "gpu_samples_1d"}
# So long after its end a span may still get late rows in the ordinary course.
SETTLED = timedelta(hours=1)


@dataclass(frozen=True)
class Piece:
    """The rows of a tier in [since, until); `change` is the number of the newest write to them."""

    tier: Tier
    since: datetime
    until: datetime
    change: int

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from others, whatever its state."""
        return TABLE_OF[self.tier], self.since.isoformat(), self.until.isoformat()


def pieces(cursor: Cursor, tier: Tier) -> list[Piece]:
    """All pieces of a tier, oldest first."""
    marks = read_marks(cursor)
    complete = marks.watermark(tier)
    oldest = tier.instant(rows(cursor, f"SELECT min(bucket) FROM {tier.name}")[0][0])
    if complete is None or oldest is None:
        return []
    written = changes(cursor, tier)
    first = max(oldest, marks.floor(tier))
    spans = _spans(tier, first, complete)
    return [Piece(tier, since, until, _newest(written, since, until, SPANS[tier])) for since, until in spans]


def _spans(tier: Tier, first: datetime, complete: datetime) -> Iterator[tuple[datetime, datetime]]:
    large, fine = _LARGE[tier], SPANS[tier]
    start = floor_to(first, large)
    while start < complete:
        end = start + large
        step = large if end + SETTLED <= complete else fine
        since = start
        while since < min(end, complete):
            if since + step > first:
                yield max(since, floor_to(first, fine)), since + step
            since += step
        start = end


def _newest(written: Mapping[datetime, int], since: datetime, until: datetime, span: timedelta) -> int:
    at, newest = floor_to(since, span), 0
    while at < until:
        newest = max(newest, written.get(at, 0))
        at += span
    return newest
