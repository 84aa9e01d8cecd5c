"""The tables, as a list of steps forward; each step is one transaction."""

from __future__ import annotations

from pathlib import Path

from watchdog.base.errors import StoreVersionError
from watchdog.store.connection import Cursor, rows

_ROLLUP = (
    "CREATE TABLE {} (bucket INTEGER NOT NULL, series_id INTEGER NOT NULL, min DOUBLE, max DOUBLE, "
    "sum DOUBLE, count UINTEGER, last DOUBLE, increase DOUBLE)"
)

# A bucket is a number of whole minutes, hours or days since the epoch.
# No primary keys: they cost seven times the speed and eight times the space. Uniqueness is the writers' duty.
_FIRST = (
    "CREATE TABLE series (series_id INTEGER NOT NULL, metric VARCHAR NOT NULL, node VARCHAR NOT NULL, "
    "gpu_uuid VARCHAR NOT NULL, gpu_index SMALLINT, gpu_model VARCHAR NOT NULL, part VARCHAR NOT NULL, "
    "first_seen_at TIMESTAMPTZ NOT NULL, last_seen_at TIMESTAMPTZ NOT NULL)",
    "CREATE TABLE samples (sampled_at TIMESTAMPTZ NOT NULL, series_id INTEGER NOT NULL, value DOUBLE NOT NULL)",
    _ROLLUP.format("rollup_1m"),
    _ROLLUP.format("rollup_1h"),
    _ROLLUP.format("rollup_1d"),
    # rollup_*: complete before until_at. "<table> floor": rows before until_at have been dropped for good.
    "CREATE TABLE watermarks (name VARCHAR NOT NULL, until_at TIMESTAMPTZ NOT NULL)",
    "CREATE TABLE unsorted_blocks (table_name VARCHAR NOT NULL, block_at TIMESTAMPTZ NOT NULL)",
    "CREATE TABLE source_scrapes (name VARCHAR NOT NULL, attempted_at TIMESTAMPTZ, success_at TIMESTAMPTZ, "
    "duration_seconds DOUBLE, samples BIGINT, newest_sample_at TIMESTAMPTZ, error VARCHAR, hint VARCHAR, "
    "clock_skew_seconds DOUBLE)",
    "CREATE TABLE source_failures (name VARCHAR NOT NULL, attempted_at TIMESTAMPTZ NOT NULL, error VARCHAR, "
    "hint VARCHAR)",
)

_JOBS = (
    # last_seen_at is null while the job is in the newest snapshot: a job that only waits is not written each time.
    'CREATE TABLE jobs (job_id VARCHAR NOT NULL, raw_id BIGINT, name VARCHAR, "user" VARCHAR, account VARCHAR, '
    "partition VARCHAR, qos VARCHAR, state VARCHAR, reason VARCHAR, nodes VARCHAR, node_count BIGINT, cpus BIGINT, "
    "memory_bytes DOUBLE, gpus BIGINT, gpu_type VARCHAR, priority DOUBLE, submitted_at TIMESTAMPTZ, "
    "eligible_at TIMESTAMPTZ, started_at TIMESTAMPTZ, ended_at TIMESTAMPTZ, expected_start_at TIMESTAMPTZ, "
    "time_limit_seconds DOUBLE, exit_code BIGINT, signal BIGINT, dependency VARCHAR, reservation VARCHAR, "
    "features VARCHAR, array_job_id BIGINT, comment VARCHAR, first_seen_at TIMESTAMPTZ NOT NULL, "
    "last_seen_at TIMESTAMPTZ)",
    "CREATE TABLE job_gpus (job_id VARCHAR NOT NULL, submitted_at TIMESTAMPTZ, node VARCHAR NOT NULL, "
    "gpu_index SMALLINT)",
    "CREATE TABLE job_steps (job_id VARCHAR NOT NULL, step_id VARCHAR NOT NULL, name VARCHAR, state VARCHAR, "
    "exit_code BIGINT, signal BIGINT, started_at TIMESTAMPTZ, ended_at TIMESTAMPTZ, max_memory_bytes DOUBLE)",
    "CREATE TABLE node_states (node VARCHAR NOT NULL, changed_at TIMESTAMPTZ NOT NULL, state VARCHAR, "
    "flags VARCHAR, reason VARCHAR, reason_by VARCHAR)",
)

