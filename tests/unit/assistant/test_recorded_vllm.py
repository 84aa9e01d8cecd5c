"""Every answer that was recorded of a real vLLM 0.32 comes to the end it should."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from tests.conftest import ROOT
from tests.fake_vllm import recorded, says
from tests.unit.assistant.model_kit import ask_of
from watchdog.assistant.records import Ending

# A few of them that stay with the code.
KEPT = ROOT / "tests" / "data" / "vllm"


@dataclass(frozen=True)
class Expected:
    """How an answer ends whose first turn is the recording, and whose further turns are "Done."."""

    ending: Ending
    text: str = ""
    ran: str = ""
    problem: str = ""
    notice: str = ""
    note: str = ""
    requests: int = 1


def answered(text):
    return Expected(Ending.ANSWERED, text)


def cut(text):
    return Expected(Ending.LIMIT, text, notice="cut off at")


def ran(*calls):
    return Expected(Ending.ANSWERED, "Done.", ran=" ".join(calls), requests=2)


def told(problem):
    return Expected(Ending.ANSWERED, "Done.", problem=problem, requests=2)


def noted(note):
    return Expected(Ending.ANSWERED, "Done.", note=note, requests=2)


def failed(notice):
    return Expected(Ending.FAILED, notice=notice)


HELLO = answered("Hello! How can I help?")
CPU, MEM, HOSTS = "query_metrics(cpu, 5)", "query_metrics(mem, 9)", "list_hosts()"
CUT_CALL = noted("Your call was cut off")
SAYS_NOTHING = noted("You said nothing")
THINKS_TOO_LONG = noted("used up its tokens")
NO_CHAT = failed("not with chat.completions")
WRONG_KEY = failed("WATCHDOG_ASSISTANT_API_KEY")
SECOND_TRY = Expected(Ending.ANSWERED, "Done.", requests=2)
JSON = answered('{"host": "n1", "cpu": 42}')

EXPECTED = {
    "01-metrics-before": NO_CHAT,
    "02-health": NO_CHAT,
    "03-version": NO_CHAT,
    "04-models": NO_CHAT,
    "10-plain": HELLO,
    "100-metrics-during-4-streams": NO_CHAT,
    "101-metrics-during-6-streams": NO_CHAT,
    "102-metrics-after-load": NO_CHAT,
    "11-plain-stream-usage": HELLO,
    "110-metrics-before-disconnect": NO_CHAT,
    "111-disconnect-mid-stream": failed("broke the connection"),
    "112-metrics-0.3s-after-disconnect": NO_CHAT,
    "113-metrics-5s-after-disconnect": NO_CHAT,
    "114-metrics-1s-after-nonstream-disconnect": NO_CHAT,
    "12-plain-stream-no-usage": HELLO,
    "120-metrics-after": NO_CHAT,
    "13-plain-stream-continuous-usage": HELLO,
    "130-engine-killed-mid-stream": failed("broke off: EngineCore encountered an issue"),
    "131-health-after-engine-death": SECOND_TRY,
    "132-chat-after-engine-death": SECOND_TRY,
    "133-models-after-engine-death": NO_CHAT,
    "134-sigterm-mid-stream": failed("has said nothing for"),
    "135-health-after-sigterm": failed("has said nothing for"),
    "14-plain-length": cut("Hello!"),
    "15-plain-length-stream": cut("Hello!"),
    "16-utf8": answered("42 °C ✓ größer"),
    "17-utf8-stream": answered("42 °C ✓ größer"),
    "20-reasoning": HELLO,
    "21-reasoning-stream": HELLO,
    "22-reasoning-with-tools-no-call": answered("All **good**: `cpu` 5%"),
    "23-reasoning-with-tools-no-call-stream": answered("All **good**: `cpu` 5%"),
    "24-reasoning-only": SAYS_NOTHING,
    "25-reasoning-only-stream": SAYS_NOTHING,
    "26-reasoning-cut-length": THINKS_TOO_LONG,
    "27-reasoning-cut-length-stream": THINKS_TOO_LONG,
    "28-enable-thinking-false": ran(CPU),
    "29-enable-thinking-false-stream": ran(CPU),
    "30a-one-tool-call": ran(CPU),
    "30b-one-tool-call-stream": ran(CPU),
    "31a-two-parallel-tool-calls": ran(CPU, MEM),
    "31b-two-parallel-tool-calls-stream": ran(CPU, MEM),
    "32a-content-then-one-tool-call": ran(CPU),
    "32b-content-then-one-tool-call-stream": ran(CPU),
    "33a-content-then-two-tool-calls": ran(CPU, HOSTS),
    "33b-content-then-two-tool-calls-stream": ran(CPU, HOSTS),
    "34a-parallel-tool-calls-false": ran(CPU),
    "34b-parallel-tool-calls-false-stream": ran(CPU),
    "35a-tool-call-cut-in-arguments": CUT_CALL,
    "35b-tool-call-cut-in-arguments-stream": CUT_CALL,
    "35c-tool-call-cut-valid-json-incomplete": CUT_CALL,
    "35d-tool-call-cut-valid-json-incomplete-stream": CUT_CALL,
    "35e-tool-call-cut-before-last-value": CUT_CALL,
    "35f-tool-call-cut-before-last-value-stream": CUT_CALL,
    "36a-tool-call-cut-in-name": THINKS_TOO_LONG,
    "36b-tool-call-cut-in-name-stream": THINKS_TOO_LONG,
    "37a-tool-call-malformed-xml": told("minutes: Field required"),
    "37b-tool-call-malformed-xml-stream": told("not valid JSON"),
    "38a-tool-call-unclosed-model-stops": told("metric: Field required"),
    "38b-tool-call-unclosed-model-stops-stream": told("not valid JSON"),
    "39a-tool-call-unknown-name": told("there is no tool 'no_such_tool'"),
    "39b-tool-call-unknown-name-stream": told("there is no tool 'no_such_tool'"),
    "40a-tool-call-values-against-schema": told("metric: Input should be 'cpu' or 'mem'; minutes: Input should be"),
    "40b-tool-call-values-against-schema-stream": told("metric: Input should be 'cpu' or 'mem'; minutes:"),
    "41a-tool-call-without-end-of-thinking": ran(HOSTS),
    "41b-tool-call-without-end-of-thinking-stream": ran(HOSTS),
    "42a-tool-choice-named": ran(CPU),
    "42b-tool-choice-named-stream": ran(CPU),
    "43a-tool-choice-named-other": ran(HOSTS),
    "43b-tool-choice-named-other-stream": ran(HOSTS),
    "44a-tool-choice-required": ran(CPU),
    "44b-tool-choice-required-stream": ran(CPU),
    "45a-tool-choice-required-thinking-off": ran(CPU),
    "45b-tool-choice-required-thinking-off-stream": ran(CPU),
    "46a-tool-choice-none": SAYS_NOTHING,
    "46b-tool-choice-none-stream": SAYS_NOTHING,
    "47a-tool-choice-none-text": answered("All **good**: `cpu` 5%"),
    "47b-tool-choice-none-text-stream": answered("All **good**: `cpu` 5%"),
    "48a-tool-choice-required-tag-leaks-into-content": ran(CPU),
    "48b-tool-choice-required-tag-leaks-into-content-stream": ran(CPU),
    "49a-tool-choice-named-cut": CUT_CALL,
    "49b-tool-choice-named-cut-stream": CUT_CALL,
    "50a-second-turn-one-result": answered("CPU is 42."),
    "50b-second-turn-one-result-stream": answered("CPU is 42."),
    "51a-second-turn-two-results": answered("CPU 42, memory 17."),
    "51b-second-turn-two-results-stream": answered("CPU 42, memory 17."),
    "52a-second-turn-error-result-then-retry": ran(CPU),
    "52b-second-turn-error-result-then-retry-stream": ran(CPU),
    "53-second-turn-invalid-json-arguments-in-history": SAYS_NOTHING,
    "54-second-turn-content-null": answered("CPU is 42."),
    "55a-strict-tool-choice-required": ran(CPU),
    "55b-strict-tool-choice-required-stream": ran(CPU),
    "56a-strict-tool-choice-named": ran(CPU),
    "56b-strict-tool-choice-named-stream": ran(CPU),
    "57a-strict-auto-one-tool-call": ran(CPU),
    "57b-strict-auto-one-tool-call-stream": ran(CPU),
    "58a-strict-auto-values-against-schema": ran("query_metrics(mem, 5)"),
    "58b-strict-auto-values-against-schema-stream": ran("query_metrics(mem, 5)"),
    "59a-strict-auto-two-parallel": ran(CPU, MEM),
    "59b-strict-auto-two-parallel-stream": ran(CPU, MEM),
    "60a-json-schema": JSON,
    "60b-json-schema-stream": JSON,
    "61a-json-schema-thinking": JSON,
    "61b-json-schema-thinking-stream": JSON,
    "62-json-schema-cut-length": cut('{"host": "n'),
    "63-json-object": JSON,
    "70-error-wrong-key": WRONG_KEY,
    "71-error-no-key": WRONG_KEY,
    "72-error-wrong-key-stream": WRONG_KEY,
    "73-error-unknown-model": failed("Set WATCHDOG_ASSISTANT_MODEL to one of: tiny."),
    # The context is told, so less is sent, and that fits.
    "74-error-prompt-too-long": SECOND_TRY,
    "75-error-prompt-too-long-stream": SECOND_TRY,
    "76-error-bad-json": failed("JSON decode error"),
    "77-error-empty-body": failed("Field required"),
    "78-error-missing-messages": failed("body.messages"),
    "79-error-max-tokens-zero": failed("max_tokens must be at least 1, got 0"),
    "80-error-max-tokens-negative": failed("max_tokens must be at least 1, got -5"),
    "81-error-max-tokens-string": failed("body.max_tokens"),
    "82-error-max-tokens-too-big": SECOND_TRY,
    "83-error-max-tokens-too-big-stream": SECOND_TRY,
    "84-error-named-tool-not-in-list": failed("does not match any of the specified"),
    "85-error-tool-choice-without-tools": failed("`tools` must be set"),
    "86-error-bad-role": THINKS_TOO_LONG,
    "87-error-temperature": failed("WATCHDOG_ASSISTANT_TEMPERATURE"),
    "88-error-bad-json-schema": failed("Grammar error"),
    "89-error-empty-messages": failed("Cannot apply chat template"),
    "90-error-unknown-path": failed("There is no chat.completions at"),
    "91-error-method-not-allowed": failed("Method Not Allowed"),
    "92-unknown-field": HELLO,
}


def cases(folder):
    return sorted(path.name.removesuffix(".request.json") for path in folder.glob("*.request.json"))


def limit_of(folder, case):
    """The limit the recorded request had: whether an answer was cut is told by it."""
    body = json.loads((folder / f"{case}.request.json").read_text(encoding="utf-8")).get("body")
    limit = body.get("max_tokens") if isinstance(body, dict) else None
    return limit if isinstance(limit, int) and limit > 0 else 4096


def came_of(server, folder, case):
    server.play(recorded(folder, case), says("Done.", usage=(20, 1)))
    silence = 4 if "has said nothing" in EXPECTED[case].notice else 60
    came = ask_of(server, max_tokens=limit_of(folder, case), silence_seconds=silence)
    ran = " ".join(f"{name}({', '.join(map(str, asked.model_dump().values()))})" for name, asked in came.desk.ran)
    return came, ran


def check(server, folder, case):
    want = EXPECTED[case]
    came, ran = came_of(server, folder, case)
    assert (came.answer.ending, came.answer.text, ran) == (want.ending, want.text, want.ran), case
    assert want.problem in " ".join(came.problems), case
    assert bool(want.problem) == bool(came.problems), case
    assert want.notice in came.notices, case
    assert bool(want.notice) == bool(came.answer.notices), case
    assert want.note in came.notes, case
    assert len(server.requests) == want.requests, case
    # Whatever came, what goes back is valid.
    for message in server.requests[-1]["messages"]:
        for call in message.get("tool_calls", ()):
            json.loads(call["function"]["arguments"])


def test_every_recorded_answer_of_a_real_vllm_comes_to_its_end(fixtures, server):
    folder = fixtures / "vllm"
    if not folder.is_dir():
        pytest.skip("the recordings of vLLM (../shared/fixtures/vllm) are not at hand")
    assert set(cases(folder)) == set(EXPECTED)
    for case in cases(folder):
        check(server, folder, case)


@pytest.mark.parametrize("case", cases(KEPT))
def test_recordings_that_stay_with_the_code_come_to_their_end(server, case):
    check(server, KEPT, case)


def test_a_recording_reaches_the_client_byte_for_byte(server):
    import urllib.request

    case = "31b-two-parallel-tool-calls-stream"
    server.play(recorded(KEPT, case))
    request = urllib.request.Request(f"{server.base_url}/chat/completions", data=b"{}", method="POST")
    with urllib.request.urlopen(request) as answer:
        assert answer.read() == (KEPT / f"{case}.sse").read_bytes()
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
