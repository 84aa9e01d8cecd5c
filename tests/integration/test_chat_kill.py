"""A chat, killed in the middle of an answer: the question is there, and all but the last seconds of what was said."""

from __future__ import annotations

import multiprocessing
import threading
import time

import pytest

from tests.integration.chat_writer import CHAT, OWNER, QUESTION, answer_until_killed
from watchdog.assistant.kept import answer_of
from watchdog.assistant.records import Answer, Ending
from watchdog.assistant.runs import SAVE_SECONDS, Runs
from watchdog.base.clock import SystemClock
from watchdog.services.history import History
from watchdog.store.chats import ChatStore


def _noted(path):
    lines = path.read_text().splitlines() if path.exists() else []
    return [(int(number), float(at)) for number, at in (line.split() for line in lines if line.count(" ") == 1)]


def _killed_after(path, noted, seconds):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.integration.chat_writer"])
    process = context.Process(target=answer_until_killed, args=(path, noted), daemon=True)
    process.start()
    deadline = time.monotonic() + 60
    while not _noted(noted) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(seconds)
    process.kill()
    process.join()


@pytest.mark.integration
def test_a_kill_in_mid_answer_loses_a_few_seconds_of_it_and_never_the_question(tmp_path):
    path, noted = tmp_path / "w.duckdb", tmp_path / "noted"
    _killed_after(path, noted, 2.5 * SAVE_SECONDS)
    said = _noted(noted)
    history = History(path, SystemClock())

    (message,) = ChatStore(history.store()).messages(CHAT, OWNER)
    assert message.asked.question == QUESTION
    assert message.reply.ended_at is None
    words = message.reply.text.split()
    assert words == [str(number) for number in range(len(words))]
    lost = said[-1][1] - said[len(words) - 1][1]
    # One round of saving and the time that one save takes on a busy machine.
    assert lost < SAVE_SECONDS + 2
    assert answer_of(message.reply.body).text == message.reply.text

    # The next process answers in the same chat.
    runs = Runs(lambda question, emit, cancelled: Answer("so", Ending.ANSWERED, "m"), history, SystemClock())
    assert runs.running(CHAT) is None
    runs.ask(OWNER, CHAT, "and now?")
    _until(lambda: len(runs.messages(CHAT, OWNER)) == 2 and not runs.busy_chats(OWNER))
    runs.close()
    assert [each.reply.text for each in ChatStore(history.store()).messages(CHAT, OWNER)][1] == "so"
    history.close()


def _until(holds):
    waited = threading.Event()
    for _ in range(500):
        if holds():
            return
        waited.wait(0.01)
    pytest.fail("it did not come")
