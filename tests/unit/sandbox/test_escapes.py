"""What a question tries beyond asking: each gets a clear word within its limits, and the server's folder stays as it is."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.conftest import ROOT
from tests.unit.sandbox.conftest import QUICK
from watchdog.base.errors import SqlError
from watchdog.sandbox import engine
from watchdog.sandbox.limits import MIB, Limits

# {root}: the server's folder.
WRITES = [
    "DROP TABLE samples",
    "DROP VIEW samples",
    "CREATE TABLE t (x INT)",
    "CREATE TEMP TABLE t AS SELECT 1",
    "CREATE VIEW v AS SELECT 1",
    "CREATE MACRO m() AS TABLE SELECT * FROM read_csv('{root}/secret.csv')",
    "CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')",
    "CREATE SEQUENCE s",
    "INSERT INTO samples VALUES ('x', now(), 1)",
    "UPDATE samples SET node = 'x'",
    "DELETE FROM samples",
    "TRUNCATE samples",
    "ALTER TABLE samples ADD COLUMN x INT",
    "WITH x AS (INSERT INTO samples VALUES ('x', now(), 1) RETURNING *) SELECT * FROM x",
    "WITH x AS (DELETE FROM samples RETURNING *) SELECT * FROM x",
    "WITH x AS (UPDATE samples SET node = 'x' RETURNING *) SELECT * FROM x",
    "SELECT * FROM (INSERT INTO samples VALUES ('x', now(), 1) RETURNING *)",
    "COPY samples TO '{root}/history/out.parquet'",
    "COPY (SELECT 1) TO '{root}/history/samples/a.parquet' (FORMAT parquet)",
    "COPY (SELECT 1) TO '/dev/stdout'",
    "EXPORT DATABASE '{root}/history/x'",
    "IMPORT DATABASE '{root}/history/x'",
    "ATTACH '{root}/watchdog.duckdb' AS theirs",
    "ATTACH ':memory:' AS other",
    "DETACH memory",
    "USE memory",
    "CHECKPOINT",
    "VACUUM",
    "BEGIN",
    "COMMIT",
]
SETTINGS = [
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "RESET memory_limit",
    "SET VARIABLE x = 1",
    "PRAGMA enable_profiling",
    "PRAGMA database_list",
    "PRAGMA memory_limit = '64GB'",
    "CALL enable_logging()",
    "CALL pragma_database_size()",
    "INSTALL httpfs",
    "FORCE INSTALL httpfs FROM community",
    "LOAD httpfs",
    "LOAD '{root}/history/x.duckdb_extension'",
    "UPDATE EXTENSIONS",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "EXPLAIN ANALYZE SELECT 1",
    "SELECT current_setting('allowed_paths')",
    "SELECT Current_Setting('temp_directory')",
    "SELECT getenv('HOME')",
    "SELECT getvariable('x')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM duckdb_databases()",
    "SELECT * FROM duckdb_views()",
    "SELECT * FROM duckdb_temporary_files()",
    "SELECT * FROM pragma_database_list()",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM pg_catalog.pg_views",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM pg_settings",
    "SELECT * FROM main.samples",
    "SELECT * FROM memory.main.samples",
    "SHOW DATABASES",
    "SHOW ALL TABLES",
]
READS = [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_csv_auto('{root}/secret.csv')",
    "SELECT * FROM read_text('{root}/secret.csv')",
    "SELECT * FROM read_blob('{root}/watchdog.duckdb')",
    "SELECT * FROM read_json('/etc/passwd')",
    "SELECT * FROM read_parquet('{root}/history/samples/*.parquet')",
    "SELECT * FROM parquet_scan('{root}/history/samples/a.parquet')",
    "SELECT * FROM parquet_metadata('{root}/history/samples/a.parquet')",
    "SELECT * FROM sniff_csv('{root}/secret.csv')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM '{root}/secret.csv'",
    "SELECT * FROM '{root}/history/link.csv'",
    "SELECT * FROM '/proc/self/environ'",
    "SELECT * FROM 'https://example.com/x.parquet'",
    "SELECT * FROM 's3://bucket/x.parquet'",
    'SELECT * FROM "{root}/history/samples/a.parquet"',
    "SELECT * FROM query('SELECT 42')",
    "SELECT * FROM query_table('samples')",
    "SELECT * FROM query_table(['duckdb_settings'])",
    "WITH RECURSIVE t AS (SELECT * FROM read_text('/etc/passwd')) SELECT * FROM t",
    "SELECT (SELECT content FROM read_text('/etc/passwd')) AS x",
    "SELECT * FROM samples WHERE node IN (SELECT filename FROM read_text('/etc/*'))",
    "SELECT * FROM samples UNION ALL SELECT * FROM read_csv('/etc/passwd')",
    "DESCRIBE SELECT * FROM read_csv('/etc/passwd')",
    "SUMMARIZE '/etc/passwd'",
    "SELECT * FROM pandas_frame",
    "SELECT * FROM connection",
    "SELECT * FROM sql",
    "SELECT * FROM python_map_function()",
    "SELECT * FROM arrow_scan(1, 2, 3)",
    "SELECT * FROM seq_scan('samples')",
    "SELECT * FROM read_duckdb('{root}/watchdog.duckdb')",
    "PIVOT samples ON node USING count(*)",
    "",
    "-- nothing",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP VIEW samples",
    "; ;",
    "SELECT 1 \x00",
    "\ud800",
]


@pytest.mark.parametrize("sql", [*WRITES, *SETTINGS, *READS], ids=lambda sql: ascii(sql)[:60])
def test_what_is_no_question_to_history_is_refused_and_changes_nothing(place, sql):
    before = place.fingerprint()
    with pytest.raises(SqlError) as caught:
        place.ask(sql.replace("{root}", str(place.root)))
    assert caught.value.kind in {"refused", "failed"}, str(caught.value)
    told = f"{caught.value} {caught.value.hint}"
    assert "hunter2" not in told
    assert "root:" not in told
    assert place.fingerprint() == before


def outcome(place, sql, limits):
    try:
        return "answered", len(place.ask(sql, limits=limits).table)
    except SqlError as error:
        return error.kind, 0


BOMBS = [
    "SELECT count(*) FROM samples a, samples b, samples c, range(1000000) d, range(1000000) e, range(1000000) f",
    "WITH RECURSIVE t(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM t) SELECT count(*) FROM t",
    "WITH RECURSIVE t(a) AS (SELECT 'x' UNION ALL SELECT a || a FROM t) SELECT max(length(a)) FROM t",
    "SELECT repeat('a', 1000000000) || repeat('b', 1000000000)",
    "SELECT length(repeat('a', 4000000000))",
    "SELECT list_sum(range(1, 100000000000))",
    "SELECT string_agg(repeat('a', 1000000), ',') FROM range(1000000)",
    "SELECT lpad('x', 2000000000, 'y')",
    "SELECT array_agg(i) FROM range(10000000000) AS r(i)",
    "SELECT i FROM range(10000000000) AS r(i) ORDER BY hash(i)",
    "SELECT DISTINCT i FROM range(10000000000) AS r(i)",
    "SELECT regexp_matches(repeat('a', 100000), '(a*)*b')",
    "SELECT bit_count(repeat('1', 2000000000)::BIT)",
    "SELECT " + "(" * 30000 + "1" + ")" * 30000,
    "SELECT " + "1+" * 40000 + "1",
    "SELECT " + "[" * 5000 + "1" + "]" * 5000,
    "SELECT " + "(SELECT " * 3000 + "1" + ")" * 3000,
    "SELECT " + ",".join(f"1 AS c{i}" for i in range(9000)) + " FROM range(100000000)",
    "SELECT CASE " + "WHEN 1=2 THEN 1 " * 6000 + "END",
    "SELECT 1 " + "UNION ALL SELECT 1 " * 5000,
]


@pytest.mark.parametrize("sql", BOMBS, ids=lambda sql: f"{len(sql)} {sql[:50]}")
def test_what_would_take_everything_ends_within_its_limits(place, sql):
    begin = time.monotonic()
    kind, rows = outcome(place, sql, Limits(seconds=1, memory_bytes=128 * MIB, rows=1000))
    assert kind in {"answered", "memory", "timeout", "failed", "refused", "crashed"}
    assert rows <= 1000
    assert time.monotonic() - begin < 12


def test_a_question_of_many_megabytes_is_refused_at_sight(place):
    with pytest.raises(SqlError, match="longer than 100,000 characters"):
        place.ask("SELECT '" + "x" * 200_000 + "'")


def test_after_all_that_questions_are_answered_as_before(place):
    assert place.rows("SELECT count(*) AS n FROM samples") == [{"n": 4}]


# The second wall: what DuckDB's own settings refuse where the look at the statement is left out.
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('{root}/secret.csv')",
        "SELECT * FROM read_text('{root}/history/link.csv')",
        "SELECT * FROM '{root}/secret.csv'",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM pandas_frame",
        "COPY (SELECT 1) TO '{root}/history/out.csv'",
        "ATTACH '{root}/history/new.duckdb'",
        "CREATE TABLE t AS SELECT 1",
        "WITH x AS (INSERT INTO samples VALUES ('x', now(), 1) RETURNING *) SELECT * FROM x",
        "SET threads = 64",
        "LOAD httpfs",
    ],
)
def test_the_engine_refuses_by_itself(place, monkeypatch, sql):
    pandas_frame = {"x": [1]}
    monkeypatch.setattr(engine, "check", lambda *_: frozenset())
    tables = {name: engine.TableFiles(**table) for name, table in place.tables.items()}
    before = place.fingerprint()
    with pytest.raises(SqlError):
        engine.answer(engine.opened(), sql.replace("{root}", str(place.root)), {}, tables, {}, QUICK)
    assert place.fingerprint() == before
    del pandas_frame


# The third wall: what the kernel refuses to a worker, whatever code runs in it.
CONFINED = """
import os, socket, sys
from watchdog.sandbox import confine
folder, secret, asker, port, want = sys.argv[1:]
told = [confine.leave_network(), confine.read_only(folder)]
confine.limit(5, 2**28, 1)
if any(told):
    sys.exit("; ".join(filter(None, told)))
