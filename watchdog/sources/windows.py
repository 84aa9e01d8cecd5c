"""Cutting a question into pieces that a server answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from watchdog.sources.promapi import Query
from watchdog.sources.promql import Selector, halves, milliseconds, seconds

_MILLI = 1000
_HOUR = 3_600_000_000
# Raw samples of so long at once: 1.5 M for 1,024 GPUs at 15 s.
_RAW_SPAN = 6 * _HOUR
_RAW_FLOOR = 60_000_000
# Prometheus and Thanos give 11,000 points a series, VictoriaMetrics 30,000.
_MOST_POINTS = 10_000
_DIGITS = "0123456789abcdef"


@dataclass(frozen=True)
class Piece:
    """Series of one selector over [since, until), microseconds since the epoch.

    Attributes:
        step: 0 for raw samples; else the length of a bucket that `function` is taken over.
        function: `avg_over_time` and the like.
        range_length: how long the range selector is, so that exactly one bucket is inside.
        digits: hex digits by which the series can still be split.
    """

    selector: Selector
    since: int
    until: int
    step: int = 0
    function: str = ""
    range_length: int = 0
    digits: str = _DIGITS

    def query(self) -> Query:
        """The question as the API takes it."""
        if not self.step:
            # In whole milliseconds, the resolution of servers, and a little too wide: we cut exactly.
            last, first = (self.until - 1) // _MILLI * _MILLI, self.since // _MILLI * _MILLI
            text = f"{self.selector}[{milliseconds(last - first + _MILLI)}]"
            return Query("/api/v1/query", {"query": text, "time": seconds(last)}, raw=True)
        text = f"{self.function}({self.selector}[{milliseconds(self.range_length)}])"
        form = {
            "query": text,
            "start": seconds(self.since + self.step - _MILLI),
            "end": seconds(self.until - _MILLI),
            "step": f"{self.step / 1e6:.3f}",
        }
        return Query("/api/v1/query_range", form)

    def chunks(self) -> list[Piece]:
        """The piece cut in time, so that each chunk is likely to be answered."""
        span = self.step * _MOST_POINTS if self.step else _RAW_SPAN
        edges = [*range(self.since, self.until, span), self.until]
        return [replace(self, since=a, until=b) for a, b in pairwise(edges) if a < b]

    def halved(self, *, series_first: bool = False) -> list[Piece]:
        """The piece in two, by time or, where that is too fine, by series; [] when it cannot be cut."""
        by_series, by_time = self._by_series, self._by_time
        return (by_series() or by_time()) if series_first else (by_time() or by_series())

    def _by_time(self) -> list[Piece]:
        unit = self.step or _RAW_FLOOR
        middle = self.since + (self.until - self.since) // 2 // unit * unit
        if not self.since < middle < self.until:
            return []
        return [replace(self, until=middle), replace(self, since=middle)]

    def _by_series(self) -> list[Piece]:
        return [
            replace(self, selector=replace(self.selector, matchers=matchers), digits=digits)
            for matchers, digits in halves(self.selector.matchers, self.digits)
        ]
