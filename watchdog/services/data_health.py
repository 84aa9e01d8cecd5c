"""Can what is on screen be believed: is every source read, is it fresh, is it whole?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import pandas as pd

from watchdog.model.health import SourceState
from watchdog.model.metrics import CATALOGUE
from watchdog.model.telemetry import SourceStatus, Telemetry

# A source is late when its last success is older than so many intervals: one scrape may fail.
LATE_AFTER_INTERVALS = 3
SKEW_WORTH_A_WORD = timedelta(seconds=30)


def source_state(status: SourceStatus, now: datetime, interval: timedelta) -> SourceState:
    """FAILED with an error, LATE without a recent success, UNKNOWN before the first attempt."""
    if status.error:
        return SourceState.FAILED
    if status.last_success_at is None:
        return SourceState.UNKNOWN
    late = now - status.last_success_at > LATE_AFTER_INTERVALS * interval
    return SourceState.LATE if late else SourceState.OK


def sources_table(statuses: Sequence[SourceStatus], now: datetime, interval: timedelta) -> pd.DataFrame:
    """One row a source, worst first: state, source, last_success_at, age_seconds, …, error, what_to_do."""
    order = [SourceState.FAILED, SourceState.LATE, SourceState.UNKNOWN, SourceState.OK]
    rows = [
        {
            "state": source_state(status, now, interval),
            "source": status.name,
            "last_success_at": status.last_success_at,
            "age_seconds": _seconds(now, status.last_success_at),
            "data_age_seconds": _seconds(now, status.newest_sample_at),
            "duration_seconds": status.duration_seconds,
            "samples": status.samples,
            "clock_skew_seconds": status.clock_skew_seconds,
            "error": status.error,
            "what_to_do": _what_to_do(status, source_state(status, now, interval)),
        }
        for status in statuses
    ]
    table = pd.DataFrame(rows, columns=_COLUMNS)
    rank = table["state"].map({state: place for place, state in enumerate(order)})
    table = table.assign(rank=rank).sort_values(["rank", "source"], kind="stable").drop(columns="rank")
    return table.astype({"last_success_at": "datetime64[us, UTC]", "state": "string"}).reset_index(drop=True)


_COLUMNS = [
    "state",
    "source",
    "last_success_at",
    "age_seconds",
    "data_age_seconds",
    "duration_seconds",
    "samples",
    "clock_skew_seconds",
    "error",
    "what_to_do",
]


def _seconds(now: datetime, then: datetime | None) -> float | None:
    return None if then is None else (now - then).total_seconds()


def _what_to_do(status: SourceStatus, state: SourceState) -> str:
    if status.hint:
        return status.hint
    if status.clock_skew_seconds is not None and abs(status.clock_skew_seconds) > SKEW_WORTH_A_WORD.total_seconds():
        return "Its clock differs from ours: check NTP on both machines."
    if state is SourceState.LATE:
        return "It answered before and is late now: look at the collector below."
    if state is SourceState.FAILED:
        return "Check that it runs and can be reached from this machine."
    return "" if state is SourceState.OK else "Not read yet: wait one interval."


def not_exported(telemetry: Telemetry, at: datetime) -> pd.DataFrame:
    """Catalogue metrics that no source publishes: metric, group, definition, exported_as."""
    return _described(telemetry.latest(tuple(CATALOGUE), at).not_exported)


def _described(keys: Iterable[str]) -> pd.DataFrame:
    wanted = set(keys)
    rows = [
        (metric.label, str(metric.group), metric.definition, ", ".join(dict.fromkeys(e.name for e in metric.names)))
        for key, metric in CATALOGUE.items()
        if key in wanted
    ]
    return pd.DataFrame(rows, columns=["metric", "group", "definition", "exported_as"], dtype="string")
