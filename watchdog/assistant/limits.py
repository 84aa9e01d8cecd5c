"""How far one answer may go."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What one answer may use.

    Attributes:
        steps: turns of the model, the last, without tools, included.
        tool_calls: calls that were really run; repeated ones are answered from before and do not count.
        seconds: of wall clock, from the question to the end.
        tool_seconds: of one tool.
        tokens: prompt and completion, of all turns together; 0 is no limit.
        question_chars, text_chars: of the question, and of what the model writes and thinks in one turn.
        result_chars: of one tool's result as the model reads it.
        context_chars: of everything the model reads in one turn; about four to a token.
        repeats: how often the same call may come before no more tools are offered.
    """

    steps: int = 8
    tool_calls: int = 16
    seconds: float = 180.0
    tool_seconds: float = 20.0
    tokens: int = 200_000
    question_chars: int = 8_000
    text_chars: int = 60_000
    result_chars: int = 6_000
    context_chars: int = 60_000
    repeats: int = 3
