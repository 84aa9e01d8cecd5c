"""Rollups: minutes from samples, hours from minutes, days from hours.

A bucket holds what can be merged: min, max, sum, count, last, and for counters how much they counted. Writing a
bucket again replaces it, so a repeat changes nothing; what a repeat does not know of is left alone, so a partial
answer of a source never erases what an earlier one gave.
"""

from __future__ import annotations

import pandas as pd

from watchdog.base.clock import floor_to
from watchdog.model.telemetry import LOOKBACK, Window
from watchdog.store import changes
from watchdog.store.blocks import mark
from watchdog.store.connection import Cursor, rows
from watchdog.store.minutes import Flags, Readings, minutes_of
from watchdog.store.samples import read_samples
from watchdog.store.tiers import DAYS, EPOCH, HOURS, MINUTES, SAMPLES_TABLE, Tier, ceil_to
from watchdog.store.watermarks import advance, floor, watermark

_FROM_BUCKETS = """
    CREATE OR REPLACE TEMP TABLE fresh AS
    SELECT f.bucket // {ratio} AS bucket, series_id, min(min) AS min, max(max) AS max, sum(sum) AS sum,
        sum(count) AS count, arg_max(last, f.bucket) AS last, sum(increase) AS increase
    FROM {finer} AS f WHERE f.bucket >= {since} AND f.bucket < {until} GROUP BY 1, 2 ORDER BY 2, 1
"""


def from_samples(cursor: Cursor, window: Window, is_counter: Flags) -> pd.DataFrame | None:
    """Roll up the minutes of `window` from the table of samples, less what retention has dropped; as `from_readings`."""
    dropped = floor(cursor, SAMPLES_TABLE)
    # The first minutes after dropped samples lack the sample that their counters are compared with.
    since = max(window.since, dropped + LOOKBACK) if dropped > EPOCH else window.since
    if since >= window.until:
        return None
    readings = read_samples(cursor, Window(since - LOOKBACK, window.until))
    return from_readings(cursor, readings, Window(since, window.until), is_counter)


def from_readings(cursor: Cursor, readings: Readings, window: Window, is_counter: Flags) -> pd.DataFrame | None:
    """Roll up the minutes of `window` from `readings`, move the watermark, and write what stands on these minutes.

    Readings of the LOOKBACK before the window tell what counters counted from. Returns the rows of `rollup_1m` that
    were written; None where retention leaves nothing to write.
    """
    since, until = floor_to(window.since, MINUTES.span), floor_to(window.until, MINUTES.span)
    since = max(since, floor(cursor, MINUTES))
    if since >= until:
        return None
    kept = Window(since, until)
    minutes = minutes_of(readings, is_counter, kept)
    cursor.register("minutes", minutes)
    _replace(cursor, MINUTES, "minutes")
    cursor.unregister("minutes")
    advance(cursor, MINUTES, until)
    _cascade(cursor, HOURS, MINUTES, kept)
    _cascade(cursor, DAYS, HOURS, kept)
    return minutes


def _cascade(cursor: Cursor, tier: Tier, finer: Tier, changed: Window) -> None:
    """Write the closed buckets of `tier` that `changed` touches, and those that closed since its watermark."""
    complete = watermark(cursor, finer)
    assert complete is not None
    closed = floor_to(complete, tier.span)
    started = watermark(cursor, tier) or floor_to(changed.since, tier.span)
    touched = (floor_to(changed.since, tier.span), min(ceil_to(changed.until, tier.span), started))
    for since, until in (touched, (started, closed)):
        oldest = max(since, floor(cursor, finer))
        if oldest < until:
            span = {"since": finer.key(oldest), "until": finer.key(until)}
            rows(cursor, _FROM_BUCKETS.format(ratio=tier.span // finer.span, finer=finer.name, **span))
            _replace(cursor, tier, "fresh")
    advance(cursor, tier, closed)


def _replace(cursor: Cursor, tier: Tier, fresh: str) -> None:
    """Write the rows of `fresh`, which are sorted, in the place of rows with the same key."""
    since, last = rows(cursor, f"SELECT min(bucket), max(bucket) FROM {fresh}")[0]
    if since is None:
        return
    inside = f"FROM {tier.name} AS old"
    if rows(cursor, f"SELECT 1 {inside} WHERE bucket BETWEEN ? AND ? LIMIT 1", [since, last]):
        rows(
            cursor,
            f"DELETE {inside} USING {fresh} AS new WHERE old.bucket BETWEEN ? AND ? "
            "AND old.series_id = new.series_id AND old.bucket = new.bucket",
            [since, last],
        )
    rows(cursor, f"INSERT INTO {tier.name} FROM {fresh}")
    mark(cursor, tier, EPOCH + since * tier.span, EPOCH + last * tier.span)
    changes.note(cursor, tier, EPOCH + since * tier.span, EPOCH + last * tier.span)
