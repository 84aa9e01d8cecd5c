"""What of the model's content is answer: servers without the fitting parsers leave thoughts and calls in it."""

from __future__ import annotations

from collections.abc import Iterator

from watchdog.assistant.records import Text, Thought

THINK, THOUGHT, CALL = "<think>", "</think>", "<tool_call>"


class Speech:
    """Sorts content as it comes: white space at the beginning and tags of calls are no answer, `<think>` is thought.

    Attributes:
        leaked: a call stood in the text.
    """

    def __init__(self) -> None:
        self.leaked = False
        self._held = ""
        self._thinking = False
        self._began = False

    def feed(self, text: str) -> Iterator[Text | Thought]:
        """What `text` adds. A tag that is not whole yet is held back."""
        if self._began:
            yield Text(text)
        elif not self.leaked:
            self._held += text
            yield from self._think() if self._thinking else self._begin()

    def _begin(self) -> Iterator[Text | Thought]:
        start = self._held.lstrip()
        if start.startswith(THINK):
            self._thinking, self._held = True, start.removeprefix(THINK)
            yield from self._think()
        elif start.startswith(CALL):
            self.leaked = True
        elif start and not any(tag.startswith(start) for tag in (THINK, CALL)):
            self._began, self._held = True, ""
            yield Text(start)

    def _think(self) -> Iterator[Text | Thought]:
        thought, tag, rest = self._held.partition(THOUGHT)
        if tag:
            self._thinking, self._held = False, rest
            yield from [Thought(thought)] if thought else []
            yield from self._begin()
            return
        whole = len(self._held) - _begun(self._held, THOUGHT)
        if whole:
            yield Thought(self._held[:whole])
        self._held = self._held[whole:]

    def end(self) -> Iterator[Text | Thought]:
        """What was held back."""
        rest = self._held if self._thinking else self._held.strip()
        if rest and not self.leaked and not self._began:
            yield Thought(rest) if self._thinking else Text(rest)


def _begun(text: str, tag: str) -> int:
    """How many letters at the end of `text` may be the beginning of `tag`."""
    return next((size for size in range(len(tag) - 1, 0, -1) if text.endswith(tag[:size])), 0)


def repeats_itself(text: str) -> bool:
    """Whether a text goes round in circles: its last 120 letters stood there five times before."""
    return len(text) > 1200 and text.count(text[-120:]) >= 6