_ALERTS = (
    "CREATE TABLE alert_rules (rule_id VARCHAR NOT NULL, body VARCHAR NOT NULL, changed_at TIMESTAMPTZ NOT NULL, "
    "changed_by VARCHAR NOT NULL, deleted BOOLEAN NOT NULL)",
    "CREATE TABLE alerts (alert_id VARCHAR NOT NULL, incident_id VARCHAR NOT NULL, rule_id VARCHAR NOT NULL, "
    "state VARCHAR NOT NULL, severity VARCHAR NOT NULL, node VARCHAR NOT NULL, gpu_uuid VARCHAR NOT NULL, "
    "gpu_index SMALLINT, job_id VARCHAR NOT NULL, part VARCHAR NOT NULL, affected_job VARCHAR NOT NULL, "
    '"user" VARCHAR NOT NULL, since TIMESTAMPTZ NOT NULL, fired_at TIMESTAMPTZ, resolved_at TIMESTAMPTZ, '
    "seen_at TIMESTAMPTZ, clear_since TIMESTAMPTZ, unknown_since TIMESTAMPTZ, seen_late BOOLEAN NOT NULL, "
    "flaps INTEGER NOT NULL, flapping_since TIMESTAMPTZ, check_key VARCHAR NOT NULL, value DOUBLE, explanation VARCHAR NOT NULL, action VARCHAR NOT NULL, "
    "source VARCHAR NOT NULL, cleared_by VARCHAR NOT NULL, evidence VARCHAR NOT NULL)",
    "CREATE TABLE incidents (incident_id VARCHAR NOT NULL, cause VARCHAR NOT NULL, title VARCHAR NOT NULL, "
    "severity VARCHAR NOT NULL, state VARCHAR NOT NULL, opened_at TIMESTAMPTZ NOT NULL, closed_at TIMESTAMPTZ, "
    "ack_by VARCHAR, ack_at TIMESTAMPTZ, ack_note VARCHAR, ack_until TIMESTAMPTZ, silence_id VARCHAR NOT NULL, "
    "members INTEGER NOT NULL, open_members INTEGER NOT NULL, notified_at TIMESTAMPTZ, "
    "notifications INTEGER NOT NULL, seen_late BOOLEAN NOT NULL, told_severity VARCHAR, "
    "unknown_told BOOLEAN NOT NULL)",
    'CREATE TABLE alert_events (seq BIGINT NOT NULL, "at" TIMESTAMPTZ NOT NULL, recorded_at TIMESTAMPTZ NOT NULL, kind VARCHAR NOT NULL, '
    "incident_id VARCHAR NOT NULL, alert_id VARCHAR NOT NULL, rule_id VARCHAR NOT NULL, severity VARCHAR NOT NULL, "
    "node VARCHAR NOT NULL, gpu_uuid VARCHAR NOT NULL, job_id VARCHAR NOT NULL, part VARCHAR NOT NULL, "
    '"by" VARCHAR NOT NULL, note VARCHAR NOT NULL, seen_late BOOLEAN NOT NULL)',
    'CREATE TABLE silences (silence_id VARCHAR NOT NULL, "by" VARCHAR NOT NULL, note VARCHAR NOT NULL, '
    "starts_at TIMESTAMPTZ NOT NULL, ends_at TIMESTAMPTZ NOT NULL, nodes VARCHAR[] NOT NULL, "
    "rules VARCHAR[] NOT NULL, gpus VARCHAR[] NOT NULL, jobs VARCHAR[] NOT NULL)",
    # A message a channel; written in the transaction of the step that it tells of, so none is lost or doubled.
    "CREATE TABLE outbox (message_id VARCHAR NOT NULL, channel VARCHAR NOT NULL, kind VARCHAR NOT NULL, "
    "incident_id VARCHAR NOT NULL, body VARCHAR NOT NULL, created_at TIMESTAMPTZ NOT NULL, attempts INTEGER NOT NULL, "
    "next_attempt_at TIMESTAMPTZ, delivered_at TIMESTAMPTZ, failed_at TIMESTAMPTZ, error VARCHAR NOT NULL)",
    # "evaluated": alerts are known up to until_at. "gap": what was missed since then is being looked at.
    "CREATE TABLE alert_marks (name VARCHAR NOT NULL, until_at TIMESTAMPTZ NOT NULL)",
    # One row: the number of the last batch of changes that was written, so that none is written twice.
    "CREATE TABLE alert_batches (number BIGINT NOT NULL)",
    "INSERT INTO alert_batches VALUES (0)",
)

_NOTEBOOKS = (
    "CREATE TABLE notebooks (notebook_id VARCHAR NOT NULL, author VARCHAR NOT NULL, shared VARCHAR NOT NULL, "
    "token VARCHAR NOT NULL, created_at TIMESTAMPTZ NOT NULL, deleted_at TIMESTAMPTZ)",
    # The newest version is what the notebook is. burst_at: the first of the saves that this one stands for.
    "CREATE TABLE notebook_versions (notebook_id VARCHAR NOT NULL, version INTEGER NOT NULL, title VARCHAR NOT NULL, "
    "body VARCHAR NOT NULL, cell_ids VARCHAR[] NOT NULL, saved_by VARCHAR NOT NULL, saved_at TIMESTAMPTZ NOT NULL, "
    "burst_at TIMESTAMPTZ NOT NULL)",
    "CREATE TABLE notes (note_id VARCHAR NOT NULL, since TIMESTAMPTZ NOT NULL, until TIMESTAMPTZ NOT NULL, "
    "node VARCHAR NOT NULL, gpu_uuid VARCHAR NOT NULL, job_id VARCHAR NOT NULL, text VARCHAR NOT NULL, "
    '"by" VARCHAR NOT NULL, written_at TIMESTAMPTZ NOT NULL, deleted_at TIMESTAMPTZ, deleted_by VARCHAR NOT NULL)',
)

