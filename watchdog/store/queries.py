"""The questions to the store, in SQL: each answers rows (line, instant, value) sorted by line and time."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from watchdog.model.arrays import Floats, Ints, duration_micros
from watchdog.model.telemetry import LOOKBACK, Statistic, Window
from watchdog.store.connection import Cursor
from watchdog.store.lines import HOWS, Lines, Members
from watchdog.store.spans import Span
from watchdog.store.tiers import MINUTES, SAMPLES_TABLE, Tier

Rows = tuple[Ints, Ints, Floats]

# What a row of a rollup, and of samples, gives to a statistic; and how such rows merge.
_OF_ROLLUP = {
    Statistic.AVG: "sum AS v, count AS n",
    Statistic.MIN: "min AS v, 1 AS n",
    Statistic.MAX: "max AS v, 1 AS n",
    Statistic.LAST: "last AS v, 1 AS n",
    Statistic.INCREASE: "increase AS v, 1 AS n",
}
_MERGE = {
    Statistic.AVG: "sum(v) / sum(n)",
    Statistic.MIN: "min(v)",
    Statistic.MAX: "max(v)",
    Statistic.LAST: "arg_max(v, t)",
    Statistic.INCREASE: "sum(v)",
}
# The same over a single row: buckets of the asked width need no merging.
_ALONE = {**dict.fromkeys(Statistic, "v"), Statistic.AVG: "v / n"}
# The rule of model.counters in SQL.
_ADDED = """
    SELECT series_id, sampled_at,
        CASE WHEN epoch_us(sampled_at) - epoch_us(lag(sampled_at) OVER steps) <= {lookback}
             THEN CASE WHEN value < lag(value) OVER steps THEN value ELSE value - lag(value) OVER steps END
        END AS added
    FROM samples WHERE {near}
    WINDOW steps AS (PARTITION BY series_id ORDER BY sampled_at)
