"""Answers of servers into numbers."""

import gc
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.base.errors import SourceFormatError
from watchdog.sources.decode import decoded, error_text, quiet


def body(result, kind="matrix", **more):
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}, **more}).encode()


def test_a_matrix_becomes_columns():
    got = decoded(
        body([{"metric": {"a": "1"}, "values": [[1.5, "2"], [2, "-3e-7"]]}, {"metric": {}, "values": [[9, "1"]]}])
    )
    assert got.counts.tolist() == [2, 1]
    assert got.at_micros.tolist() == [1_500_000, 2_000_000, 9_000_000]
    assert got.value.tolist() == [2, -3e-7, 1]
    assert json.loads(got.labels[0]) == {"a": "1"}


def test_a_vector_becomes_columns():
    got = decoded(body([{"metric": {}, "value": [1.5, "2"]}, {"metric": {}, "value": [1.5, "3"]}], "vector"))
    assert got.counts.tolist() == [1, 1]
    assert got.value.tolist() == [2, 3]


def test_nan_and_infinities_are_numbers():
    got = decoded(body([{"metric": {}, "values": [[1, "NaN"], [2, "+Inf"], [3, "-Inf"], [4, "9223372036854776000"]]}]))
    np.testing.assert_array_equal(got.value, [np.nan, np.inf, -np.inf, 2.0**63])


def test_nothing_is_nothing():
    assert len(decoded(body([]))) == 0
    assert len(decoded(body([{"metric": {}, "values": []}]))) == 0


def test_series_with_histograms_only_have_no_samples():
    got = decoded(body([{"metric": {}, "histograms": [[1, {}]]}, {"metric": {}, "values": [[1, "5"]]}]))
    assert got.counts.tolist() == [0, 1]
    assert got.value.tolist() == [5]


def test_series_are_put_in_the_order_asked_for():
    result = [{"metric": {"n": str(n)}, "values": [[n, str(n)]]} for n in range(4)]
    assert decoded(body(result), lambda _: [3, 1]).value.tolist() == [3, 1]


def test_partial_answers_and_warnings_are_remarks():
    got = decoded(body([], warnings=["store 3 is down", "store 3 is down"], isPartial=True, infos=["rate of a gauge"]))
    assert got.remarks == ("some storage nodes did not answer", "store 3 is down", "rate of a gauge")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<html>Sign in</html>",
        b"null",
        b"[]",
        b'{"status":"success"}',
        b'{"status":"success","data":{"resultType":"string","result":[1,"x"]}}',
        b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"x"]]}]}}',
        b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[["1","2","3"]]}]}}',
        b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"2',
        b'{"status":"error","error":"no"}',
        b'{"status":"success","data":{"resultType":"matrix","result":{"a":1}}}',
    ],
)
def test_what_is_not_prometheus_json_is_refused_with_a_hint(text):
    with pytest.raises(SourceFormatError) as caught:
        decoded(text)
    assert caught.value.hint


@given(st.binary(max_size=100))
def test_garbage_raises_nothing_but_a_format_error(text):
    with pytest.raises(SourceFormatError):
        decoded(text)


@given(st.lists(st.lists(st.tuples(st.integers(0, 10**13), st.floats()), max_size=5), max_size=5))
def test_every_float_and_millisecond_survives(series):
    result = [{"metric": {}, "values": [[ms / 1000, str(v).replace("inf", "Inf")] for ms, v in one]} for one in series]
    got = decoded(body(result))
    assert got.at_micros.tolist() == [ms * 1000 for one in series for ms, _ in one]
    np.testing.assert_array_equal(got.value, [v for one in series for _, v in one])


def test_errors_are_read_in_every_shape():
    assert error_text(b'{"status":"error","errorType":"execution","error":"too many"}') == ("execution", "too many")
    assert error_text(b'"exceeded maximum resolution"') == ("", "exceeded maximum resolution")
    assert error_text(b"<h1>Bad gateway</h1>") == ("", "Bad gateway")


def test_the_garbage_collector_is_off_inside_and_on_after():
    with quiet():
        with quiet():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
