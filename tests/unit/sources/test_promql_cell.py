"""A query that a person wrote, put to a server that answers as told."""

from datetime import timedelta

import pandas as pd
import pytest

from tests.conftest import NOON
from tests.unit.sources.peers import Says, peer
from watchdog.base.clock import FakeClock, SystemClock
from watchdog.base.config import Config
from watchdog.base.errors import SourceFormatError, SourceLimitError
from watchdog.model.telemetry import Window
from watchdog.sources.promql_cell import MOST_POINTS, PromQuery, chosen_step

WINDOW = Window(NOON, NOON + timedelta(hours=1))
T0 = NOON.timestamp()


def data(kind, *result, **more):
    return {"status": "success", "data": {"resultType": kind, "result": [*result]}, **more}


def asked(answer, ask):
    with peer(lambda _: answer if isinstance(answer, Says) else Says(answer)) as server:
        query = PromQuery.of(Config(prometheus_url=server.url), SystemClock())
        try:
            return ask(query), server.asked
        finally:
            query.close()


def test_a_range_is_one_query_over_the_window():
    matrix = data("matrix", {"metric": {"__name__": "up", "node": "n1"}, "values": [[T0, "1"], [T0 + 15, "NaN"]]})
    answer, requests = asked(matrix, lambda q: q.range("up", WINDOW, timedelta(seconds=15)))
    form = requests[0].form
    assert requests[0].path == "/api/v1/query_range"
    assert (form["query"], float(form["start"]), float(form["end"]), form["step"]) == ("up", T0, T0 + 3600, "15.000")
    frame = answer.frame
    assert [*frame.columns] == ["sampled_at", "value", "metric", "node"]
    assert frame["sampled_at"].to_list() == [pd.Timestamp(NOON), pd.Timestamp(NOON) + pd.Timedelta(seconds=15)]
    assert frame["value"].isna().to_list() == [False, True]


def test_an_instant_answer_has_a_row_a_series_and_says_what_is_missing():
    vector = data(
        "vector",
        {"metric": {"a": "x"}, "value": [T0, "2.5"]},
        {"metric": {}, "value": [T0, "3"]},
        warnings=["slow store"],
    )
    answer, requests = asked(vector, lambda q: q.instant("up", NOON))
    assert requests[0].path == "/api/v1/query"
    assert answer.frame["value"].to_list() == [2.5, 3.0]
    assert answer.frame["a"].isna().to_list() == [False, True]
    assert answer.incomplete == ("slow store",)


def test_hostile_labels_are_data_and_never_hide_a_column():
    labels = {"value": "'; DROP TABLE x", "Value": "<script>", "sampled_at": "x", "node": 'a"b', "Node": "c"}
    vector = data("vector", {"metric": labels, "value": [T0, "1"]})
    frame = asked(vector, lambda q: q.instant("up", NOON))[0].frame
    assert frame["value"].to_list() == [1.0]
    assert len({str(name).lower() for name in frame.columns}) == len(frame.columns) == 7
    assert {*frame.iloc[0, 2:]} == {*labels.values()}


def test_more_points_than_servers_give_are_refused_before_asking():
    def ask(query):
        with pytest.raises(SourceLimitError, match=f"3,601 points|a server gives up to {MOST_POINTS:,}") as caught:
            query.range("up", Window(NOON, NOON + timedelta(days=90)), timedelta(seconds=15))
        return caught.value

    error, requests = asked(data("matrix"), ask)
    assert requests == []
    assert "a step of at least 707 s" in error.hint


@pytest.mark.parametrize(
    ("hours", "seconds"), [(1, 15), (24, 300), (24 * 7, 1800), (24 * 90, 21_600), (24 * 3650, 691_200)]
)
def test_the_chosen_step_is_round_and_gives_some_hundred_points(hours, seconds):
    window = Window(NOON, NOON + timedelta(hours=hours))
    assert chosen_step(window) == timedelta(seconds=seconds)
    assert window.length / chosen_step(window) <= 600


def test_a_query_that_cannot_be_read_tells_the_place():
    said = {
        "status": "error",
        "errorType": "bad_data",
        "error": 'invalid parameter "query": 1:4: parse error: unexpected "}"',
    }

    def ask(query):
        with pytest.raises(SourceFormatError, match='line 1, column 4: parse error: unexpected "}"') as caught:
            query.instant("up{}}", NOON)
        return caught.value

    asked(Says(said, status=400), ask)


def test_a_number_is_no_series_and_the_hint_says_how_to_make_one():
    def ask(query):
        with pytest.raises(SourceFormatError, match="no series") as caught:
            query.instant("1", NOON)
        return caught.value

    assert "vector(" in asked({"status": "success", "data": {"resultType": "scalar", "result": [T0, "1"]}}, ask)[0].hint


def test_labels_by_the_hundred_are_refused():
    vector = data("vector", {"metric": {f"l{n}": "x" for n in range(100)}, "value": [T0, "1"]})

    def ask(query):
        with pytest.raises(SourceLimitError, match="100 labels"):
            query.instant("up", NOON)

    asked(vector, ask)


def test_without_a_server_there_is_nobody_to_ask():
    assert PromQuery.of(Config(), FakeClock(NOON)) is None