"""
_COMBINE = f"CASE any_value(how) {' '.join(f'WHEN {n} THEN {how}(value)' for n, how in enumerate(HOWS))} END"
# Up to so many members are written into the statement: DuckDB needs a millisecond to look at a frame.
_FEW = 100


def buckets(cursor: Cursor, lines: Lines, spans: list[Span], step: timedelta, statistic: Statistic) -> Rows:
    """One value a line and bucket: first each series by `statistic`, then the series of a line as `how` says."""
    width = duration_micros(step)
    ready = [_rows_of(span, lines, statistic, step) for span in spans if _is_step(span, step)]
    rest = [_rows_of(span, lines, statistic, step) for span in spans if not _is_step(span, step)]
    parts = [f"SELECT series_id, t, {_ALONE[statistic]} AS value FROM ({part})" for part in ready]
    if rest:
        merged = f"SELECT series_id, slot::BIGINT * {width} AS t, {_MERGE[statistic]} AS value"
        parts.append(f"{merged} FROM ({' UNION ALL '.join(rest)}) GROUP BY series_id, slot")
    per_series = " UNION ALL ".join(parts)
    return _by_line(cursor, lines, f"SELECT series_id, t, value FROM ({per_series}) WHERE value IS NOT NULL")


def readings(cursor: Cursor, lines: Lines, window: Window) -> Rows:
    """Every sample in the window."""
    return _by_line(
        cursor,
        lines,
        f"SELECT series_id, epoch_us(sampled_at) AS t, value FROM samples WHERE {SAMPLES_TABLE.inside(window.since, window.until)} "
        f"AND {_ids(lines)}",
    )


def newest(cursor: Cursor, lines: Lines, at: datetime, tier: Tier) -> Rows:
    """The newest sample of each series in (at - LOOKBACK, at]; where samples are not kept, of `tier`'s buckets.

    A bucket counts when it has ended by `at`; its instant is its start.
    """
    tick = timedelta(microseconds=1)
    since = at - LOOKBACK + tick if tier is MINUTES else at - 2 * tier.span + tick
    raw = SAMPLES_TABLE.inside(at - LOOKBACK + tick, at + tick)
    rolled = tier.inside(since, at - tier.span + tick)
    return _by_line(
        cursor,
        lines,
        f"""
        WITH kept AS (
            SELECT series_id, max(epoch_us(sampled_at)) AS t, arg_max(value, sampled_at) AS value
            FROM samples WHERE {raw} AND {_ids(lines)} GROUP BY series_id
        ), rolled AS (
            SELECT series_id, max({tier.micros}) AS t, arg_max(last, bucket) AS value
            FROM {tier.name} WHERE {rolled} AND {_ids(lines)} GROUP BY series_id
        )
        FROM kept UNION ALL FROM rolled ANTI JOIN kept USING (series_id)
        """,
        one_instant=True,
    )


def _by_line(cursor: Cursor, lines: Lines, per_series: str, *, one_instant: bool = False) -> Rows:
    """Give the (series_id, t, value) of each series to its line; merge where a line has several series."""
    members = lines.members
    if lines.merged:
        names = ("series_id", "line", "gpu", "whole", "how", "need")
        merged = _merged(lines, per_series, "max(t)" if one_instant else "t")
        return _fetch(cursor, members, names, merged)
    if len(members) > _FEW:
        joined = f"({per_series}) JOIN members USING (series_id)"
        return _fetch(cursor, members, ("series_id", "line"), f"SELECT line, t, value FROM {joined} ORDER BY line, t")
    ids, at, value = _fetch(cursor, members, ("series_id",), f"SELECT series_id AS line, t, value FROM ({per_series})")
    by_id = np.argsort(members.series_id)
    line = by_id[np.searchsorted(members.series_id, ids, sorter=by_id)]
    order = np.lexsort((at, line))
    return line[order], at[order], value[order]


def _fetch(cursor: Cursor, members: Members, names: tuple[str, ...], sql: str) -> Rows:
    """Run `sql`, which answers line, t, value and may read the columns `names` of `members`."""
    columns = {name: getattr(members, name) for name in names}
    if len(members) <= _FEW:
        written = zip(*(column.astype(str) for column in columns.values()), strict=True)
        values = ", ".join(f"({', '.join(row)})" for row in written)
        got = cursor.execute(f"WITH members({', '.join(names)}) AS (VALUES {values}) {sql}").fetchnumpy()
    else:
        # The type of the tables' column, or DuckDB would cast each row of theirs.
        columns["series_id"] = members.series_id.astype(np.int32)
        cursor.register("members", pd.DataFrame(columns, copy=False))
        got = cursor.execute(sql).fetchnumpy()
        cursor.unregister("members")
    return np.asarray(got["line"], np.int64), np.asarray(got["t"], np.int64), np.asarray(got["value"], np.float64)


def _merged(lines: Lines, per_series: str, instant: str) -> str:
    hows = np.unique(lines.members.how)
    combine = f"{HOWS[hows[0]]}(value)" if len(hows) == 1 else _COMBINE
    time = ", t" if instant == "t" else ""
    if len(lines) == 1 and not lines.shadowed and not lines.derived:
        return f"SELECT 0 AS line, {instant} AS t, {combine} AS value FROM ({per_series}) GROUP BY 1{time} ORDER BY 2"
    # A GPU that speaks for itself and for its parts at one instant would count twice.
    alone = "QUALIFY whole OR NOT bool_or(whole) OVER (PARTITION BY line, gpu, t)" if lines.shadowed else ""
    enough = "HAVING count(*) >= any_value(need)" if lines.derived else ""
    return (
        f"SELECT line, {instant} AS t, {combine} AS value "
        f"FROM (FROM ({per_series}) JOIN members USING (series_id) {alone}) "
        f"GROUP BY line{time} {enough} ORDER BY 1, 2"
    )


def _rows_of(span: Span, lines: Lines, statistic: Statistic, step: timedelta) -> str:
    """SQL for rows (series_id, t, slot, v, n) of one span; slot is the number of the bucket of length `step`."""
    slot = span.table.slot(step)
    if span.table is SAMPLES_TABLE and statistic is Statistic.INCREASE:
        return _added(lines, Window(span.since, span.until), slot)
    give = "value AS v, 1 AS n" if span.table is SAMPLES_TABLE else _OF_ROLLUP[statistic]
    return (
        f"SELECT series_id, {span.table.micros} AS t, {slot} AS slot, {give} FROM {span.table.name} "
        f"WHERE {span.table.inside(span.since, span.until)} AND {_ids(lines)}"
    )


def _added(lines: Lines, window: Window, slot: str) -> str:
    near = f"{SAMPLES_TABLE.inside(window.since - LOOKBACK, window.until)} AND {_ids(lines)}"
    steps = _ADDED.format(near=near, lookback=duration_micros(LOOKBACK))
    return (
        f"SELECT series_id, epoch_us(sampled_at) AS t, {slot} AS slot, added AS v, 1 AS n FROM ({steps}) "
        f"WHERE {SAMPLES_TABLE.inside(window.since, window.until)}"
    )


def _ids(lines: Lines) -> str:
    """The wanted ids, in words by which DuckDB leaves out whole blocks of sorted rows."""
    ids = np.unique(lines.members.series_id)
    first, last = ids[0], ids[-1]
    if first == last:
        return f"series_id = {first}"
    every = f"series_id BETWEEN {first} AND {last}"
    return every if last - first + 1 == len(ids) else f"{every} AND series_id IN (SELECT series_id FROM members)"


def _is_step(span: Span, step: timedelta) -> bool:
    return isinstance(span.table, Tier) and span.table.span == step
