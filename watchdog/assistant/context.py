"""What the model reads: kept within bounds by saying less of what is old, never by cutting in the middle."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from watchdog.assistant.records import Turn
from watchdog.assistant.stream import Call

Message = dict[str, Any]
_CITED = re.compile(r"\s?\[\d+\]")
_MOST_OLD_QUESTION, _MOST_OLD_ANSWER = 600, 1500
_MOST_OLD_TITLES = 8


@dataclass(slots=True)
class Entry:
    """A message, and what may stand in its place when room is short."""

    message: Message
    short: str = ""

    @property
    def chars(self) -> int:
        """Letters of everything in it."""
        return len(json.dumps(self.message, ensure_ascii=False))

    def shorten(self) -> None:
        """Say less."""
        self.message, self.short = self.message | {"content": self.short}, ""


@dataclass(slots=True)
class Conversation:
    """The messages of one answer: the system's, earlier turns, the question, and what has happened since."""

    system: str
    question: str
    earlier: list[tuple[Message, Message]] = field(default_factory=list)
    since: list[Entry] = field(default_factory=list)

    def messages(self, most_chars: int) -> list[Message]:
        """All of it in at most `most_chars` letters, if it can be: old results shrink first, then old turns go."""
        self._fit(most_chars)
        before = [message for turn in self.earlier for message in turn]
        opening = [{"role": "system", "content": self.system}, *before, {"role": "user", "content": self.question}]
        return [*opening, *(entry.message for entry in self.since)]

    def _fit(self, most_chars: int) -> None:
        for entry in self.since:
            if self._chars() <= most_chars:
                return
            if entry.short:
                entry.shorten()
        while self.earlier and self._chars() > most_chars:
            self.earlier.pop(0)

    def _chars(self) -> int:
        before = sum(len(str(message["content"])) for turn in self.earlier for message in turn)
        return len(self.system) + len(self.question) + before + sum(entry.chars for entry in self.since)

    def add_said(self, text: str, calls: Sequence[Call]) -> None:
        """What the model said. Arguments must be valid JSON by now: some servers choke on others for ever."""
        message: Message = {"role": "assistant", "content": text}
        if calls:
            message["tool_calls"] = [_replayed(call) for call in calls]
        self.since.append(Entry(message))

    def add_result(self, key: str, text: str, short: str = "") -> None:
        """What a tool answered to the call of that key."""
        self.since.append(Entry({"role": "tool", "tool_call_id": key, "content": text}, short))

    def add_note(self, text: str) -> None:
        """A word of the program's own; chat templates take a system message only at the beginning."""
        self.since.append(Entry({"role": "user", "content": f"(From the program, not from the user.) {text}"}))


def _replayed(call: Call) -> Message:
    return {"id": call.key, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def remembered(history: Sequence[Turn]) -> list[tuple[Message, Message]]:
    """Earlier turns as question and answer. Their [n] point to evidence that this answer does not have, so they go."""
    return [
        (
            {"role": "user", "content": _short(turn.question, _MOST_OLD_QUESTION)},
            {"role": "assistant", "content": _old_answer(turn)},
        )
        for turn in history
        if turn.answer.text
    ]


def _old_answer(turn: Turn) -> str:
    text = _CITED.sub("", turn.answer.text)
    text = _short(text, _MOST_OLD_ANSWER)
    titles = [" ".join(each.title.split())[:200] for each in turn.answer.evidence[:_MOST_OLD_TITLES]]
    return f"{text}\n(I had looked at: {'; '.join(titles)}.)" if titles else text


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"
