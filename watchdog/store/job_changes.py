"""The SQL that brings the tables of jobs up to date with `seen` (JOBS) and `seen_gpus` (JOB_GPUS).

Only what changed is written: of 10,000 jobs most only wait. A job is known by its id and submission, so that a
requeued job, which is submitted anew, is another row.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa

from watchdog.model.scheduler import JOBS, STEPS
from watchdog.store.connection import Cursor, rows

# They move at every look and say nothing of the job's fate.
_RESTLESS = {"priority", "expected_start_at"}
_COLUMNS = [f'"{name}"' for name in JOBS.columns]
_WATCHED = [f'"{name}"' for name in JOBS.columns if name not in _RESTLESS]
_STEP_COLUMNS = [f'"{name}"' for name in STEPS.columns]


def _same(left: str, right: str) -> str:
    return f"{left}.job_id = {right}.job_id AND {left}.submitted_at IS NOT DISTINCT FROM {right}.submitted_at"


def _row(table: str, columns: Sequence[str]) -> str:
    return f"ROW({', '.join(f'{table}.{name}' for name in columns)})"


# `k`: what is known of the jobs of `seen`. The bound on submissions lets DuckDB skip the old part of the table.
_KNOWN = f"seen AS s LEFT JOIN (SELECT * FROM jobs WHERE submitted_at >= ? OR submitted_at IS NULL) AS k ON {_same('s', 'k')}"


def take_seen(cursor: Cursor, taken_at: datetime, oldest: datetime, ended: Sequence[str]) -> int:
    """Write the jobs that are new or changed; what accounting said of an ended job stays."""
    told = ", ".join(f"'{state}'" for state in ended)
    differs = f"(k.last_seen_at IS NOT NULL OR {_row('s', _WATCHED)} IS DISTINCT FROM {_row('k', _WATCHED)})"
    rows(
        cursor,
        f"CREATE OR REPLACE TEMP TABLE changed AS SELECT {', '.join(f's.{c}' for c in _COLUMNS)}, "
        "coalesce(k.first_seen_at, ?) AS first_seen_at, NULL::TIMESTAMPTZ AS last_seen_at "
        f"FROM {_KNOWN} WHERE k.job_id IS NULL OR ({differs} AND NOT (k.state IN ({told}) AND s.state IN ({told})))",
        [taken_at, oldest],
    )
    return _write_changed(cursor, oldest)


def take_accounted(cursor: Cursor, now: datetime, oldest: datetime) -> int:
    """Write what accounting adds to the jobs of `seen`, or knows alone."""
    merged = ", ".join(_merged(name) for name in JOBS.columns)
    rows(
        cursor,
        f"CREATE OR REPLACE TEMP TABLE told AS SELECT {merged}, coalesce(k.first_seen_at, ?) AS first_seen_at, "
        "CASE WHEN k.job_id IS NULL THEN coalesce(s.ended_at, ?) ELSE k.last_seen_at END AS last_seen_at "
        f"FROM {_KNOWN}",
        [now, now, oldest],
    )
    rows(
        cursor,
        "CREATE OR REPLACE TEMP TABLE changed AS SELECT t.* FROM told AS t LEFT JOIN jobs AS k "
        f"ON {_same('t', 'k')} AND (k.submitted_at >= ? OR k.submitted_at IS NULL) "
        f"WHERE k.job_id IS NULL OR {_row('t', _COLUMNS)} IS DISTINCT FROM {_row('k', _COLUMNS)}",
        [oldest],
    )
    return _write_changed(cursor, oldest)


def _merged(name: str) -> str:
    new = f"nullif(s.\"{name}\", '')" if JOBS.columns[name].dtype == "string" else f's."{name}"'
    end = ", ''" if JOBS.columns[name].dtype == "string" else ""
    return f'coalesce({new}, k."{name}"{end}) AS "{name}"'


def _write_changed(cursor: Cursor, oldest: datetime) -> int:
    rows(
        cursor,
        f"DELETE FROM jobs USING changed WHERE {_same('jobs', 'changed')} "
        "AND (jobs.submitted_at >= ? OR jobs.submitted_at IS NULL)",
        [oldest],
    )
    rows(cursor, "INSERT INTO jobs BY NAME SELECT * FROM changed ORDER BY submitted_at")
    return int(rows(cursor, "SELECT count(*) FROM changed")[0][0])


def take_gpus(cursor: Cursor, oldest: datetime) -> None:
    """Replace the GPUs of jobs whose GPUs changed; a source that does not say which never undoes one that did."""
    known = "(SELECT * FROM job_gpus WHERE submitted_at >= ? OR submitted_at IS NULL)"
    rows(
        cursor,
        "CREATE OR REPLACE TEMP TABLE moved AS SELECT DISTINCT g.job_id, g.submitted_at FROM seen_gpus AS g "
        f"ANTI JOIN {known} AS k ON {_same('g', 'k')} AND g.node = k.node "
        "AND (g.gpu_index IS NOT DISTINCT FROM k.gpu_index OR g.gpu_index IS NULL)",
        [oldest],
    )
    rows(
        cursor,
        f"DELETE FROM job_gpus USING moved WHERE {_same('job_gpus', 'moved')} "
        "AND (job_gpus.submitted_at >= ? OR job_gpus.submitted_at IS NULL)",
        [oldest],
    )
    rows(
        cursor,
        "INSERT INTO job_gpus BY NAME SELECT job_id, submitted_at, node, gpu_index FROM seen_gpus AS g "
        f"SEMI JOIN moved ON {_same('g', 'moved')} ORDER BY submitted_at",
    )


def take_steps(cursor: Cursor, steps: pa.Table) -> None:
    """Write the steps that are new or changed."""
    cursor.register("seen_steps", steps)
    columns = ", ".join(_STEP_COLUMNS)
    rows(
        cursor,
        f"CREATE OR REPLACE TEMP TABLE changed_steps AS SELECT {columns} FROM seen_steps EXCEPT "
        f"SELECT {columns} FROM job_steps WHERE job_id IN (SELECT job_id FROM seen_steps)",
    )
    rows(
        cursor,
        "DELETE FROM job_steps AS k USING changed_steps AS c WHERE k.job_id = c.job_id AND k.step_id = c.step_id "
        "AND k.started_at IS NOT DISTINCT FROM c.started_at",
    )
    rows(cursor, "INSERT INTO job_steps BY NAME SELECT * FROM changed_steps ORDER BY started_at")


def mark_absent(cursor: Cursor, before: datetime) -> int:
    """Note when the jobs that are gone were seen last; returns how many went."""
    gone = f"SELECT j.rowid FROM jobs AS j ANTI JOIN seen AS s ON {_same('j', 's')} WHERE j.last_seen_at IS NULL"
    sql = f"UPDATE jobs SET last_seen_at = greatest(first_seen_at, ?) WHERE rowid IN ({gone}) RETURNING 1"
    return len(rows(cursor, sql, [before]))


def give_up(cursor: Cursor, limit: datetime, still_open: Sequence[str]) -> None:
    """Jobs absent since before `limit` have an unknown end; the waiting rest of an array is only its tasks' past."""
    rows(
        cursor,
        "DELETE FROM jobs WHERE last_seen_at IS NOT NULL AND contains(job_id, '[') "
        "AND state IN ('PENDING', 'REQUEUED', 'UNKNOWN') AND array_job_id IN "
        "(SELECT array_job_id FROM jobs WHERE array_job_id IS NOT NULL AND (last_seen_at IS NULL OR "
        "NOT contains(job_id, '[')))",
    )
    states = ", ".join(f"'{state}'" for state in still_open)
    if states:
        sql = f"UPDATE jobs SET state = 'UNKNOWN' WHERE last_seen_at < ? AND ended_at IS NULL AND state IN ({states})"
        rows(cursor, sql, [limit])


def forget(cursor: Cursor, before: datetime) -> None:
    """Drop jobs last seen before then, and what belongs to no job any more."""
    old = "coalesce(ended_at, last_seen_at) < ?"
    rows(
        cursor,
        f"CREATE OR REPLACE TEMP TABLE old AS SELECT job_id, submitted_at, ended_at FROM jobs WHERE {old}",
        [before],
    )
    rows(cursor, f"DELETE FROM job_gpus USING old WHERE {_same('job_gpus', 'old')}")
    rows(
        cursor,
        "DELETE FROM job_steps WHERE coalesce(ended_at, started_at) < ? AND job_id IN (SELECT job_id FROM old)",
        [before],
    )
    rows(cursor, f"DELETE FROM jobs WHERE {old}", [before])
