"""How far one answer may go."""

from __future__ import annotations

from dataclasses import dataclass

from watchdog.assistant.records import Notice, Usage


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
    question_chars: int = 10_000
    text_chars: int = 60_000
    result_chars: int = 6_000
    context_chars: int = 60_000
    repeats: int = 3


class Budget:
    """What one answer has used."""

    def __init__(self, limits: Limits, started: float) -> None:
        self.limits = limits
        self.steps = self.tool_calls = self.repeats = 0
        self._started = started
        self._prompt: int | None = None
        self._completion: int | None = None
        self._last_prompt = 0

    def add(self, usage: Usage) -> None:
        """One more turn of the model; what the server does not say is not guessed."""
        self.steps += 1
        self._prompt = _sum(self._prompt, usage.prompt_tokens)
        self._completion = _sum(self._completion, usage.completion_tokens)
        self._last_prompt = usage.prompt_tokens or 0

    @property
    def usage(self) -> Usage:
        """Tokens of all turns."""
        return Usage(self._prompt, self._completion)

    def reasons(self, now: float) -> list[Notice]:
        """Why no more tools can be called, if so: each a limit that is reached, and what to do."""
        limits = self.limits
        reached = {
            f"The model has had all but the last of its {limits.steps} turns.": self.steps >= limits.steps - 1,
            f"{limits.tool_calls} tools have been called, the most for one answer.": (
                self.tool_calls >= limits.tool_calls
            ),
            f"Most of the {limits.seconds:.0f} seconds for one answer are used.": (
                now - self._started > _TOOLS_SHARE * limits.seconds
            ),
            f"Most of the {limits.tokens:,} tokens for one answer are used.": self._few_tokens_left(),
            "The model asked for the same again and again.": self.repeats >= limits.repeats,
        }
        return [
            Notice(text, "Ask for less at once, or go on in this chat.") for text, is_so in reached.items() if is_so
        ]

    def _few_tokens_left(self) -> bool:
        """Whether another turn as long as the last would go beyond."""
        used = (self._prompt or 0) + (self._completion or 0)
        return self.limits.tokens > 0 and used + self._last_prompt > self.limits.tokens


# The rest of the time is for the last turn.
_TOOLS_SHARE = 0.75


def _sum(before: int | None, more: int | None) -> int | None:
    return before if more is None else (before or 0) + more


def question_problem(question: str, limits: Limits) -> Notice | None:
    """Why a question cannot be asked, if so."""
    if not question.strip():
        return Notice("There is no question.", "Write one, as: which GPUs need attention?")
    if len(question) > limits.question_chars:
        text = f"The question has {len(question):,} letters; at most {limits.question_chars:,} are read."
        return Notice(text, "Shorten it, or ask about one part at a time.")
    return None
