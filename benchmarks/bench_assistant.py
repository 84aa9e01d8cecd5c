"""The assistant's loop against the bare openai SDK on the same server: what a step and a token cost, and a stop.

    python benchmarks/bench_assistant.py [--quick]

A fake vLLM in a process of its own answers at once. A step: a turn of the model that calls a tool which does nothing;
the SDK sends the same messages and only reads the stream. A token: from the moment the server sends it to the moment its
step is emitted; the SDK: to the moment its chunk is handed over. A stop: from the wish to the answer.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from openai import OpenAI

from benchmarks._timing import table
from tests.fake_vllm import DONE, STREAM_HEAD, FakeVllm, Part, Reply, Wait, calls, endless, event, says
from watchdog.assistant.limits import Limits
from watchdog.assistant.loop import answer
from watchdog.assistant.records import Answer, Column, Evidence, Step, Text
from watchdog.assistant.settings import ModelSettings
from watchdog.assistant.toolbox import Arguments, Tool, Toolbox
from watchdog.base.clock import SystemClock

TURNS, TOKENS = 6, 200
STEP_GOAL_MS, TOKEN_GOAL_MS, STOP_GOAL_MS = 50.0, 100.0, 200.0


class Asked(Arguments):
    """What the tool is asked."""

    number: int


def rows(_: object, asked: Asked) -> Evidence:
    """Fifty rows, as tools return."""
    found = tuple((f"n{n}", n / 50, 300.0 + n) for n in range(50))
    columns = (Column("node", "node"), Column("used", "utilization", "ratio"), Column("power", "power", "watts"))
    return Evidence(0, "rows", {"number": asked.number}, "GPUs", "q", datetime.now(UTC), None, columns, found, 50)


TOOLBOX = Toolbox([Tool("rows", "Fifty rows.", Asked, rows)])


def stamped() -> Iterator[Part]:
    """Tokens that say when they were sent; perf_counter is the same clock in every process of a machine."""
    for _ in range(TOKENS):
        yield Wait(0.002)
        yield event({"content": f"{time.perf_counter()} "})
    yield event({}, "stop")
    yield DONE


def scripted(body: dict[str, Any]) -> Reply:
    """What the question wants: tokens, a flood, or calls until there were enough."""
    question = next(m["content"] for m in body["messages"] if m["role"] == "user")
    if question.endswith("tokens"):
        return Reply(STREAM_HEAD, stamped)
    if question.endswith("flood"):
        return endless(every=0.005)
    number = sum(message["role"] == "tool" for message in body["messages"])
    return calls(("rows", {"number": number})) if number < TURNS else says("All is well [1].")


def serve(pipe: Any) -> None:
    """In a process of its own: until it is told to end."""
    with FakeVllm(scripted) as server:
        pipe.send(server.base_url)
        pipe.recv()


@contextmanager
def served() -> Iterator[str]:
    """The address of a fake vLLM."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    process.start()
    yield here.recv()
    here.send("end")
    process.join()


def ask(url: str, question: str, emit: Callable[[Step], None], cancelled: Callable[[], bool] = lambda: False) -> Answer:
    """One answer of the loop."""
    return answer(
        question,
        toolbox=TOOLBOX,
        desk=None,
        facts=(),
        history=(),
        model=ModelSettings(base_url=url, model="tiny"),
        limits=Limits(steps=TURNS + 2, tool_calls=TURNS + 2),
        emit=emit,
        cancelled=cancelled,
        clock=SystemClock(),
    )


def sdk_turn(client: OpenAI, messages: list[Any]) -> list[tuple[float, str]]:
    """When which text was handed over by the SDK alone."""
    stream = client.chat.completions.create(
        model="tiny", messages=messages, stream=True, tools=TOOLBOX.schemas(), stream_options={"include_usage": True}
    )
    texts = ((chunk.choices[0].delta.content or "") for chunk in stream if chunk.choices)
    return [(time.perf_counter(), text) for text in texts if text]


def sdk_steps(client: OpenAI) -> None:
    """The loop's requests, nothing between them."""
    messages: list[Any] = [{"role": "user", "content": "steps"}]
    for number in range(TURNS + 1):
        sdk_turn(client, messages)
        messages += [
            {"role": "assistant", "content": ""},
            {"role": "tool", "tool_call_id": f"{number}", "content": "x"},
        ]


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def step_ms(url: str, client: OpenAI, rounds: int) -> tuple[float, float]:
    """Milliseconds a turn: the loop's, the SDK's; medians of rounds in turn."""
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(seconds(lambda: ask(url, "steps", lambda _: None)))
        theirs.append(seconds(lambda: sdk_steps(client)))
    return statistics.median(ours) * 1e3 / (TURNS + 1), statistics.median(theirs) * 1e3 / (TURNS + 1)


def token_ms(url: str, client: OpenAI, rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds from a token's sending to its step, and to its chunk."""
    ours: list[float] = []
    theirs: list[float] = []

    def emit(step: Step) -> None:
        if isinstance(step, Text):
            now = time.perf_counter()
            ours.extend((now - float(stamp)) * 1e3 for stamp in step.text.split())

    for _ in range(rounds):
        ask(url, "tokens", emit)
        heard = sdk_turn(client, [{"role": "user", "content": "tokens"}])
        theirs += [(at - float(stamp)) * 1e3 for at, stamp in heard]
    return ours, theirs


def stop_ms(url: str, rounds: int) -> list[float]:
    """Milliseconds from the wish to stop to the answer."""
    took = []
    for _ in range(rounds):
        wish, wished = threading.Event(), [0.0]

        def press(wish: threading.Event = wish, wished: list[float] = wished) -> None:
            wished[0] = time.perf_counter()
            wish.set()

        timer = threading.Timer(0.1, press)
        timer.start()
        ask(url, "flood", lambda _: None, wish.is_set)
        took.append((time.perf_counter() - wished[0]) * 1e3)
    return took


def p99(values: list[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(values, n=100)[98]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    rounds = 3 if parser.parse_args().quick else 15
    with served() as url, OpenAI(base_url=url, api_key="none") as client:
        ask(url, "steps", lambda _: None)
        sdk_steps(client)
        ours, theirs = step_ms(url, client, rounds)
        mine, bare = token_ms(url, client, max(2, rounds // 3))
        stops = stop_ms(url, rounds)
    middle = statistics.median
    table(
        "Milliseconds",
        [
            ("", "loop", "SDK alone", "over the SDK", "goal"),
            ("a step (median)", ours, theirs, ours - theirs, STEP_GOAL_MS),
            ("a token (median)", middle(mine), middle(bare), middle(mine) - middle(bare), TOKEN_GOAL_MS),
            ("a token (p99)", p99(mine), p99(bare), p99(mine) - p99(bare), TOKEN_GOAL_MS),
            ("a stop (median)", middle(stops), "", "", STOP_GOAL_MS),
            ("a stop (longest)", max(stops), "", "", STOP_GOAL_MS),
        ],
    )


if __name__ == "__main__":
    main()
