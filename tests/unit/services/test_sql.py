"""Questions to history as people ask them: the documented tables are what they say, and every worked question runs."""

from __future__ import annotations

import re
import threading
from datetime import timedelta

import pytest

from tests.conftest import NOON, ROOT
from tests.history_store import SINCE, UNTIL
from watchdog.base.clock import FakeClock
from watchdog.base.errors import SqlError, StoreLockedError
from watchdog.model.questions import QUESTIONS
from watchdog.model.tables import TABLES
from watchdog.sandbox.limits import Limits
from watchdog.services.history import History
from watchdog.services.history_reference import history_page
from watchdog.services.sql import SqlService

MIDDLE = SINCE + (UNTIL - SINCE) / 2


@pytest.fixture(scope="module")
def service(history_store, tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "watchdog.duckdb"
    history = History(path, FakeClock(NOON))
    history._store = history_store
    made = SqlService(history, path, FakeClock(NOON), {"": 2.0}, Limits(seconds=60))
    yield made
    made.close()


def rows(service, sql, **parameters):
    return service.run(sql, parameters).table.to_pylist()


@pytest.mark.parametrize("name", TABLES)
def test_columns_and_types_are_the_documented_ones(service, name):
    got = [(row["column_name"], row["column_type"]) for row in rows(service, f"DESCRIBE {name}")]
    assert got == [(column.name, column.type) for column in TABLES[name].columns]


@pytest.mark.parametrize("name", TABLES)
def test_every_example_runs_and_gives_rows(service, name):
    example = TABLES[name].example
    bounds = {"since": SINCE - timedelta(days=1), "until": UNTIL}
    assert rows(service, example, **bounds)


def test_every_table_and_column_has_a_meaning_and_names_are_not_reserved_words(service):
    for table in TABLES.values():
        assert table.row.endswith(".")
        names = [column.name for column in table.columns]
        assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)
        rows(service, f"SELECT {', '.join(names)} FROM {table.name} LIMIT 1")
    assert all(table.begins in [c.name for c in table.columns] for table in TABLES.values() if table.begins)


@pytest.mark.parametrize("key", QUESTIONS)
def test_every_worked_question_runs_and_gives_rows(service, key):
    question = QUESTIONS[key]
    # The middle, so that there is a window before it to compare with.
    since = MIDDLE if key == "two-windows" else SINCE
    found = rows(service, question.sql, since=since, until=UNTIL, **question.parameters)
    assert found
    used = set(re.findall(r"\$(\w+)", question.sql))
    assert used - {"since", "until"} == {*question.parameters}


def test_there_are_at_least_fifteen_worked_questions_with_titles_that_ask():
    assert len(QUESTIONS) >= 15
    assert all(question.title.endswith("?") and question.explanation.endswith(".") for question in QUESTIONS.values())


def test_wasted_hours_add_up_to_what_jobs_held(service):
    held = rows(service, QUESTIONS["wasted-hours"].sql, since=SINCE, until=UNTIL)
    sql = """SELECT sum(epoch(least(coalesce(ended_at, last_seen_at), $until) - greatest(started_at, $since)) * n) / 3600 AS h
        FROM (SELECT j.*, count(*) AS n FROM jobs AS j JOIN job_gpus AS g USING (job_id, submitted_at) GROUP BY ALL)
        WHERE started_at < $until AND coalesce(ended_at, last_seen_at) > $since"""
    want = rows(service, sql, since=SINCE, until=UNTIL)[0]["h"]
    assert sum(row["held_gpu_hours"] for row in held) == pytest.approx(want, rel=0.1)


def test_costs_are_the_hours_times_the_price(service):
    sql = "SELECT gpu_hours, cost_usd, usd_per_gpu_hour FROM costs"
    found = rows(service, sql)
    assert found
    assert all(row["cost_usd"] == pytest.approx(2.0 * row["gpu_hours"]) for row in found)


def test_without_a_price_there_is_no_cost_rather_than_none_at_all(history_store, tmp_path):
    history = History(tmp_path / "watchdog.duckdb", FakeClock(NOON))
    history._store = history_store
    free = SqlService(history, tmp_path / "watchdog.duckdb", FakeClock(NOON))
    found = rows(free, "SELECT count(cost_usd) AS priced, sum(gpu_hours) AS hours FROM costs")[0]
    free.close()
    assert found["priced"] == 0
    assert found["hours"] > 0


def test_a_price_by_type_wins_over_that_of_any(history_store, tmp_path):
    history = History(tmp_path / "watchdog.duckdb", FakeClock(NOON))
    history._store = history_store
    kinds = [kind for (kind,) in history_store_types(history_store)]
    priced = SqlService(history, tmp_path / "watchdog.duckdb", FakeClock(NOON), {"": 1.0, kinds[0].lower(): 7.0})
    found = {
        row["gpu_type"]: row["usd"]
        for row in rows(priced, "SELECT gpu_type, any_value(usd_per_gpu_hour) AS usd FROM costs GROUP BY gpu_type")
    }
    priced.close()
    assert found == {kind: 7.0 if kind == kinds[0] else 1.0 for kind in found}


def history_store_types(store):
    with store.read() as (cursor, _):
        return cursor.execute(
            "SELECT DISTINCT gpu_type FROM jobs WHERE gpus > 0 AND started_at IS NOT NULL AND gpu_type <> '' ORDER BY 1"
        ).fetchall()


def test_where_the_store_cannot_be_read_the_last_copy_answers_and_says_so(history_store, tmp_path):
    history = History(tmp_path / "watchdog.duckdb", FakeClock(NOON))
    history._store = history_store
    clock = FakeClock(NOON)
    service = SqlService(history, tmp_path / "watchdog.duckdb", clock)
    before = rows(service, "SELECT count(*) AS n FROM gpus")
    assert service.stale is None

    def locked():
        raise StoreLockedError("the file is open in another process")

    history.store = locked
    clock.sleep(600)
    assert rows(service, "SELECT count(*) AS n FROM gpus") == before
    assert isinstance(service.stale, StoreLockedError)
    service.close()


def test_without_store_and_copy_the_reason_is_told(tmp_path):
    (tmp_path / "watchdog.duckdb").write_bytes(b"not a database, but something else")
    service = SqlService(
        History(tmp_path / "watchdog.duckdb", FakeClock(NOON)), tmp_path / "watchdog.duckdb", FakeClock(NOON)
    )
    with pytest.raises(SqlError, match="is not a DuckDB file"):
        service.run("SELECT 1")
    service.close()


def test_questions_are_answered_side_by_side(service):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(rows(service, "SELECT count(*) AS n FROM gpu_samples_1m")))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert all(each == found[0] for each in found)


def test_the_page_of_tables_is_the_one_made_from_them():
    assert (ROOT / "docs" / "history-schema.md").read_text() == history_page(), "run: python -m watchdog docs history"
