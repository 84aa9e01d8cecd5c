"""What a model's answer is made of, whatever its server calls the pieces, and the whole they add up to.

Written against vLLM 0.32: reasoning comes as `reasoning` (older servers: `reasoning_content`), the name and id of a
call in one piece and its arguments in further ones with the same index, usage in a last piece without choices. A
server that does not stream sends one whole message instead; it is read as one piece.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from watchdog.assistant.records import Text, Thought, Usage


@dataclass(frozen=True, slots=True)
class CallPart:
    """A piece of a call of a tool; `name` and `key` (the server's id) stand in the first alone."""

    index: int
    key: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Finish:
    """Why the model stopped: "stop", "tool_calls", "length", …."""

    reason: str


Piece: TypeAlias = Thought | Text | CallPart | Finish | Usage


@dataclass(slots=True)
class Call:
    """A tool asked for, with arguments as the model wrote them: JSON, if all went well."""

    index: int
    key: str
    name: str
    arguments: str = ""


@dataclass(slots=True)
class Said:
    """One turn of the model, as far as it came; `whole` once it came to its end."""

    thought: str = ""
    text: str = ""
    calls: list[Call] = field(default_factory=list)
    finish: str = ""
    usage: Usage = field(default_factory=Usage)
    whole: bool = False

    def add(self, piece: Piece) -> None:
        """One more piece."""
        match piece:
            case Thought(text):
                self.thought += text
            case Text(text):
                self.text += text
            case CallPart():
                self._add_call(piece)
            case Finish(reason):
                self.finish = reason
            case Usage():
                self.usage = piece

    @property
    def chars(self) -> int:
        """Letters of all that came: words, thoughts and calls, each of which takes some for itself."""
        calls = sum(20 + len(call.name) + len(call.arguments) for call in self.calls)
        return len(self.text) + len(self.thought) + calls

    def _add_call(self, part: CallPart) -> None:
        call = next((c for c in reversed(self.calls) if c.index == part.index), None)
        # Some servers number every call 0; another id with a name is another call.
        if call is None or (part.name and part.key != call.key):
            call = Call(part.index, part.key, "")
            self.calls.append(call)
        call.name = call.name or part.name
        call.arguments += part.arguments

    def cut(self, max_tokens: int) -> bool:
        """Whether the end is missing. A call cut short can still be valid JSON, and even finish as "tool_calls"."""
        return self.finish == "length" or (self.usage.completion_tokens or 0) >= max_tokens


def pieces(chunk: Any) -> Iterator[Piece]:  # noqa: ANN401 (the SDK does not validate what it builds)
    """The pieces of one chunk of a stream, or of one whole completion; attributes that are missing are skipped."""
    if (usage := getattr(chunk, "usage", None)) is not None:
        yield Usage(_count(usage, "prompt_tokens"), _count(usage, "completion_tokens"))
    for choice in _listed(chunk, "choices")[:1]:
        delta = getattr(choice, "delta", None) or getattr(choice, "message", None)
        yield from _of_delta(delta)
        if isinstance(reason := getattr(choice, "finish_reason", None), str) and reason:
            yield Finish(reason)


def sound(text: str) -> str:
    """The text without halves of surrogate pairs and NUL, which can be neither sent nor stored."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")


def _of_delta(delta: Any) -> Iterator[Piece]:  # noqa: ANN401 (as above)
    if thought := _text(delta, "reasoning") or _text(delta, "reasoning_content"):
        yield Thought(thought)
    # A refusal is an answer, too.
    if text := _text(delta, "content") or _text(delta, "refusal"):
        yield Text(text)
    for place, call in enumerate(_listed(delta, "tool_calls")):
        function = getattr(call, "function", None)
        index = getattr(call, "index", None)
        yield CallPart(
            index if isinstance(index, int) else place,
            _text(call, "id"),
            _text(function, "name"),
            _text(function, "arguments"),
        )


def _listed(thing: Any, name: str) -> list[Any]:  # noqa: ANN401 (as above)
    found = getattr(thing, name, None)
    return [each for each in found if each is not None] if isinstance(found, Iterable) else []


def _text(thing: Any, name: str) -> str:  # noqa: ANN401 (as above)
    found = getattr(thing, name, None)
    return sound(found) if isinstance(found, str) else ""


def _count(usage: Any, name: str) -> int | None:  # noqa: ANN401 (as above)
    found = getattr(usage, name, None)
    return found if isinstance(found, int) else None
