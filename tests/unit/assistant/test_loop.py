"""The loop with models that behave, and with those that do not."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time

import pytest

from tests.conftest import NOON, ROOT
from tests.fake_vllm import (
    DONE,
    STREAM_HEAD,
    FakeVllm,
    Reply,
    Wait,
    breaks,
    calls,
    dies,
    endless,
    error,
    event,
    page,
    raw_stream,
    says,
)
from tests.unit.assistant.model_kit import CPU, TOOLBOX, ask_of
from watchdog.assistant.facts_evidence import MOST_FACTS
from watchdog.assistant.limits import Limits
from watchdog.assistant.records import Answer, Ending, Notice, Text, Thought, ToolEnded, ToolStarted, Turn, Usage
from watchdog.model.findings import Finding, Severity, Subject


def idle(node):
    subject = Subject(node=node, gpu_uuid="GPU-1")
    return Finding("idle_held", Severity.WARNING, subject, f"{node} is idle.", "Ask its user.", "Slurm", gpu_index=3)


def test_an_answer_rests_on_the_numbered_results_of_the_tools_it_called(ask):
    came = ask(calls(CPU, ("list_hosts", {}), reasoning="hm"), says("CPU is 42 % [1] on two hosts [2]."))
    assert came.answer.ending is Ending.ANSWERED
    assert came.answer.text == "CPU is 42 % [1] on two hosts [2]."
    assert [(e.number, e.tool) for e in came.answer.evidence] == [(1, "query_metrics"), (2, "list_hosts")]
    assert came.answer.usage == Usage(40, 20)
    assert came.told[0].startswith("[1] CPU of n1")
    assert came.told[1].startswith("[2] CPU of n1")


def test_steps_are_emitted_in_the_order_in_which_things_happen(ask):
    came = ask(calls(CPU, reasoning="hm", text="Let me look."), says("42 % [1]."))
    kinds = [type(step) for step in came.steps]
    assert list(dict.fromkeys(kinds)) == [Thought, Text, ToolStarted, ToolEnded]
    assert came.spoken == "Let me look.42 % [1]."
    started, ended = (next(s for s in came.steps if isinstance(s, kind)) for kind in (ToolStarted, ToolEnded))
    assert started.call_id == ended.call_id
    assert json.loads(started.arguments) == CPU[1]


def test_what_is_said_before_a_tool_is_called_is_no_part_of_a_whole_answer(ask):
    assert ask(calls(CPU, text="Let me look."), says("42 % [1].")).answer.text == "42 % [1]."


def test_what_is_said_before_a_tool_is_called_stays_where_the_answer_breaks_off(ask):
    assert ask(calls(CPU, text="Let me look."), dies("CPU is")).answer.text == "Let me look.\n\nCPU is"


def test_facts_come_before_the_question_and_are_the_first_evidence(ask):
    came = ask(says("n3 is idle [1]."), facts=[idle("n3")])
    assert came.answer.evidence[0].number == 1
    assert came.answer.facts == (idle("n3"),)
    opening = came.server.requests[0]["messages"][-1]["content"]
    assert opening.index("n3 is idle.") < opening.index("Question:\nWhy?")
    assert f"{NOON:%Y-%m-%d %H:%M:%S} UTC" in opening


def test_more_facts_than_are_kept_are_counted_and_told(ask):
    came = ask(says("Many nodes are idle."), facts=[idle(f"n{number}") for number in range(60)])
    assert (came.answer.evidence[0].total_rows, len(came.answer.evidence[0].rows)) == (60, MOST_FACTS)
    assert (len(came.answer.facts), came.answer.more_facts) == (MOST_FACTS, 60 - MOST_FACTS)
    assert f"Only the first {MOST_FACTS} of 60" in came.server.requests[0]["messages"][-1]["content"]


def test_no_facts_are_not_told_as_all_is_well(ask):
    opening = ask(says("Done.")).server.requests[0]["messages"][-1]["content"]
    assert "could not judge" in opening


def test_earlier_turns_come_as_question_and_answer_without_their_numbers(ask):
    before = Turn("Which node?", Answer("n3 is idle [1][2].", Ending.ANSWERED, "tiny"))
    messages = ask(says("Done."), history=[before]).server.requests[0]["messages"]
    assert [m["role"] for m in messages] == ["system", "user", "assistant", "user"]
    assert messages[2]["content"] == "n3 is idle."


def test_every_tool_is_sent_as_strict_and_described_unless_told_otherwise(server):
    sent = ask_of(server.play(says("Done."))).server.requests[0]["tools"]
    assert len(sent) == len(list(TOOLBOX))
    assert all(t["function"]["strict"] and t["function"]["description"] for t in sent)
    sent = ask_of(server.play(says("Done.")), strict=False).server.requests[0]["tools"]
    assert not any("strict" in t["function"] for t in sent)


@pytest.mark.parametrize(("thinking", "sent"), [("auto", None), ("on", True), ("off", False)])
def test_thinking_is_asked_for_only_where_it_is_set(server, thinking, sent):
    request = ask_of(server.play(says("Done.")), thinking=thinking).server.requests[0]
    assert request.get("chat_template_kwargs", {}).get("enable_thinking") == sent


def test_the_first_model_of_the_server_is_taken_where_none_is_named():
    with FakeVllm(says("Done."), served=("nano", "other")) as server:
        came = ask_of(server, model="")
    assert came.server.requests[0]["model"] == "nano"
    assert came.answer.source == "nano"


def test_the_key_is_sent_and_shown_nowhere(ask):
    came = ask(error(401, "Unauthorized"), api_key="s3cret")
    assert came.server.keys == ["Bearer s3cret"]
    assert "refused the key" in came.notices
    assert "s3cret" not in repr(came.answer) + repr(came.steps)


def test_a_password_in_the_address_is_not_told(ask):
    came = ask(base_url="http://user:s3cret@127.0.0.1:9/v1")
    assert came.answer.ending is Ending.FAILED
    assert "cannot be reached" in came.notices
    assert "s3cret" not in came.notices


# Calls


def test_older_servers_that_call_it_reasoning_content_are_heard_too(ask):
    parts = [event({"reasoning_content": "hm"}), event({"content": "Yes."}), event({}, "stop"), DONE]
    came = ask(raw_stream(*parts))
    assert came.steps == [Thought("hm"), Text("Yes.")]


def test_thoughts_of_which_only_the_end_is_marked_are_no_answer(ask):
    came = ask(calls(CPU, text="I should look.</think>\n\n"), says("It is 42.\n</think>\n\n42 % [1]."))
    assert (came.answer.ending, came.answer.text) == (Ending.ANSWERED, "42 % [1].")
    assert [n.hint for n in came.answer.notices] == ["Start vLLM with the --reasoning-parser that fits the model."]
    assert "I should look" not in json.dumps(came.server.requests[1]["messages"])


def test_two_calls_with_the_same_index_are_two_calls(ask):
    def call(key, minutes):
        function = {"name": "query_metrics", "arguments": json.dumps({"metric": "cpu", "minutes": minutes})}
        return event({"tool_calls": [{"index": 0, "id": key, "type": "function", "function": function}]})

    came = ask(raw_stream(call("a", 1), call("b", 2), event({}, "tool_calls"), DONE), says("Done."))
    assert [asked.minutes for _, asked in came.desk.ran] == [1, 2]


def test_a_call_without_an_index_or_an_id_is_run(ask):
    function = {"name": "list_hosts", "arguments": "{}"}
    came = ask(raw_stream(event({"tool_calls": [{"function": function}]}), event({}, "stop"), DONE), says("Done."))
    assert [name for name, _ in came.desk.ran] == ["list_hosts"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ('{"metric": "cpu", "minutes": ', "not valid JSON"),
        ("[1]", "not a JSON object"),
        ("null", "not a JSON object"),
        ("", "metric: Field required"),
        ('{"metric": "cpu", "minutes": 99}', "minutes: Input should be less than or equal to 9"),
        ('{"metric": "cpu", "minutes": 5, "node": "n1"}', "node: Extra inputs are not permitted"),
        ("[" * 5000, "not valid JSON"),
    ],
)
def test_a_call_with_wrong_arguments_is_told_and_may_be_repaired(server, arguments, problem):
    came = ask_of(server.play(calls(("query_metrics", arguments), size=4000), calls(CPU), says("42 % [1].")))
    assert problem in came.problems[0]
    assert came.told[0].startswith("Error: ")
    assert came.answer.text == "42 % [1]."
    assert len(came.answer.evidence) == 1


def test_broken_arguments_never_go_back_into_the_conversation(ask):
    came = ask(calls(("query_metrics", '{"metric": "cpu", "min')), says("Done."))
    replayed = [m for m in came.server.requests[1]["messages"] if m["role"] == "assistant"]
    assert replayed[0]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_a_tool_that_is_not_there_is_told_with_those_that_are(ask):
    came = ask(calls(("rm -rf /", {}), ("", {})), says("Done."))
    assert "list_hosts" in came.told[0]
    names = [c["function"]["name"] for m in came.server.requests[1]["messages"] for c in m.get("tool_calls", ())]
    assert names == ["rm_-rf__", "unknown"]


def test_what_a_tool_refuses_is_told_with_what_to_do(ask):
    came = ask(calls(("fails", {})), says("Cannot tell."))
    assert came.told == ["Error: there is no such node. list_hosts knows them all."]
    assert came.answer.ending is Ending.ANSWERED


def test_a_fault_in_a_tool_costs_one_result(ask):
    came = ask(calls(("broken", {}), ("list_hosts", {})), says("Done."))
    assert came.told[0].startswith("Error: broken failed inside (KeyError)")
    assert [e.tool for e in came.answer.evidence] == ["list_hosts"]


def test_a_tool_that_takes_too_long_is_left_behind(ask):
    # The clock of these tests runs twenty times as fast: 2 s are 0.1 s.
    came = ask(calls(("slow", {})), says("Done."), limits=Limits(tool_seconds=2))
    assert "slow took longer than 2 s" in came.told[0]


def test_the_same_call_is_answered_from_before_and_then_no_tools_are_offered(ask):
    came = ask(*[calls(CPU)] * 4, says("42 % [1]."), limits=Limits(repeats=3))
    assert len(came.desk.ran) == 1
    assert came.told[-1].endswith("Its result is [1].")
    assert came.server.requests[-1]["tool_choice"] == "none"
    assert (came.answer.ending, came.answer.text) == (Ending.LIMIT, "42 % [1].")
    assert "the same again and again" in came.notices


def test_a_hundred_calls_in_one_turn_are_run_up_to_the_limit(ask):
    many = [("query_metrics", {"metric": "cpu", "minutes": 1 + n % 9, "x": n}) for n in range(100)]
    came = ask(calls(*many, size=100), says("Enough."), limits=Limits(tool_calls=5))
    assert len([s for s in came.steps if isinstance(s, ToolStarted)]) == 5
    assert len(came.told) == 100
    assert came.told[-1].startswith("Not run")
    assert came.answer.text == "Enough."


def test_a_call_cut_short_is_not_run_though_it_is_valid(ask):
    came = ask(calls(CPU, finish="length"), says("Done."))
    assert came.desk.ran == []
    came = ask(calls(CPU, usage=(20, 64)), says("Done.", usage=(20, 1)), max_tokens=64)
    assert came.desk.ran == []
    assert "was cut off" in came.notes


# Limits


def test_the_last_of_the_turns_is_for_the_answer(ask):
    asks = [calls(("query_metrics", {"metric": "cpu", "minutes": n})) for n in range(1, 9)]
    came = ask(*asks[:3], says("So far: 42 %."), limits=Limits(steps=4))
    assert len(came.server.requests) == 4
    assert came.server.requests[-1]["tool_choice"] == "none"
    assert "No more tools can be called" in came.notes
    assert (came.answer.ending, came.answer.text) == (Ending.LIMIT, "So far: 42 %.")
    assert came.answer.notices == (
        Notice("The model has had all but the last of its 4 turns.", "Ask for less at once, or go on in this chat."),
    )


def test_a_server_that_calls_tools_though_none_are_offered_is_not_followed(ask):
    came = ask(calls(CPU), limits=Limits(steps=2))
    assert len(came.desk.ran) == 1
    assert came.answer.ending is Ending.LIMIT
    assert came.answer.notices[-1].text == "The model answered with nothing."


def test_tokens_are_limited_over_all_turns(ask):
    came = ask(calls(CPU, usage=(4000, 100)), says("42 %."), limits=Limits(tokens=8000))
    assert came.answer.ending is Ending.LIMIT
    assert "8,000 tokens for one answer" in came.notices


def test_time_is_limited_and_what_was_said_stays(ask):
    came = ask(endless(every=0.01), limits=Limits(seconds=4))
    assert came.answer.ending is Ending.LIMIT
    assert came.answer.text.startswith("1 and so on")
    assert "The 4 seconds for one answer are over." in came.notices


def test_a_model_that_never_stops_is_stopped_and_the_server_is_left(server):
    came = ask_of(server.play(endless()), limits=Limits(text_chars=3000))
    assert came.answer.ending is Ending.LIMIT
    assert 3000 < len(came.answer.text) < 4000
    assert "more than 3,000 letters" in came.notices
    deadline = time.monotonic() + 2
    while not server.gone and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.gone == 1


def test_a_call_whose_arguments_never_end_is_cut_and_not_run(ask):
    def forever():
        yield event({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "list_hosts", "arguments": "{"}}]})
        while True:
            yield event({"tool_calls": [{"index": 0, "function": {"arguments": " " * 50}}]})

    came = ask(Reply(STREAM_HEAD, forever), says("Done."), limits=Limits(text_chars=3000))
    assert came.desk.ran == []
    assert came.answer.text == "Done."
    assert "more than 3,000 letters" in came.notices


def test_calls_that_never_end_are_cut_and_not_run(ask):
    def forever():
        for index in itertools.count():
            yield event({"tool_calls": [{"index": index, "id": f"{index}", "function": {"name": "list_hosts"}}]})

    came = ask(Reply(STREAM_HEAD, forever), says("Done."), limits=Limits(text_chars=3000))
    assert came.desk.ran == []
    assert came.answer.text == "Done."


def test_a_model_that_thinks_for_ever_is_stopped_and_asked_for_less(ask):
    came = ask(endless(key="reasoning"), says("Well."), limits=Limits(text_chars=3000), thinking="on")
    assert came.answer.text == "Well."
    assert came.server.requests[1]["chat_template_kwargs"] == {"enable_thinking": False}


def test_a_model_that_goes_round_in_circles_is_stopped(ask):
    came = ask(says("Node n1 is idle. " * 500, size=60))
    assert came.answer.ending is Ending.LIMIT
    assert len(came.answer.text) < 3000
    assert "repeat itself" in came.notices


def test_an_answer_cut_at_its_tokens_is_told(ask):
    came = ask(says("And then", finish="length"))
    assert (came.answer.ending, came.answer.text) == (Ending.LIMIT, "And then")
    assert "WATCHDOG_ASSISTANT_MAX_TOKENS higher" in came.notices


# Answers that say nothing


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (says(""), "The model answered with nothing."),
        (says("\n\n  "), "The model answered with nothing."),
        (says("", reasoning="I think"), "The model thought, but gave no answer."),
        (says("", reasoning="I think", finish="length"), "used all 4,096 tokens of its turn for thinking"),
    ],
)
def test_no_answer_is_empty_without_saying_why(server, reply, why):
    came = ask_of(server.play(reply))
    assert (came.answer.ending, came.answer.text) == (Ending.FAILED, "")
    assert len(server.requests) == 2
    assert why in came.notices


# Servers that fail


@pytest.mark.parametrize(
    ("reply", "why", "text"),
    [
        (dies("CPU", " is"), "broke off: EngineCore encountered an issue", "CPU is"),
        (breaks("CPU", " is"), "broke the connection", "CPU is"),
        (raw_stream(event({"content": "CPU is"})), "broke off before the end", "CPU is"),
        (raw_stream(event({"content": "CPU is"}), b"data: {broken\n\n"), "not chat.completions", "CPU is"),
        (breaks("CPU", " is", part=Wait()), "has said nothing for 3 s", "CPU is"),
        (raw_stream(*[part for _ in range(40) for part in (b": ping\n\n", Wait(0.01))]), "has said nothing", ""),
        (raw_stream(Wait()), "has said nothing for 3 s", ""),
        (page(), "answered with text/html, not with chat.completions", ""),
        (page(b""), "answered with text/html", ""),
        (page(b"\xff\xfe\x00", kind="application/octet-stream"), "sent what is not chat.completions", ""),
        (page({"ok": True}), "answered with JSON of another kind", ""),
        (page(b"[1, 2]", kind="application/json"), "answered with JSON of another kind", ""),
        (page(b"{", kind="application/json"), "not chat.completions", ""),
        (page(b"null", 200, "application/json"), "answered with JSON of another kind", ""),
        (raw_stream(b"data: [1, 2]\n\n", b'data: "x"\n\n', b'data: {"choices": 5}\n\n', DONE), "before the end", ""),
        (raw_stream(b'data: {"choices": [null, {"delta": 3}]}\n\n', DONE), "broke off before the end", ""),
        (error(400, '"auto" tool choice requires --enable-auto-tool-choice'), "--tool-call-parser that fits", ""),
        (error(422, "strict is no field"), "WATCHDOG_ASSISTANT_STRICT=off", ""),
        (error(403, "no"), "WATCHDOG_ASSISTANT_API_KEY", ""),
        (error(404, "The model `m` does not exist."), "Set WATCHDOG_ASSISTANT_MODEL to one of: tiny.", ""),
        (error(404, "Not Found"), "There is no chat.completions at", ""),
        (error(500, "x" * 5000), "failed (500): xxx", ""),
        (page(b"moved", 301), "refused the request (301)", ""),
        (says("<tool_call>\n<function=query_metrics>"), "--tool-call-parser that fits the model", ""),
    ],
)
def test_each_failure_is_one_clear_message_and_the_text_so_far_stays(server, reply, why, text):
    came = ask_of(server.play(reply), silence_seconds=3)
    assert (came.answer.ending, came.answer.text) == (Ending.FAILED, text)
    assert len(came.answer.notices) == 1
    assert why in came.notices
    assert came.answer.notices[0].hint
    assert len(came.answer.notices[0].text) < 500


@pytest.mark.parametrize("reason", ["error", "abort"])
def test_an_answer_that_the_engine_gave_up_is_no_answer(ask, reason):
    came = ask(says("CPU is", finish=reason))
    assert (came.answer.ending, came.answer.text) == (Ending.FAILED, "CPU is")
    assert f"broke off: {reason}" in came.notices


def test_a_connection_that_the_server_closed_between_two_turns_is_made_anew(ask):
    kept_alive = calls(CPU)
    kept_alive = Reply(kept_alive.head.replace(b"connection: close\r\n", b""), kept_alive.parts)
    came = ask(kept_alive, says("42 % [1]."))
    assert came.answer.text == "42 % [1]."


def test_a_server_that_is_not_there_is_told(server):
    came = ask_of(server.play(), base_url="http://127.0.0.1:9/v1")
    assert came.answer.ending is Ending.FAILED
    assert "cannot be reached" in came.notices


def test_a_busy_server_is_asked_once_more_after_the_time_it_names(server):
    came = ask_of(server.play(error(429, "busy", headers="retry-after: 2\r\n"), says("Done.")))
    assert came.answer.text == "Done."
    came = ask_of(server.play(error(503, "busy")))
    assert len(server.requests) == 2
    assert "has too much to do (503)" in came.notices


def test_nothing_is_asked_twice_once_something_was_said(server):
    ask_of(server.play(breaks("CPU is")))
    assert len(server.requests) == 1


def test_a_conversation_that_is_too_long_is_sent_shorter_and_then_told(server):
    told = "This model's maximum context length is 4096 tokens. However, you requested 9000."
    came = ask_of(server.play(error(400, told), says("Done.")))
    assert came.answer.text == "Done."
    assert server.requests[1]["max_tokens"] == 1024
    came = ask_of(server.play(error(400, told)))
    assert len(server.requests) == 2
    assert came.answer.ending is Ending.FAILED
    assert "longer than the model's context of 4096 tokens" in came.notices
    assert "new chat" in came.notices


# Questions that cannot be asked


@pytest.mark.parametrize(
    ("question", "why"), [("", "no question"), (" \n", "no question"), ("x" * 100_000, "has 100,000 letters")]
)
def test_a_question_that_cannot_be_asked_is_not_sent(server, question, why):
    came = ask_of(server.play(), question=question)
    assert server.requests == []
    assert came.answer.ending is Ending.FAILED
    assert why in came.notices


@pytest.mark.parametrize(
    "question",
    [
        "почему n1 медленный?",
        "为什么",
        "🔥🧨 " * 100,
        "'; DROP TABLE jobs; --",
        "<script>x</script>",
        "\x00\ud800?",
        "⟦ignore⟧",
    ],
)
def test_questions_in_any_letters_arrive_and_their_answers_too(server, question):
    came = ask_of(server.play(says("Ок 🔥 为 größer", size=1)), question=question)
    assert came.answer.text == "Ок 🔥 为 größer"
    sent = server.requests[0]["messages"][-1]["content"]
    assert sent.endswith(question.replace("\x00", "").replace("\ud800", "?"))


def test_halves_of_letters_from_a_model_can_be_stored(ask):
    came = ask(
        raw_stream(b'data: {"choices": [{"delta": {"content": "a\\ud83d\\u0000b"}}]}\n\n', event({}, "stop"), DONE)
    )
    assert came.answer.text == "a?b"
    came.answer.text.encode()


def test_without_a_model_nothing_is_asked():
    from watchdog.assistant.loop import answer
    from watchdog.assistant.settings import ModelSettings
    from watchdog.base.clock import SystemClock

    got = answer(
        "Why?",
        toolbox=TOOLBOX,
        desk=None,
        facts=(),
        history=(),
        model=ModelSettings(),
        limits=Limits(),
        emit=lambda step: None,
        cancelled=lambda: False,
        clock=SystemClock(),
    )
    assert got.ending is Ending.FAILED
    assert got.notices[0].text == "No model is configured."


_SDK = """
import sys, threading
from watchdog.assistant.loop import load_sdk
from watchdog.runtime import Runtime
assert "openai" not in sys.modules
load_sdk(threading.Event())
assert "openai" in sys.modules
"""


def test_the_sdk_is_loaded_only_when_asked_to():
    """It takes most of a second and 20 MB; the runtime asks at its start where a model is connected."""
    assert subprocess.run([sys.executable, "-c", _SDK], cwd=ROOT, check=False).returncode == 0
