"""Whatever a server sends, an answer comes back that is not empty without saying why."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fake_vllm import DONE, STREAM_HEAD, Reply, page
from watchdog.assistant.limits import Limits
from watchdog.assistant.records import Ending

words = st.sampled_from(
    ["", "a", "cpu", "query_metrics", "stop", "length", "{", '{"metric": "cpu"}', "\ud800", "<think>"]
)
plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words
anything = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3), max_leaves=6
)


def like(**fields):
    """An object with some of these fields, each as it should be or anything."""
    return st.fixed_dictionaries({}, optional={name: value | anything for name, value in fields.items()})


function = like(name=words, arguments=words)
call = like(index=st.integers(-1, 3), id=words, type=words, function=function)
delta = like(role=words, content=words, reasoning=words, reasoning_content=words, tool_calls=st.lists(call, max_size=3))
choice = like(index=st.integers(0, 2), delta=delta, message=delta, finish_reason=words)
usage = like(prompt_tokens=st.integers(), completion_tokens=st.integers())
chunk = like(choices=st.lists(choice, max_size=2), usage=usage, error=anything, model=words)
raw = st.binary(max_size=30)


def sse(body):
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def check(came):
    answer = came.answer
    assert answer.text or answer.notices
    assert answer.ending in {Ending.ANSWERED, Ending.LIMIT, Ending.FAILED}
    answer.text.encode()
    for message in came.server.requests[-1]["messages"]:
        for asked in message.get("tool_calls", ()):
            assert isinstance(json.loads(asked["function"]["arguments"]), dict)


@pytest.fixture
def limits():
    return Limits(steps=3)


few = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@few
@given(st.lists(chunk | anything, max_size=6))
def test_any_events(ask, limits, bodies):
    check(ask(Reply(STREAM_HEAD, [*map(sse, bodies), DONE]), limits=limits, silence_seconds=60))


@few
@given(st.lists(raw | st.sampled_from([b"data: ", b"\n\n", b"event: error\n", DONE]), max_size=8))
def test_any_bytes(ask, limits, parts):
    check(ask(Reply(STREAM_HEAD, [part for part in parts if part]), limits=limits, silence_seconds=60))


@few
@given(chunk | anything, st.sampled_from([200, 204, 400, 401, 404, 418, 422]))
def test_any_whole_body(ask, limits, body, status):
    raw_body = json.dumps(body).encode()
    check(ask(page(raw_body, status, "application/json"), limits=limits, silence_seconds=60))
