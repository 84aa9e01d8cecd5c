"""Stopping an answer: at once, wherever it is, and what was said stays."""

from __future__ import annotations

import threading
import time

import pytest

import watchdog.assistant.turns  # noqa: F401 (loads the SDK, a second that would count as the first stop's)
from tests.fake_vllm import FakeVllm, Wait, breaks, calls, endless, event, raw_stream, says
from tests.unit.assistant.model_kit import TOOLBOX, Desk, ask_of
from watchdog.assistant.limits import Limits
from watchdog.assistant.loop import answer
from watchdog.assistant.records import Ending, Text, Thought, ToolStarted
from watchdog.assistant.settings import ModelSettings
from watchdog.base.clock import SystemClock

# A fifth of a second is wanted (benchmarks/bench_assistant.py measures it); a busy machine may take longer.
AT_ONCE = 1.0


def stopped(server, *, when=None, after=0.1, base_url=""):
    """The answer that was stopped at the first step of a kind, or `after` seconds; and how long stopping took.

    By time only where nothing comes: a model that never stops may come to its limit before a timer of a busy machine.
    """
    stop, asked_at, late = threading.Event(), [], []

    def press():
        asked_at.append(time.monotonic())
        stop.set()

    def emit(step):
        if stop.is_set():
            late.append(step)
        elif when is not None and isinstance(step, when):
            press()

    timer = threading.Timer(after, press) if when is None else None
    if timer is not None:
        timer.start()
    got = answer(
        "Why?",
        toolbox=TOOLBOX,
        desk=Desk(),
        facts=(),
        history=(),
        model=ModelSettings(base_url=base_url or server.base_url, model="tiny"),
        limits=Limits(),
        emit=emit,
        cancelled=stop.is_set,
        clock=SystemClock(),
    )
    took = time.monotonic() - asked_at[0]
    assert late == []
    if timer is not None:
        timer.join()
    return got, took


def left(server):
    """Whether the client left the server before the end: it notices when it sends the next piece."""
    until = time.monotonic() + 10
    while not server.gone and time.monotonic() < until:
        time.sleep(0.01)
    return server.gone > 0


@pytest.mark.parametrize(
    ("reply", "when"),
    [
        (endless(), Text),
        (endless(every=0.01), Text),
        (endless(key="reasoning", every=0.01), Thought),
        (breaks("CPU is", part=Wait()), None),
        (raw_stream(Wait()), None),
    ],
    ids=["a flood", "talking", "thinking", "silent in the middle", "silent"],
)
def test_a_stop_takes_a_moment_and_frees_the_server(server, reply, when):
    got, took = stopped(server.play(reply), when=when)
    assert got.ending is Ending.STOPPED
    assert took < AT_ONCE
    assert got.notices == ()
    assert left(server)


def test_what_was_said_before_the_stop_stays(server):
    got, _ = stopped(server.play(breaks("CPU", " is", part=Wait())), when=Text)
    assert got.text.startswith("CPU")


def test_a_tool_that_runs_does_not_hold_up_the_stop(server):
    got, took = stopped(server.play(calls(("slow", {})), says("Done.")), when=ToolStarted)
    assert got.ending is Ending.STOPPED
    assert took < AT_ONCE
    assert len(server.requests) == 1


def test_a_server_that_takes_the_connection_and_says_nothing_does_not_hold_up_the_stop():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as deaf:
        got, took = stopped(None, base_url=f"http://127.0.0.1:{deaf.getsockname()[1]}/v1")
    assert got.ending is Ending.STOPPED
    assert took < AT_ONCE


def test_a_wait_for_a_busy_server_does_not_hold_up_the_stop(server):
    from tests.fake_vllm import error

    got, took = stopped(server.play(error(429, "busy", headers="retry-after: 9\r\n")))
    assert got.ending is Ending.STOPPED
    assert took < AT_ONCE


def test_one_stopped_answer_disturbs_no_other():
    with FakeVllm(lambda body: endless(every=0.01)) as talking:
        others = []
        slow = raw_stream(*[part for n in range(30) for part in (event({"content": f"{n} "}), Wait(0.01))])
        with FakeVllm(raw_stream(*slow.parts, event({}, "stop"))) as calm:
            thread = threading.Thread(target=lambda: others.append(ask_of(calm)))
            thread.start()
            got, _ = stopped(talking, when=Text)
            thread.join()
    assert got.ending is Ending.STOPPED
    assert others[0].answer.ending is Ending.ANSWERED
    assert others[0].answer.text.endswith("28 29")


def test_a_wish_to_stop_that_comes_first_asks_nothing(server):
    came = ask_of(server.play(says("Done.")), cancelled=lambda: True)
    assert came.answer.ending is Ending.STOPPED
    assert came.answer.text == ""


def test_no_thread_is_left_when_answers_have_ended(server):
    before = threading.active_count()
    for reply in (endless(), breaks("x", part=Wait())):
        stopped(server.play(reply), when=Text)
    until = time.monotonic() + 2
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.01)
    assert threading.active_count() <= before
