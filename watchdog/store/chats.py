"""Chats with the assistant, each its owner's alone: questions, answers as they grew, and what people thought of them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from watchdog.base.errors import ChatError
from watchdog.store.connection import Cursor, rows
from watchdog.store.database import Store

MOST_TITLE_CHARS, MOST_NOTE_CHARS, MOST_LISTED = 120, 2_000, 200


@dataclass(frozen=True, slots=True)
class ChatEntry:
    """A chat in a list."""

    chat_id: str
    title: str
    created_at: datetime
    changed_at: datetime
    messages: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it was asked.

    Attributes:
        about: what it is about, as JSON; "" for nothing in particular.
        view_at: the past instant that it is asked of; None for now.
    """

    message_id: str
    chat_id: str
    question: str
    asked_at: datetime
    about: str = ""
    view_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What there is of an answer.

    Attributes:
        body: all of it, as JSON; "" before the first word.
        text: what it says, to be searched.
        ended_at: None while it is being written, and for ever where the process was killed meanwhile.
    """

    body: str = ""
    text: str = ""
    model: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seconds: float | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A question, its answer, and what the reader thought of it: thumb 1 up, -1 down, 0 neither."""

    asked: Asked
    reply: Reply
    thumb: int = 0
    note: str = ""


class ChatStore:
    """Chats in a `Store`. Every method may raise StoreError, and a write that raised changed nothing.

    `owner` is who asks: a chat of somebody else's is one that does not exist (ChatError).
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def ask(self, owner: str, title: str, asked: Asked) -> None:
        """Keep a question before anybody answers it; its chat begins with it where there is none yet, titled so."""
        with self._store.write() as cursor:
            if rows(cursor, "SELECT 1 FROM chats WHERE chat_id = ?", [asked.chat_id]):
                _allow(cursor, asked.chat_id, owner)
            else:
                values = [asked.chat_id, owner, clean_title(title), asked.asked_at, asked.asked_at]
                rows(cursor, "INSERT INTO chats VALUES (?, ?, ?, ?, ?)", values)
            _insert(cursor, asked)
            rows(cursor, "UPDATE chats SET changed_at = ? WHERE chat_id = ?", [asked.asked_at, asked.chat_id])

    def answer(self, message_id: str, reply: Reply) -> None:
        """Keep what there is of an answer, in place of what was kept before."""
        sql = (
            "UPDATE chat_messages SET body = ?, answer_text = ?, model = ?, prompt_tokens = ?, completion_tokens = ?, "
            "seconds = ?, ended_at = ? WHERE message_id = ?"
        )
        tokens = [reply.prompt_tokens, reply.completion_tokens]
        values = [reply.body, reply.text, reply.model, *tokens, reply.seconds, reply.ended_at, message_id]
        with self._store.write() as cursor:
            rows(cursor, sql, values)

    def chats(self, owner: str, search: str = "") -> tuple[ChatEntry, ...]:
        """The owner's chats, last changed first, at most 200; those where every word of `search` is said somewhere."""
        words = search.lower().split()[:8]
        having = "".join(f" AND contains(lower({_SAID}), ?)" for _ in words)
        sql = (
            f"SELECT c.chat_id, c.title, c.created_at, c.changed_at, count(m.message_id) FROM chats AS c "
            "LEFT JOIN chat_messages AS m ON m.chat_id = c.chat_id AND m.dropped_at IS NULL "
            'WHERE c."owner" = ? GROUP BY ALL '
            f"HAVING true{having} ORDER BY c.changed_at DESC, c.chat_id LIMIT {MOST_LISTED}"
        )
        with self._store.read() as (cursor, _):
            found = rows(cursor, sql, [owner, *words])
        return tuple(ChatEntry(chat, title, _utc(made), _utc(at), n) for chat, title, made, at, n in found)

    def title(self, chat_id: str, owner: str) -> str:
        """What the chat is called."""
        with self._store.read() as (cursor, _):
            return _allow(cursor, chat_id, owner)

    def messages(self, chat_id: str, owner: str) -> tuple[Message, ...]:
        """Questions and answers in their order."""
        sql = f"SELECT {_MESSAGE} FROM chat_messages WHERE chat_id = ? AND dropped_at IS NULL ORDER BY place"
        with self._store.read() as (cursor, _):
            _allow(cursor, chat_id, owner)
            return tuple(_message(row) for row in rows(cursor, sql, [chat_id]))

    def drop_from(self, message_id: str, owner: str, at: datetime) -> None:
        """Take a question and what follows it out of its chat, to be asked in other words."""
        with self._store.write() as cursor:
            chat_id, place = _place(cursor, message_id, owner)
            sql = "UPDATE chat_messages SET dropped_at = ? WHERE chat_id = ? AND place >= ? AND dropped_at IS NULL"
            rows(cursor, sql, [at, chat_id, place])

    def rate(self, message_id: str, owner: str, thumb: int, note: str) -> None:
        """Keep what somebody thinks of an answer; 0 takes the thumb back, the note stays as given."""
        with self._store.write() as cursor:
            _place(cursor, message_id, owner)
            values = [max(-1, min(1, thumb)), note.strip()[:MOST_NOTE_CHARS], message_id]
            rows(cursor, "UPDATE chat_messages SET thumb = ?, note = ? WHERE message_id = ?", values)

    def rename(self, chat_id: str, owner: str, title: str) -> None:
        """Call it something else."""
        if not title.strip():
            raise ChatError("a chat needs a name", hint="Write a word or two.")
        with self._store.write() as cursor:
            _allow(cursor, chat_id, owner)
            rows(cursor, "UPDATE chats SET title = ? WHERE chat_id = ?", [clean_title(title), chat_id])

    def delete(self, chat_id: str, owner: str) -> None:
        """Erase it with all its questions and answers."""
        with self._store.write() as cursor:
            _allow(cursor, chat_id, owner)
            rows(cursor, "DELETE FROM chat_messages WHERE chat_id = ?", [chat_id])
            rows(cursor, "DELETE FROM chats WHERE chat_id = ?", [chat_id])


