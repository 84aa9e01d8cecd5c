"""Answers in the making: seen from any thread, stopped at once, kept whatever happens."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest

from tests.conftest import NOON
from watchdog.assistant.draft import Draft, folded
from watchdog.assistant.kept import answer_of
from watchdog.assistant.records import (
    About,
    Answer,
    Ending,
    Notice,
    Text,
    Thought,
    ToolEnded,
    ToolStarted,
    Usage,
)
from watchdog.assistant.runs import MOST_QUESTION_CHARS, Runs
from watchdog.base.clock import FakeClock
from watchdog.base.errors import ChatError, SourceUnavailableError, StoreFullError, StoreLockedError
from watchdog.services.history import History
from watchdog.store.chats import ChatStore


class Scripted:
    """Says "one ", waits to be let on or stopped, says "two"."""

    def __init__(self) -> None:
        self.asked, self.on = [], threading.Event()
        self.deaf = False

    def __call__(self, question, emit, cancelled):
        self.asked.append(question)
        emit(Text("one "))
        while not self.on.wait(0.005):
            if cancelled() and not self.deaf:
                return Answer("one ", Ending.STOPPED, "m")
        emit(Text("two"))
        return Answer("one two", Ending.ANSWERED, "m", usage=Usage(9, 2), seconds=1.5)


@pytest.fixture
def clock():
    return FakeClock(NOON)


@pytest.fixture
def history(tmp_path, clock):
    opened = History(tmp_path / "w.duckdb", clock)
    yield opened
    opened.close()


@pytest.fixture
def script():
    return Scripted()


@pytest.fixture
def runs(history, clock, script):
    started = Runs(script, history, clock)
    yield started
    script.deaf = False
    started.close()


def until(holds, seconds=5.0):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.002)


def kept(history, chat_id="c", owner="ann"):
    return [
        (m.asked.question, m.reply.text, m.reply.ended_at) for m in ChatStore(history.store()).messages(chat_id, owner)
    ]


def whole(runs, script, chat_id="c", text="why?"):
    run = runs.ask("ann", chat_id, text)
    script.on.set()
    until(lambda: run.answer is not None and runs.running(chat_id) is None)
    until(lambda: not runs._all())
    script.on.clear()
    return run


def test_a_question_is_kept_before_anybody_answers_and_the_answer_when_it_is_whole(runs, history, script):
    run = runs.ask("ann", "c", "  why?  ", about=About(job="8"), view_at=NOON - timedelta(days=1))
    assert kept(history) == [("why?", "", None)]
    until(lambda: run.draft.text)
    assert runs.running("c") is run
    assert runs.busy_chats("ann") == {"c"}
    assert runs.busy_chats("bob") == frozenset()

    script.on.set()
    until(lambda: not runs._all())
    assert kept(history) == [("why?", "one two", NOON)]
    assert runs.running("c") is None
    reply = runs.messages("c", "ann")[0].reply
    assert (reply.model, reply.prompt_tokens, reply.completion_tokens, reply.seconds) == ("m", 9, 2, 1.5)
    asked = script.asked[0]
    assert (asked.about, asked.view_at, asked.turns) == (About(job="8"), NOON - timedelta(days=1), ())


def test_what_is_said_so_far_is_kept_at_each_round_and_shown_over_what_is_kept(runs, history):
    run = runs.ask("ann", "c", "why?")
    until(lambda: run.draft.text)
    assert runs.messages("c", "ann")[0].reply.text == "one "
    runs.tend_once()
    assert kept(history) == [("why?", "one ", None)]


def test_stopping_ends_it_at_once_and_what_it_said_stays(runs, history):
    run = runs.ask("ann", "c", "why?")
    until(lambda: run.draft.text)
    began = time.monotonic()
    runs.stop(run.asked.message_id)
    until(lambda: run.answer)
    assert time.monotonic() - began < 0.5
    assert (run.answer.ending, run.answer.text) == (Ending.STOPPED, "one ")
    until(lambda: not runs._all())
    assert kept(history) == [("why?", "one ", NOON)]


def test_one_that_does_not_listen_is_left_to_itself_and_its_late_words_count_no_more(runs, clock, history, script):
    script.deaf = True
    run = runs.ask("ann", "c", "why?")
    until(lambda: run.draft.text)
    runs.stop(run.asked.message_id)
    clock.sleep(3)
    runs.tend_once()
    assert (run.answer.ending, run.answer.text) == (Ending.STOPPED, "one ")
    script.on.set()
    time.sleep(0.05)
    assert kept(history)[0][1] == "one "
    assert run.draft.text == "one "


def test_who_waits_for_news_is_told_at_once_and_in_vain_only_for_so_long(runs, script):
    run = runs.ask("ann", "c", "why?")
    until(lambda: run.draft.text)
    seen = run.version
    assert run.wait(seen, 0.01) == seen
    threading.Timer(0.05, script.on.set).start()
    began = time.monotonic()
    assert run.wait(seen, 30) > seen
    assert time.monotonic() - began < 5


def test_a_chat_answers_one_question_at_a_time_and_others_meanwhile(runs, script):
    runs.ask("ann", "c", "why?")
    with pytest.raises(ChatError, match="still being answered"):
        runs.ask("ann", "c", "and?")
    runs.ask("ann", "d", "else?")
    until(lambda: len(script.asked) == 2)


def test_more_than_fit_wait_for_their_turn_and_can_be_stopped_while_they_wait(history, clock, script):
    runs = Runs(script, history, clock, most_at_once=1)
    runs.ask("ann", "c", "why?")
    until(lambda: script.asked)
    second = runs.ask("ann", "d", "and?")
    time.sleep(0.02)
    assert len(script.asked) == 1
    runs.stop(second.asked.message_id)
    until(lambda: second.answer)
    assert second.answer.ending is Ending.STOPPED
    runs.close()


@pytest.mark.parametrize("text", ["", " \n", "x" * (MOST_QUESTION_CHARS + 1), "x" * 100_000])
def test_nothing_and_too_much_are_refused_in_words_and_make_no_chat(runs, history, text):
    with pytest.raises(ChatError, match=r"nothing was asked|at most 8,000"):
        runs.ask("ann", "c", text)
    assert ChatStore(history.store()).chats("ann") == ()


@pytest.mark.parametrize(
    "text", ["GPU 温度は?", "🔥" * 50, "'; DROP TABLE chats; --", "<script>![x](http://e/p.png)", "a\ud800"]
)
def test_any_words_are_asked_and_kept_as_they_are(runs, history, script, text):
    whole(runs, script, text=text)
    assert kept(history)[0][0] == text.replace("\ud800", "?")


def test_earlier_questions_and_answers_go_along(runs, script):
    whole(runs, script)
    whole(runs, script, text="and?")
    assert [(turn.question, turn.answer.text) for turn in script.asked[1].turns] == [("why?", "one two")]


@pytest.mark.parametrize(
    ("error", "words"),
    [(SourceUnavailableError("the model is away", hint="Start it."), "The model is away."), (KeyError("x"), "a fault")],
)
def test_whatever_an_answerer_raises_is_told_and_what_it_said_stays(history, clock, error, words, caplog):
    def answering(question, emit, cancelled):
        emit(Text("half"))
        emit(Notice("first"))
        raise error

    runs = Runs(answering, history, clock)
    run = runs.ask("ann", "c", "why?")
    until(lambda: run.answer)
    assert (run.answer.text, run.answer.ending) == ("half", Ending.FAILED)
    assert run.answer.notices[0] == Notice("first")
    assert words in run.answer.notices[1].text
    runs.close()


def test_steps_fold_into_a_draft():
    draft = Draft()
    for step in (
        Thought("hm"), Text("Let me look."), ToolStarted("a", "t", "{}"), ToolStarted("b", "u", "{"),
        ToolEnded("b", "u", None, "no such"), Text("So."), ToolEnded("z", "v", None, "late"), Notice("n"), Text("Rules."),
    ):  # fmt: skip
        draft = folded(draft, step)
    assert (draft.thought, draft.text) == ("hm", "Let me look.\n\nSo.\n\nRules.")
    assert draft.notices == (Notice("n"),)
    assert [(line.started.tool, line.ended and line.ended.problem) for line in draft.tools] == [
        ("t", None), ("u", "no such"), ("v", "late"),
    ]  # fmt: skip


def test_without_a_store_it_is_answered_all_the_same_and_kept_once_the_store_is_back(
    runs, history, script, monkeypatch
):
    working = history.store

    def refuse():
        raise StoreFullError("the disk is full", hint="Make room.")

    monkeypatch.setattr(history, "store", refuse)
    run = runs.ask("ann", "c", "why?")
    script.on.set()
    until(lambda: run.answer)
    assert [m.reply.text for m in runs.messages("c", "ann")] == ["one two"]
    with pytest.raises(StoreFullError):
        runs.messages("other", "ann")
    monkeypatch.setattr(history, "store", working)
    runs.tend_once()
    assert kept(history) == [("why?", "one two", NOON)]
    assert runs._all() == []


def test_a_chat_of_somebody_else_takes_no_question(runs, script, history):
    whole(runs, script)
    with pytest.raises(ChatError, match="no such chat"):
        runs.ask("bob", "c", "mine?")
    with pytest.raises(ChatError, match="no such chat"):
        runs.messages("c", "bob")
    assert runs._all() == []


def test_nobody_else_reads_an_answer_while_it_is_written(runs):
    run = runs.ask("ann", "c", "why?")
    until(lambda: run.draft.text)
    with pytest.raises(ChatError, match="no such chat"):
        runs.messages("c", "bob")
    assert runs.unkept("c", "bob") == ()


def test_a_deleted_chat_is_stopped_and_does_not_come_back(runs, history):
    run = runs.ask("ann", "c", "why?")
    until(lambda: run.draft.text)
    ChatStore(history.store()).delete("c", "ann")
    runs.forget("c")
    until(lambda: run.answer)
    time.sleep(0.02)
    runs.tend_once()
    assert ChatStore(history.store()).chats("ann") == ()


def test_closing_keeps_what_was_said(history, clock, script):
    runs = Runs(script, history, clock)
    run = runs.ask("ann", "c", "why?")
    until(lambda: run.draft.text)
    runs.close()
    assert kept(history) == [("why?", "one ", NOON)]
    with pytest.raises(ChatError):
        runs.ask("ann", "d", "more?")


def test_a_file_that_another_process_has_is_told_by_reading_not_by_a_wrong_answer(tmp_path, clock, script):
    class Locked:
        error = StoreLockedError("locked", hint="Stop it.")

        def store(self):
            raise self.error

        def done(self, action):
            return False

    runs = Runs(script, Locked(), clock)
    with pytest.raises(StoreLockedError):
        runs.messages("c", "ann")


def test_what_was_kept_is_the_whole_answer(runs, script):
    whole(runs, script)
    body = runs.messages("c", "ann")[0].reply.body
    assert answer_of(body) == Answer("one two", Ending.ANSWERED, "m", usage=Usage(9, 2), seconds=1.5)