_LAKE = (
    # A row for each span of a rollup that was written; see `changes`.
    "CREATE TABLE rollup_changes (table_name VARCHAR NOT NULL, span_at TIMESTAMPTZ NOT NULL, change BIGINT NOT NULL)",
    "CREATE SEQUENCE rollup_change",
    "CREATE TABLE store_identity (identity VARCHAR NOT NULL)",
    "INSERT INTO store_identity SELECT uuid()::VARCHAR",
)

_CHATS = (
    'CREATE TABLE chats (chat_id VARCHAR NOT NULL, "owner" VARCHAR NOT NULL, title VARCHAR NOT NULL, '
    "created_at TIMESTAMPTZ NOT NULL, changed_at TIMESTAMPTZ NOT NULL)",
    # body: the answer as JSON, whole once ended_at is set. Messages that an edited question replaced stay, with dropped_at.
    "CREATE TABLE chat_messages (message_id VARCHAR NOT NULL, chat_id VARCHAR NOT NULL, place INTEGER NOT NULL, "
    "question VARCHAR NOT NULL, about VARCHAR NOT NULL, asked_at TIMESTAMPTZ NOT NULL, view_at TIMESTAMPTZ, "
    "body VARCHAR NOT NULL, answer_text VARCHAR NOT NULL, model VARCHAR NOT NULL, prompt_tokens BIGINT, "
    "completion_tokens BIGINT, seconds DOUBLE, ended_at TIMESTAMPTZ, dropped_at TIMESTAMPTZ, "
    "thumb INTEGER NOT NULL, note VARCHAR NOT NULL)",
)

# Who changed what: rows are only ever added.
_AUDIT = (
    'CREATE TABLE audit ("at" TIMESTAMPTZ NOT NULL, "by" VARCHAR NOT NULL, signed_in BOOLEAN NOT NULL, '
    "act VARCHAR NOT NULL, subject VARCHAR NOT NULL, details VARCHAR NOT NULL)",
)

_PODS = (
    "CREATE TABLE pods (pod_id VARCHAR NOT NULL, cluster VARCHAR NOT NULL, name VARCHAR NOT NULL, gpu_type VARCHAR NOT NULL, "
    "gpu_count BIGINT NOT NULL, hourly_usd DOUBLE NOT NULL, rented_at TIMESTAMPTZ NOT NULL, how VARCHAR NOT NULL, "
    "ready_at TIMESTAMPTZ, returned_at TIMESTAMPTZ)",
)

# Step i brings a file from version i to i + 1. Steps that were released are never edited.
MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _JOBS, _ALERTS, _NOTEBOOKS, _LAKE, _CHATS, _AUDIT, _PODS)


def migrate(cursor: Cursor, path: Path, migrations: tuple[tuple[str, ...], ...] = MIGRATIONS) -> None:
    """Bring the file to the newest version, or raise StoreVersionError if it is newer or another program's."""
    found = _version(cursor, path)
    if found > len(migrations):
        raise StoreVersionError(
            f"{path} has schema version {found}, this program knows {len(migrations)}",
            hint="It was written by a newer GPU Watchdog: update this one, or set WATCHDOG_DATA_DIR.",
        )
    for version in range(found, len(migrations)):
        _step(cursor, version, migrations[version])


def _version(cursor: Cursor, path: Path) -> int:
    tables = {name for (name,) in rows(cursor, "SELECT table_name FROM duckdb_tables()")}
    if "schema_version" in tables:
        return int(rows(cursor, "SELECT max(version) FROM schema_version")[0][0])
    if tables:
        raise StoreVersionError(
            f"{path} is a DuckDB file of another program", hint="It was left untouched: set WATCHDOG_DATA_DIR."
        )
    return 0


def _step(cursor: Cursor, version: int, statements: tuple[str, ...]) -> None:
    rows(cursor, "BEGIN")
    if version == 0:
        rows(cursor, "CREATE TABLE schema_version (version INTEGER NOT NULL)")
    for statement in statements:
        rows(cursor, statement)
    rows(cursor, "INSERT INTO schema_version VALUES (?)", [version + 1])
    rows(cursor, "COMMIT")
