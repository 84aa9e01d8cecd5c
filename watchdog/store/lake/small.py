"""The tables of history that are small enough to be copied as a whole: GPUs, metrics, jobs, nodes, alerts."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from watchdog.model.alerts import EventKind
from watchdog.model.metrics import CATALOGUE
from watchdog.model.tables import TABLES
from watchdog.store.connection import Cursor, rows
from watchdog.store.jobs import SEEN
from watchdog.store.watermarks import get

# Instants become plain timestamps by the cast to the documented type: the session's zone is UTC.
_GPUS = """
    SELECT arg_max(node, last_seen_at) AS node, gpu_uuid, arg_max(gpu_index, last_seen_at) AS gpu_index,
        arg_max(gpu_model, (gpu_model <> '', last_seen_at)) AS gpu_model, min(first_seen_at) AS first_seen_at,
        max(last_seen_at) AS last_seen_at
    FROM series WHERE gpu_uuid <> '' GROUP BY gpu_uuid
"""
_LIVING = (
    "SELECT * REPLACE (coalesce(last_seen_at, $seen::TIMESTAMPTZ, first_seen_at) AS last_seen_at), "
    'name AS job_name, "user" AS user_name FROM jobs'
)
_JOBS = f"""
    SELECT *, greatest(0, epoch(coalesce(started_at, ended_at, last_seen_at) - greatest(submitted_at, eligible_at)))
        AS wait_seconds, epoch(coalesce(ended_at, last_seen_at) - started_at) AS run_seconds
    FROM ({_LIVING})
"""
_JOB_GPUS = """
    SELECT g.*, j.started_at, j.ended_at FROM job_gpus AS g LEFT JOIN jobs AS j
    ON g.job_id = j.job_id AND g.submitted_at IS NOT DISTINCT FROM j.submitted_at
"""
# The rule of analysis.job_efficiency.rate_of: the first part of `h100+a100` that has a price, else the price of any.
_COSTS = f"""
    WITH prices AS (SELECT map($kinds::VARCHAR[], $usd::DOUBLE[]) AS price)
    SELECT *, gpus * run_seconds / 3600 AS gpu_hours, gpu_hours * usd_per_gpu_hour AS cost_usd FROM (
        SELECT *, coalesce(
            list_filter(list_transform(string_split(lower(gpu_type), '+'), lambda kind: price[kind]), lambda usd: usd IS NOT NULL)[1],
            price['']) AS usd_per_gpu_hour
        FROM ({_JOBS}), prices
    ) WHERE gpus > 0 AND started_at IS NOT NULL
"""
_NODE_STATES = "SELECT *, lead(changed_at) OVER (PARTITION BY node ORDER BY changed_at) AS until_at FROM node_states"
_ALERTS = (
    "SELECT * REPLACE (coalesce(nullif(job_id, ''), affected_job) AS job_id), since AS since_at, \"user\" AS user_name, "
    "source AS evidence_source FROM alerts WHERE fired_at IS NOT NULL"
)
_INCIDENTS = f"""
    SELECT i.*, greatest(first_ack, opened_at) AS acked_at FROM (SELECT * EXCLUDE (ack_at) FROM incidents) AS i
    LEFT JOIN (SELECT incident_id, min("at") AS first_ack FROM alert_events WHERE kind = '{EventKind.ACKNOWLEDGED}'
        GROUP BY incident_id) AS a USING (incident_id)
"""
_SOURCES = {
    "gpus": (_GPUS, "node, gpu_index"),
    "jobs": (_JOBS, "submitted_at, job_id"),
    "job_gpus": (_JOB_GPUS, "submitted_at, job_id"),
    "job_steps": ("SELECT *, name AS step_name FROM job_steps", "started_at"),
    "costs": (_COSTS, "started_at, job_id"),
    "node_states": (_NODE_STATES, "changed_at, node"),
    "alerts": (_ALERTS, "fired_at"),
    "incidents": (_INCIDENTS, "opened_at"),
    "alert_events": ('SELECT *, "at" AS event_at, "by" AS done_by FROM alert_events', "seq"),
}
SMALL = ("metrics", *_SOURCES)


def read_small(cursor: Cursor, table: str, rates: Mapping[str, float]) -> pa.Table:
    """One of SMALL as documented; `rates`: dollars a GPU-hour by GPU type, "" for any other."""
    if table == "metrics":
        return _metrics()
    source, order = _SOURCES[table]
    values: dict[str, object] = {"seen": get(cursor, SEEN)} if "$seen" in source else {}
    if "$usd" in source:
        values |= {"kinds": [*rates], "usd": [*rates.values()]}
    columns = ", ".join(f'"{column.name}"::{column.type} AS "{column.name}"' for column in TABLES[table].columns)
    return cursor.sql(f"SELECT {columns} FROM ({source}) ORDER BY {order}", params=values or None).to_arrow_table()


def _metrics() -> pa.Table:
    rows_ = [
        {
            "metric": metric.key,
            "label": metric.label,
            "unit": metric.unit.value,
            "kind": metric.kind.value,
            "chapter": metric.group.value,
            "over_gpus": metric.over_gpus,
            "definition": metric.definition,
        }
        for metric in CATALOGUE.values()
    ]
    return pa.Table.from_pylist(rows_)


def is_empty(cursor: Cursor) -> bool:
    """Whether the store has nothing at all to tell."""
    return not rows(cursor, "SELECT 1 FROM series LIMIT 1") and not rows(cursor, "SELECT 1 FROM jobs LIMIT 1")
