"""Changes of nodes' states: when, to what, why and by whom."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import pyarrow as pa

from watchdog.model.scheduler import NODE_STATES
from watchdog.model.telemetry import Window
from watchdog.store.connection import Cursor, rows
from watchdog.store.database import Store

# A node that Slurm does not list any more: a dynamic one that left, or one taken out of slurm.conf.
GONE = "GONE"
# They come and go with every job.
_PASSING = {"COMPLETING", "PLANNED"}
_COLUMNS = ("node", "state", "flags", "reason", "reason_by", "reason_at")
_WORKING = "state IN ('IDLE', 'MIXED', 'ALLOCATED')"
_LATEST = "(SELECT * FROM node_states QUALIFY row_number() OVER (PARTITION BY node ORDER BY changed_at DESC) = 1)"


class NodeStateStore:
    """The history of nodes in a `Store`; every method may raise StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def take(self, nodes: pd.DataFrame, taken_at: datetime, *, whole: bool) -> int:
        """Keep the nodes (NODES) whose state, flags or reason changed; returns how many.

        Idle, mixed and allocated are one state here: jobs tell when a node was in use. A node that a `whole`
        snapshot does not list is GONE.
        """
        frame = nodes[[*_COLUMNS]].drop_duplicates("node")
        frame = frame.assign(flags=frame["flags"].map(_lasting).astype("string"))
        with self._store.write() as cursor:
            cursor.register("listed", pa.Table.from_pandas(frame, preserve_index=False))
            _find_changed(cursor, taken_at)
            if whole and len(frame):
                _find_gone(cursor, taken_at)
            rows(cursor, "INSERT INTO node_states BY NAME SELECT * FROM changed_nodes ORDER BY changed_at, node")
            return int(rows(cursor, "SELECT count(*) FROM changed_nodes")[0][0])

    def states(self, window: Window) -> pd.DataFrame:
        """Changes in the window (NODE_STATES), and of each node the one that held when the window began."""
        with self._store.read() as (cursor, _):
            frame = cursor.execute(
                "SELECT * FROM node_states WHERE changed_at < ? QUALIFY changed_at >= ? OR "
                "row_number() OVER (PARTITION BY node, changed_at < ? ORDER BY changed_at DESC) = 1 "
                "ORDER BY node, changed_at",
                [window.until, window.since, window.since],
            ).df()
        return NODE_STATES.conform(frame)

    def expire(self, before: datetime) -> None:
        """Forget changes before then, but for the last one of each node."""
        with self._store.write() as cursor:
            rows(
                cursor,
                f"DELETE FROM node_states AS n USING {_LATEST} AS l WHERE n.node = l.node "
                "AND n.changed_at < ? AND n.changed_at < l.changed_at",
                [before],
            )


def _lasting(flags: str) -> str:
    return ",".join(sorted(set(filter(None, flags.split(","))) - _PASSING))


def _find_changed(cursor: Cursor, taken_at: datetime) -> None:
    state = f"CASE WHEN {{0}}.{_WORKING} THEN 'working' ELSE {{0}}.state END"
    differs = " OR ".join(
        [f"{state.format('n')} <> {state.format('k')}", *(f"n.{c} <> k.{c}" for c in ("flags", "reason", "reason_by"))]
    )
    # The reason's own time is when the node was set so, also where nobody watched.
    at = (
        "CASE WHEN n.reason <> '' AND n.reason IS DISTINCT FROM k.reason AND n.reason_at <= ? "
        "AND (k.changed_at IS NULL OR n.reason_at > k.changed_at) THEN n.reason_at "
        "ELSE greatest(?, coalesce(k.changed_at + INTERVAL 1 MICROSECOND, ?)) END"
    )
    rows(
        cursor,
        f"CREATE OR REPLACE TEMP TABLE changed_nodes AS SELECT n.node, {at} AS changed_at, n.state, n.flags, n.reason, "
        f"n.reason_by FROM listed AS n LEFT JOIN {_LATEST} AS k ON n.node = k.node WHERE k.node IS NULL OR {differs}",
        [taken_at, taken_at, taken_at],
    )


def _find_gone(cursor: Cursor, taken_at: datetime) -> None:
    rows(
        cursor,
        f"INSERT INTO changed_nodes SELECT k.node, greatest(?, k.changed_at + INTERVAL 1 MICROSECOND), '{GONE}', '', '', '' "
        f"FROM {_LATEST} AS k ANTI JOIN listed AS n ON n.node = k.node WHERE k.state <> '{GONE}'",
        [taken_at],
    )
