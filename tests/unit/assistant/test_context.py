"""The conversation within its bounds."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.assistant.model_kit import table
from watchdog.assistant.context import Conversation, remembered
from watchdog.assistant.records import Answer, Ending, Turn
from watchdog.assistant.stream import Call


def talk(results=3, size=3_000, earlier=2):
    turns = [Turn(f"Question {n}?", Answer(f"Answer {n} [1].", Ending.ANSWERED, "tiny")) for n in range(earlier)]
    made = Conversation("Rules.", "Why?", remembered(turns))
    for n in range(results):
        made.add_said("", [Call(0, f"call-{n}", "find", "{}")])
        made.add_result(f"call-{n}", f"[{n + 1}] whole {'x' * size}", f"[{n + 1}] short")
    return made


def results(messages):
    return [m["content"].split()[1] for m in messages if m["role"] == "tool"]


def test_all_is_said_where_there_is_room():
    messages = talk().messages(100_000)
    assert results(messages) == ["whole", "whole", "whole"]
    assert sum(m["role"] == "user" for m in messages) == 3


def test_the_oldest_results_shrink_first_and_the_newest_stays():
    assert results(talk().messages(7_000)) == ["short", "whole", "whole"]
    assert results(talk().messages(4_500)) == ["short", "short", "whole"]


def test_old_turns_go_when_short_results_are_not_enough():
    messages = talk(results=1, earlier=8).messages(300)
    assert messages[0] == {"role": "system", "content": "Rules."}
    assert "Question 0?" not in json.dumps(messages)
    assert {"role": "user", "content": "Why?"} in messages


@given(st.integers(0, 6), st.integers(1, 5_000), st.integers(0, 8), st.integers(1, 20_000))
def test_every_result_follows_its_call_however_short_it_gets(count, size, earlier, room):
    open_calls = []
    for message in talk(count, size, earlier).messages(room):
        open_calls += [call["id"] for call in message.get("tool_calls", ())]
        if message["role"] == "tool":
            assert open_calls.pop(0) == message["tool_call_id"]
    assert open_calls == []


def test_an_earlier_answer_keeps_its_words_and_the_titles_of_what_it_rested_on():
    long = Answer("n1 is idle [1]. " * 500, Ending.ANSWERED, "tiny", evidence=(table("t", (), title="CPU\nof n1"),))
    ((question, answer),) = remembered([Turn("Why?", long)])
    assert question["content"] == "Why?"
    assert "[1]" not in answer["content"]
    assert answer["content"].endswith("(I had looked at: CPU of n1.)")
    assert len(answer["content"]) < 1_700


def test_turns_without_an_answer_are_not_remembered():
    assert remembered([Turn("Why?", Answer("", Ending.FAILED, "tiny"))]) == []
