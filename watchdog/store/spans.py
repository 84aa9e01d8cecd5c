"""Which table answers which part of a window: the coarsest that fits, and finer ones for what is not rolled up yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from watchdog.base.clock import floor_to
from watchdog.model.telemetry import Window
from watchdog.store.tiers import EPOCH, MINUTES, SAMPLES_TABLE, TIERS, Table, Tier, ceil_to
from watchdog.store.watermarks import Marks


@dataclass(frozen=True)
class Span:
    """Rows of `table` with since <= time < until."""

    table: Table
    since: datetime
    until: datetime


def choose_spans(marks: Marks, window: Window, step: timedelta, *, samples_at_hand: bool) -> list[Span]:
    """Spans that cover `window` exactly, in order, without overlap.

    The middle comes from the coarsest rollups that divide `step`, what they do not reach from finer ones and samples.
    So a bucket at either end holds only what lies in the window, and a view of the past never shows what came later.
    """
    fitting = [tier for tier in TIERS if not step % tier.span]
    if not fitting and not samples_at_hand:
        fitting = [MINUTES]
    reach = [(tier, marks.watermark(tier) or EPOCH) for tier in reversed(fitting)]
    return _cover(window.since, window.until, reach)


def _cover(since: datetime, until: datetime, reach: list[tuple[Tier, datetime]]) -> list[Span]:
    if since >= until:
        return []
    if not reach:
        return [Span(SAMPLES_TABLE, since, until)]
    (tier, complete), *finer = reach
    first, last = ceil_to(since, tier.span), min(floor_to(until, tier.span), complete)
    if first >= last:
        return _cover(since, until, finer)
    return [*_cover(since, first, finer), Span(tier, first, last), *_cover(last, until, finer)]


def dropped_before(marks: Marks, spans: list[Span], step: timedelta) -> datetime | None:
    """Until when the asked past is gone, if at least a bucket of it is."""
    floors = [(span.since, marks.floor(span.table)) for span in spans if span.until - span.since >= step]
    return max((floor for since, floor in floors if floor > since), default=None)
