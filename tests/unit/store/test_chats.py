"""Chats in the store: one's own alone, in order, searched, never half deleted."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.conftest import NOON
from watchdog.base.errors import ChatError
from watchdog.store.chats import MOST_TITLE_CHARS, Asked, ChatStore, Reply, clean_title, new_chat_id
from watchdog.store.connection import rows

MINUTE = timedelta(minutes=1)


@pytest.fixture
def chats(store):
    return ChatStore(store)


def ask(chats, question, chat_id="one", owner="ann", minutes=0) -> str:
    asked = Asked(new_chat_id(), chat_id, question, NOON + minutes * MINUTE)
    chats.ask(owner, question, asked)
    return asked.message_id


def questions(chats, chat_id="one", owner="ann"):
    return [each.asked.question for each in chats.messages(chat_id, owner)]


def test_a_question_is_there_before_its_answer_and_the_answer_grows_in_place(chats):
    about = '{"job":"812"}'
    asked = Asked("m", "one", "why? '; DROP TABLE chats; -- 🔥", NOON, about, NOON - MINUTE)
    chats.ask("ann", asked.question, asked)
    assert [(m.asked, m.reply) for m in chats.messages("one", "ann")] == [(asked, Reply())]

    chats.answer("m", Reply("{1}", "half"))
    whole = Reply("{2}", "whole", "qwen", 900, 40, 2.5, NOON + MINUTE)
    chats.answer("m", whole)
    assert [m.reply for m in chats.messages("one", "ann")] == [whole]


def test_messages_come_in_the_order_of_asking_whatever_the_clock_does(chats):
    for minutes, question in ((5, "a"), (1, "b"), (9, "c")):
        ask(chats, question, minutes=minutes)
    assert questions(chats) == ["a", "b", "c"]


def test_nobody_reads_or_changes_the_chat_of_somebody_else(chats):
    message = ask(chats, "secret")
    refused = (
        lambda: chats.messages("one", "bob"),
        lambda: chats.title("one", "bob"),
        lambda: chats.rename("one", "bob", "x"),
        lambda: chats.delete("one", "bob"),
        lambda: chats.rate(message, "bob", 1, ""),
        lambda: chats.drop_from(message, "bob", NOON),
        lambda: ask(chats, "mine now", owner="bob"),
    )
    for attempt in refused:
        with pytest.raises(ChatError, match="no such"):
            attempt()
    assert chats.chats("bob") == ()
    assert questions(chats) == ["secret"]


def test_search_finds_every_word_in_titles_questions_and_answers(chats):
    first = ask(chats, "Why is node gpu-3 HOT?")
    ask(chats, "who wastes?", "two", minutes=1)
    chats.answer(first, Reply("{}", "its fan stands still 100%"))

    def found(words):
        return [each.chat_id for each in chats.chats("ann", words)]

    assert found("") == ["two", "one"]
    assert found("hot FAN") == ["one"]
    assert found("hot wastes") == []
    assert found("100%") == ["one"]
    assert found("_") == []


def test_an_edited_question_takes_what_followed_out_of_sight_and_out_of_search(chats):
    ask(chats, "a")
    second = ask(chats, "zebra", minutes=1)
    ask(chats, "c", minutes=2)
    chats.drop_from(second, "ann", NOON)
    ask(chats, "b", minutes=3)

    assert questions(chats) == ["a", "b"]
    assert chats.chats("ann", "zebra") == ()
    assert chats.chats("ann")[0].messages == 2


def test_rename_rate_and_delete(chats, store):
    message = ask(chats, "why?")
    chats.rename("one", "ann", " Fans\nof gpu-3 ")
    chats.rate(message, "ann", -1, " wrong node ")
    assert chats.title("one", "ann") == "Fans of gpu-3"
    assert [(m.thumb, m.note) for m in chats.messages("one", "ann")] == [(-1, "wrong node")]
    with pytest.raises(ChatError, match="needs a name"):
        chats.rename("one", "ann", "  ")

    chats.delete("one", "ann")
    with store.read() as (cursor, _):
        assert rows(cursor, "SELECT (SELECT count(*) FROM chats) + (SELECT count(*) FROM chat_messages)") == [(0,)]


def test_a_title_is_one_printable_line():
    assert clean_title("a\x1b[31m\n\n b\u202e") == "a [31m b"
    assert len(clean_title("x" * 100_000)) == MOST_TITLE_CHARS
