"""Values are bound, never pasted: whatever they hold, they come back as they are."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from watchdog.sandbox.cells import plain, without_zone
from watchdog.sandbox.engine import answer, opened
from watchdog.sandbox.limits import Limits
from watchdog.sandbox.process import _parameters

_TEXTS = st.one_of(
    st.text(),
    st.sampled_from(
        ["'; DROP TABLE samples; --", "$x", "' OR 1=1", '"', "\\", "\x00", "%s", "{x}", "/*", "😀", "NULL"]
    ),
)
_OLD, _FAR = (datetime(year, 1, 1, tzinfo=UTC).replace(tzinfo=None) for year in (1700, 2300))
_INSTANTS = st.datetimes(_OLD, _FAR, timezones=st.just(UTC))
_VALUES = st.one_of(
    _TEXTS,
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.booleans(),
    st.none(),
    _INSTANTS,
    st.lists(_TEXTS, min_size=1, max_size=4),
)


def asked(sql, values):
    """As a worker does, in this process: it is the binding that is tried."""
    sent = without_zone(_parameters(values)).to_pylist()[0]
    return plain(answer(opened(), sql, sent, {}, {}, Limits()).table).to_pylist()


@settings(max_examples=150, deadline=None)
@given(value=_VALUES)
def test_every_value_comes_back_as_it_is(value):
    assert asked("SELECT $x AS x", {"x": value}) == [{"x": value}]


@settings(max_examples=60, deadline=None)
@given(text=_TEXTS)
def test_a_text_in_a_condition_matches_itself_alone(text):
    sql = "SELECT count(*) AS n FROM (VALUES ('a'), ('b'), ($x)) AS v(t) WHERE t = $x"
    assert asked(sql, {"x": text}) == [{"n": 1 + (text in {"a", "b"})}]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(st.none(), _INSTANTS),
        max_size=9,
    ),
    st.integers(0, 4),
)
def test_instants_of_earlier_answers_survive_going_in_and_out(instants, start):
    table = pa.table({"at": pa.array(instants, pa.timestamp("us", tz="UTC"))}).slice(start)
    assert plain(without_zone(table)).to_pylist() == table.to_pylist()
