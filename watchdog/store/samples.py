"""Raw readings: kept for a short time, and only when exporters are scraped directly."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd

from watchdog.base.clock import floor_to
from watchdog.model.arrays import Ints
from watchdog.model.telemetry import Window
from watchdog.store.blocks import mark
from watchdog.store.connection import Cursor, rows
from watchdog.store.minutes import Readings
from watchdog.store.tiers import SAMPLES_TABLE, TIERS
from watchdog.store.watermarks import floor, pull_back


def register_samples(cursor: Cursor, frame: pd.DataFrame, ids: Ints) -> None:
    """Make `frame` (SAMPLES, with its series ids) readable in SQL as `incoming(sampled_at, series_id, value)`."""
    columns = {"sampled_at": frame["sampled_at"], "series_id": ids.astype(np.int32), "value": frame["value"]}
    cursor.register("incoming", pd.DataFrame(columns))


def insert_samples(cursor: Cursor) -> tuple[datetime, datetime] | None:
    """Move `incoming` into the table, skipping what is there already; returns first and last instant."""
    dropped = floor(cursor, SAMPLES_TABLE)
    span = _span(cursor, dropped)
    if span is None:
        return None
    known, values = _already_there(cursor, *span)
    rows(
        cursor,
        f"INSERT INTO samples SELECT sampled_at, series_id, value FROM incoming {known} "
        "WHERE sampled_at >= ? ORDER BY series_id, sampled_at",
        [*values, dropped],
    )
    mark(cursor, SAMPLES_TABLE, *span)
    for tier in TIERS:
        pull_back(cursor, tier, floor_to(span[0], tier.span))
    return span


def read_samples(cursor: Cursor, window: Window) -> Readings:
    """Every sample in the window."""
    got = cursor.execute(
        "SELECT series_id, epoch_us(sampled_at) AS t, value FROM samples WHERE sampled_at >= ? AND sampled_at < ? "
        "ORDER BY series_id, sampled_at",
        [window.since, window.until],
    ).fetchnumpy()
    return Readings(np.asarray(got["series_id"], np.int64), np.asarray(got["t"]), np.asarray(got["value"]))


def _already_there(cursor: Cursor, since: datetime, until: datetime) -> tuple[str, list[datetime]]:
    """The anti-join that drops repeated samples; only a repeated or late batch has to pay for it."""
    overlap = "FROM samples WHERE sampled_at BETWEEN ? AND ?"
    if not rows(cursor, f"SELECT 1 {overlap} LIMIT 1", [since, until]):
        return "", []
    return f"ANTI JOIN (SELECT series_id, sampled_at {overlap}) AS known USING (series_id, sampled_at)", [since, until]


def _span(cursor: Cursor, dropped: datetime) -> tuple[datetime, datetime] | None:
    sql = "SELECT min(sampled_at), max(sampled_at) FROM incoming WHERE sampled_at >= ?"
    first, last = rows(cursor, sql, [dropped])[0]
    return None if first is None else (first.astimezone(UTC), last.astimezone(UTC))