print(open(os.path.join(folder, "samples", "a.parquet"), "rb").read(4))
exec(want)
print("IT WORKED")
"""


@pytest.mark.parametrize(
    "want",
    [
        "open(secret)",
        "open(os.path.join(folder, 'link.csv'))",
        "open('/etc/passwd')",
        "os.listdir('/')",
        "open(os.path.join(folder, 'new'), 'w')",
        "open(os.path.join(folder, 'samples', 'a.parquet'), 'r+b')",
        "os.unlink(os.path.join(folder, 'samples', 'a.parquet'))",
        "os.mkdir('/tmp/watchdog-escape')",
        "os.kill(int(asker), 0)",
        "open(f'/proc/{asker}/environ', 'rb').read()",
        "socket.create_connection(('127.0.0.1', int(port)), timeout=1)",
        "socket.socket().bind(('127.0.0.1', 0))",
        "os.execv('/bin/sh', ['sh', '-c', 'echo IT WORKED'])",
        "bytearray(2**31)",
    ],
)
def test_the_kernel_refuses_by_itself(place, want):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        told = [place.folder, place.secret, os.getpid(), port, want]
        code = [sys.executable, "-c", CONFINED, *map(str, told)]
        done = subprocess.run(code, cwd=ROOT, capture_output=True, text=True, check=False)
    if "no Landlock" in done.stderr or "no network" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert "PAR1" in done.stdout, done.stderr
    assert "IT WORKED" not in done.stdout


def test_processor_time_is_bounded_by_the_kernel(place):
    code = [
        sys.executable,
        "-c",
        "from watchdog.sandbox import confine\nconfine.limit(0.1, 2**28, 1)\nwhile True: pass",
    ]
    done = subprocess.run(code, cwd=ROOT, check=False, timeout=60)
    assert done.returncode == -signal.SIGXCPU


def test_a_worker_has_nothing_of_the_servers_environment(place, monkeypatch):
    monkeypatch.setenv("WATCHDOG_PROMETHEUS_TOKEN", "hunter2")
    place.sandbox.warm()
    pid = place.sandbox._spare._process.pid
    with open(f"/proc/{pid}/environ", "rb") as file:
        assert b"hunter2" not in file.read()


def test_what_the_kernel_cannot_give_is_told(place):
    assert all("Landlock" in words or "network" in words for words in place.ask("SELECT 1").unprotected)
