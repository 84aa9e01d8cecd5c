"""What a question is answered with: rows, types, errors with their place, and limits."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pytest

from tests.unit.sandbox.conftest import QUICK
from watchdog.base.errors import SqlError
from watchdog.sandbox.limits import MIB, Limits
from watchdog.sandbox.process import Question


def refused(place, sql, parameters=None, inputs=None, limits=QUICK) -> SqlError:
    with pytest.raises(SqlError) as caught:
        place.ask(sql, parameters, inputs, limits)
    return caught.value


def test_a_question_is_answered_with_instants_marked_as_utc(place):
    first = place.rows("SELECT node, bucket_at, avg FROM samples ORDER BY bucket_at LIMIT 1")[0]
    assert first == {"node": "n1", "bucket_at": datetime(2026, 3, 1, tzinfo=UTC), "avg": 0.1}


def test_a_missing_value_stays_missing(place):
    assert place.rows("SELECT node, avg FROM samples WHERE avg IS NULL") == [{"node": None, "avg": None}]


def test_a_table_without_files_has_its_columns_and_no_rows(place):
    answer = place.ask("SELECT * FROM jobs")
    assert answer.table.column_names == ["job_id", "gpus"]
    assert len(answer.table) == 0


def test_durations_and_whole_sums_keep_their_kind(place):
    answer = place.ask(
        "SELECT max(bucket_at) - min(bucket_at) AS took, sum(3) AS n, 1.5::DECIMAL(9, 1) AS d FROM samples"
    )
    assert answer.table.schema.types == [pa.duration("us"), pa.int64(), pa.float64()]
    assert answer.table.to_pylist() == [{"took": timedelta(hours=3), "n": 12, "d": 1.5}]


def test_intervals_with_missing_ones_among_them(place):
    sql = "SELECT CASE WHEN i % 3 <> 0 THEN INTERVAL 1 MINUTE * i END AS took FROM range(20) AS r(i) WHERE i > 4"
    want = [timedelta(minutes=i) if i % 3 else None for i in range(5, 20)]
    assert [row["took"] for row in place.rows(sql)] == want


def test_two_columns_of_one_name_get_two_names(place):
    assert place.ask("SELECT 1 AS a, 2 AS a").table.column_names == ["a", "a_2"]


def test_an_earlier_answer_is_a_table_and_its_instants_compare_with_the_tables(place):
    before = place.ask("SELECT * FROM samples WHERE node = 'n2'").table
    rows = place.rows("SELECT s.node FROM cell_1 JOIN samples AS s USING (bucket_at)", inputs={"cell_1": before})
    assert rows == [{"node": "n2"}]


@pytest.mark.parametrize("name", ["samples", "SAMPLES", "a b", '"; DROP', "1a", ""])
def test_an_earlier_answer_cannot_take_a_tables_name_or_an_odd_one(place, name):
    assert "cannot be called" in str(refused(place, "SELECT 1", inputs={name: pa.table({"x": [1]})}))


def test_errors_name_line_and_column_also_after_wide_characters(place):
    error = refused(place, "SELECT node,\n  'größe 😀' || nope\nFROM samples")
    assert (error.line, error.column) == (2, 16)
    assert 'column "nope"' in str(error)


def test_a_misspelt_table_is_told_with_the_near_one(place):
    error = refused(place, "SELECT *\nFROM sample")
    assert (error.line, error.column, error.hint) == (2, 6, "Did you mean samples?")


def test_a_conversion_that_fails_late_tells_its_place(place):
    error = refused(place, "SELECT node::INTEGER FROM samples")
    assert error.kind == "failed"
    assert "Could not convert" in str(error)


def test_rows_are_capped_and_the_answer_says_so(place):
    answer = place.ask("FROM range(1000000000)", limits=Limits(rows=1000))
    assert (len(answer.table), answer.cut, answer.truncated) == (1000, "cut at 1,000 rows", True)


def test_a_whole_answer_of_just_that_many_rows_is_not_called_cut(place):
    assert place.ask("FROM range(1000)", limits=Limits(rows=1000)).cut == ""


def test_bytes_are_capped_and_the_answer_says_so(place):
    answer = place.ask("SELECT repeat('x', 1000) AS x FROM range(10000)", limits=Limits(result_bytes=2 * MIB))
    assert answer.cut == "cut at 2 MiB"
    assert 1000 < len(answer.table) < 2200


def test_long_cells_end_in_an_ellipsis(place):
    sql = "SELECT repeat('ä', 50) AS text, repeat('x', 5) AS short, list_value(repeat('y', 50)) AS list, repeat('z', 50)::BLOB AS blob"
    row = place.rows(sql, limits=Limits(cell_chars=10))[0]
    assert row["text"] == "ä" * 10 + "…"
    assert row["short"] == "x" * 5
    assert len(row["list"]) == 11
    assert row["blob"] == b"z" * 10


def test_a_million_rows_arrive(place):
    assert len(place.ask("FROM range(1000000)", limits=Limits(seconds=60)).table) == 1_000_000


def test_time_is_bounded(place):
    begin = time.monotonic()
    error = refused(
        place,
        "SELECT count(*) FROM range(10000000) AS a(i), range(10000000) AS b(j) WHERE (i * j) % 7 = 1",
        limits=Limits(seconds=1.5),
    )
    assert error.kind == "timeout"
    assert time.monotonic() - begin < 6


def test_a_question_can_be_stopped_at_once(place):
    running = place.sandbox.start(
        Question("SELECT count(*) FROM range(10000000) AS a(i), range(10000000) AS b(j) WHERE (i * j) % 7 = 1")
    )
    threading.Timer(0.7, running.cancel).start()
    begin = time.monotonic()
    with pytest.raises(SqlError) as caught:
        running.wait()
    assert caught.value.kind == "cancelled"
    assert time.monotonic() - begin < 4
    running.cancel()


def test_a_waiting_worker_that_died_is_replaced(place):
    place.sandbox.warm()
    place.sandbox._spare._process.kill()
    place.sandbox._spare._process.wait()
    assert place.rows("SELECT 1 AS x") == [{"x": 1}]


def test_a_worker_answers_once_and_leaves_no_process(place):
    running = place.sandbox.start(Question("SELECT 1"))
    running.wait()
    assert running._process.returncode is not None


def test_values_are_bound_by_name_whatever_their_case_and_ones_not_asked_for_are_no_matter(place):
    sql = "SELECT $Node AS a, $since::TIMESTAMP AS b"
    zone = timezone(timedelta(hours=2))
    values = {"node": "x", "since": datetime(2026, 3, 1, 12, tzinfo=zone), "more": 1}
    assert place.rows(sql, values) == [{"a": "x", "b": datetime(2026, 3, 1, 10, tzinfo=UTC)}]


def test_an_instant_with_a_zone_compares_with_the_tables(place):
    since = datetime(2026, 3, 1, 2, tzinfo=UTC)
    assert place.rows("SELECT count(*) AS n FROM samples WHERE bucket_at >= $since", {"since": since}) == [{"n": 2}]


def test_a_missing_value_for_a_name_is_told(place):
    error = refused(place, "SELECT $node, $gpu", {"node": "a"})
    assert str(error) == "there is no value for $gpu"
    assert error.hint == "There are: $node."


@pytest.mark.parametrize("value", [2**70, object(), "\ud800", [1, "a"]])
def test_a_value_that_is_none_is_refused_by_its_name(place, value):
    assert "$x" in str(refused(place, "SELECT $x", {"x": value}))


def test_limits_longer_than_files_live_are_refused():
    with pytest.raises(ValueError, match="240 s"):
        Limits(seconds=241)
