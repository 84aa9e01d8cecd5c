"""Rollups: minutes from samples, hours from minutes, days from hours.

A bucket holds what can be merged: min, max, sum, count, last, and for counters how much they counted. Writing a
bucket again replaces it, so a repeat changes nothing; what a repeat does not know of is left alone, so a partial
answer of a source never erases what an earlier one gave.
"""

from __future__ import annotations

from datetime import UTC, datetime

from watchdog.base.clock import floor_to
from watchdog.model.arrays import duration_micros
from watchdog.model.telemetry import LOOKBACK, Window
from watchdog.store.blocks import mark
from watchdog.store.connection import Cursor, rows
from watchdog.store.tiers import DAYS, HOURS, MINUTES, SAMPLES_TABLE, Table, Tier, ceil_to
from watchdog.store.watermarks import EPOCH, advance, floor, watermark

# Samples of counters with what each added, by the rule of model.counters; `{source}` has the samples' columns.
ADDED = """
    SELECT series_id, sampled_at, value,
        CASE WHEN epoch_us(sampled_at) - epoch_us(lag(sampled_at) OVER steps) <= {lookback}
             THEN CASE WHEN value < lag(value) OVER steps THEN value ELSE value - lag(value) OVER steps END
        END AS added
    FROM {source}
    WINDOW steps AS (PARTITION BY series_id ORDER BY sampled_at)
"""
LOOKBACK_MICROS = duration_micros(LOOKBACK)

_MINUTE = "make_timestamptz(epoch_us(sampled_at) // 60000000 * 60000000)"
_FROM_SAMPLES = f"""
    WITH near AS (SELECT sampled_at, series_id, value FROM {{source}} WHERE sampled_at >= $before AND sampled_at < $until),
    steps AS ({ADDED.format(source="near SEMI JOIN counters USING (series_id)", lookback=LOOKBACK_MICROS)}),
    together AS (
        FROM steps
        UNION ALL
        SELECT series_id, sampled_at, value, NULL AS added FROM near ANTI JOIN counters USING (series_id)
    )
    SELECT {_MINUTE} AS bucket_at, series_id, min(value) AS min, max(value) AS max, sum(value) AS sum,
        count(*) AS count, arg_max(value, sampled_at) AS last, sum(added) AS increase
    FROM together WHERE sampled_at >= $since GROUP BY ALL
"""
_FROM_BUCKETS = """
    SELECT make_timestamptz(epoch_us(f.bucket_at) // {micros} * {micros}) AS bucket_at, series_id, min(min) AS min,
        max(max) AS max, sum(sum) AS sum, sum(count) AS count, arg_max(last, f.bucket_at) AS last,
        sum(increase) AS increase
    FROM {finer} AS f WHERE f.bucket_at >= $since AND f.bucket_at < $until GROUP BY ALL
"""


def write_minutes(cursor: Cursor, source: str, window: Window) -> Window | None:
    """Roll up the minutes of `window` from `source` (a table of samples) and all that stands on them.

    `counters(series_id)` must be registered. Returns the window that was written: whole minutes, less what
    retention has dropped; None if nothing is left of it.
    """
    kept = _kept(cursor, source, window)
    if kept is None:
        return None
    span = {"before": kept.since - LOOKBACK, "since": kept.since, "until": kept.until}
    _replace(cursor, MINUTES, _FROM_SAMPLES.format(source=source), span)
    advance(cursor, MINUTES, kept.until)
    _cascade(cursor, HOURS, MINUTES, kept)
    _cascade(cursor, DAYS, HOURS, kept)
    return kept


def _kept(cursor: Cursor, source: str, window: Window) -> Window | None:
    since, until = floor_to(window.since, MINUTES.span), floor_to(window.until, MINUTES.span)
    since = max(since, floor(cursor, MINUTES))
    if source == SAMPLES_TABLE.name:
        dropped = floor(cursor, SAMPLES_TABLE)
        # The first minutes after dropped samples lack the sample that their counters are compared with.
        since = max(since, dropped + LOOKBACK) if dropped > EPOCH else since
        # A late sample changes what the counter's next sample added, which may lie in a later minute.
        known = watermark(cursor, MINUTES) or until
        until = max(until, min(known, until + LOOKBACK))
    return Window(since, until) if since < until else None


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
            sql = _FROM_BUCKETS.format(micros=duration_micros(tier.span), finer=finer.name)
            _replace(cursor, tier, sql, {"since": oldest, "until": until})
    advance(cursor, tier, closed)


def _replace(cursor: Cursor, table: Table, select: str, span: dict[str, datetime]) -> None:
    """Write the rows of `select`, in the place of rows with the same key."""
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE fresh AS {select}", span).fetchall()
    since, last = rows(cursor, "SELECT min(bucket_at), max(bucket_at) FROM fresh")[0]
    if since is None:
        return
    inside = f"FROM {table.name} AS old"
    if rows(cursor, f"SELECT 1 {inside} WHERE bucket_at BETWEEN ? AND ? LIMIT 1", [since, last]):
        rows(
            cursor,
            f"DELETE {inside} USING fresh AS new WHERE old.bucket_at BETWEEN ? AND ? "
            "AND old.series_id = new.series_id AND old.bucket_at = new.bucket_at",
            [since, last],
        )
    rows(cursor, f"INSERT INTO {table.name} FROM fresh ORDER BY series_id, bucket_at")
    mark(cursor, table, since.astimezone(UTC), last.astimezone(UTC))