def new_chat_id() -> str:
    """An id for a new chat or message; nobody guesses it."""
    return secrets.token_hex(8)


def clean_title(text: str) -> str:
    """One printable line of at most 120 characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: MOST_TITLE_CHARS * 4]).split())
    return line if len(line) <= MOST_TITLE_CHARS else f"{line[: MOST_TITLE_CHARS - 1]}…"


_SAID = "concat_ws(' ', c.title, coalesce(string_agg(concat_ws(' ', m.question, m.answer_text), ' '), ''))"
_MESSAGE = (
    "message_id, chat_id, question, asked_at, about, view_at, body, answer_text, model, prompt_tokens, "
    "completion_tokens, seconds, ended_at, thumb, note"
)
_ASKED, _REPLIED = 6, 13


def _insert(cursor: Cursor, asked: Asked) -> None:
    place = rows(cursor, "SELECT coalesce(max(place), 0) + 1 FROM chat_messages WHERE chat_id = ?", [asked.chat_id])
    values = [asked.message_id, asked.chat_id, place[0][0], asked.question, asked.about, asked.asked_at, asked.view_at]
    sql = "INSERT INTO chat_messages VALUES (?, ?, ?, ?, ?, ?, ?, '', '', '', NULL, NULL, NULL, NULL, NULL, 0, '')"
    rows(cursor, sql, values)


def _allow(cursor: Cursor, chat_id: str, owner: str) -> str:
    """The chat's title; ChatError where there is none of this id that is the owner's."""
    found = rows(cursor, 'SELECT title FROM chats WHERE chat_id = ? AND "owner" = ?', [chat_id, owner])
    if not found:
        raise ChatError("there is no such chat", hint="It may be deleted, or somebody else's.")
    return str(found[0][0])


def _place(cursor: Cursor, message_id: str, owner: str) -> tuple[str, int]:
    sql = (
        "SELECT m.chat_id, m.place FROM chat_messages AS m JOIN chats AS c USING (chat_id) "
        'WHERE m.message_id = ? AND c."owner" = ? AND m.dropped_at IS NULL'
    )
    found = rows(cursor, sql, [message_id, owner])
    if not found:
        raise ChatError("there is no such message", hint="Its chat may be deleted.")
    return str(found[0][0]), int(found[0][1])


def _message(row: Sequence[Any]) -> Message:
    message_id, chat_id, question, asked_at, about, view_at = row[:_ASKED]
    asked = Asked(message_id, chat_id, question, _utc(asked_at), about, view_at and _utc(view_at))
    body, text, model, prompt, completion, seconds, ended_at = row[_ASKED:_REPLIED]
    reply = Reply(body, text, model, prompt, completion, seconds, ended_at and _utc(ended_at))
    return Message(asked, reply, *row[_REPLIED:])


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)
