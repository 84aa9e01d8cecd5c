"""XIDs and resets of GPUs, seen as steps between two readings and never as levels."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from watchdog.analysis.health.facts import RESET_DTYPES, XID_DTYPES, empty_of

KEPT = timedelta(hours=24)
XID_METRICS = ("xid_errors_count", "xid_code")
# Volatile counters begin anew when the driver loads the GPU again.
RESET_METRICS = (
    "energy_joules",
    "ecc_corrected_volatile_count",
    "ecc_uncorrected_volatile_count",
    "pcie_replay_count",
)
# An exporter's counter and its sticky gauge tell of the same event.
_SAME = timedelta(minutes=3)


@dataclass(frozen=True)
class _Event:
    at: datetime
    node: str
    gpu_uuid: str
    gpu_index: int | None
    xid: int = 0


class Edges:
    """Remembers the last value of every counter, and the events of the last 24 hours. One thread uses it."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], float] = {}
        self._codes: dict[str, float] = {}
        self._levels: dict[str, pd.Series] = {}
        self._seen: set[str] = set()
        self._xids: deque[_Event] = deque()
        self._resets: deque[_Event] = deque()

    def take(self, latest: pd.DataFrame, wide: pd.DataFrame) -> None:
        """Take in the newest readings: SAMPLES with XID_METRICS, and the same as `pivot.one_row_a_gpu`."""
        for event in [*self._counted(latest), *self._shown(latest)]:
            self._add(event)
        self._resets.extend(self._began_anew(wide))
        self._seen.update(wide.loc[wide["sampled_at"].notna(), "gpu_uuid"])

    def remember(self, grown: pd.DataFrame) -> None:
        """XIDs of the past, from history: rows of the counter (SAMPLES' columns) that grew."""
        for event in sorted(_xid_events(grown), key=lambda event: event.at):
            self._add(event)

    def xids(self, at: datetime) -> pd.DataFrame:
        """XID_DTYPES of the last 24 hours, oldest first."""
        return _frame(self._xids, at, XID_DTYPES)

    def resets(self, at: datetime) -> pd.DataFrame:
        """RESET_DTYPES of the last 24 hours, oldest first."""
        return _frame(self._resets, at, RESET_DTYPES)

    def _add(self, event: _Event) -> None:
        again = any(
            event.gpu_uuid == known.gpu_uuid and event.xid == known.xid and abs(event.at - known.at) < _SAME
            for known in list(self._xids)[-200:]
        )
        if not again:
            self._xids.append(event)

    def _counted(self, latest: pd.DataFrame) -> Iterator[_Event]:
        rows = latest[(latest["metric"] == XID_METRICS[0]).to_numpy()]
        values = rows["value"].to_numpy()
        keys = list(zip(rows["gpu_uuid"].astype(str), rows["part"].astype(str), strict=True))
        # A counter that appears while its GPU was there before has counted from nothing.
        before = np.array([self._counts.get(key, 0.0 if key[0] in self._seen else np.nan) for key in keys])
        self._counts.update(zip(keys, values, strict=True))
        grown = (values > 0) & (values != before) & ~np.isnan(before)
        yield from _xid_events(rows[grown])

    def _shown(self, latest: pd.DataFrame) -> Iterator[_Event]:
        rows = latest[(latest["metric"] == XID_METRICS[1]).to_numpy()]
        values = rows["value"].to_numpy()
        before = np.array([self._codes.get(uuid, np.nan) for uuid in rows["gpu_uuid"]])
        self._codes.update(zip(rows["gpu_uuid"].astype(str), values, strict=True))
        changed = (values > 0) & (values != before) & ~np.isnan(before)
        for row, code in zip(rows[changed].itertuples(index=False), values[changed], strict=True):
            yield _event(row, int(code))

    def _began_anew(self, wide: pd.DataFrame) -> list[_Event]:
        table = wide.set_index("gpu_uuid")
        dropped = pd.Series(False, index=table.index)
        for key in RESET_METRICS:
            if key not in table:
                continue
            now = table[key].dropna()
            before = self._levels.get(key, now.iloc[:0])
            shared = now.index.intersection(before.index)
            dropped.loc[shared] |= now.loc[shared] < before.loc[shared]
            self._levels[key] = now.combine_first(before) if len(shared) < len(before) else now
        return [_event(row, 0) for row in wide[dropped.to_numpy()].itertuples(index=False)]


def _xid_events(rows: pd.DataFrame) -> Iterator[_Event]:
    for row in rows.itertuples(index=False):
        code = str(row.part).removeprefix("xid=")
        if code.isdigit():
            yield _event(row, int(code))


def _event(row: object, xid: int) -> _Event:
    index = row.gpu_index  # type: ignore[attr-defined]
    return _Event(
        row.sampled_at.to_pydatetime(),  # type: ignore[attr-defined]
        str(row.node),  # type: ignore[attr-defined]
        str(row.gpu_uuid),  # type: ignore[attr-defined]
        None if pd.isna(index) else int(index),
        xid,
    )


def _frame(events: deque[_Event], at: datetime, dtypes: dict[str, str]) -> pd.DataFrame:
    while events and events[0].at <= at - KEPT:
        events.popleft()
    if not events:
        return empty_of(dtypes)
    rows = [{name: getattr(event, name) for name in dtypes} for event in events]
    return pd.DataFrame(rows).astype(dtypes).sort_values("at", kind="stable", ignore_index=True)
