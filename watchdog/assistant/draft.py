"""What an answer has said and looked at so far."""

from __future__ import annotations

from dataclasses import dataclass, replace

from watchdog.assistant.records import (
    Answer,
    Ending,
    Evidence,
    Notice,
    Step,
    Text,
    Thought,
    ToolEnded,
    ToolStarted,
)


@dataclass(frozen=True, slots=True)
class ToolLine:
    """A call and, once it is over, how it ended."""

    started: ToolStarted
    ended: ToolEnded | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """All steps of a run up to now, folded. `paused`: what is said next is another paragraph."""

    text: str = ""
    thought: str = ""
    tools: tuple[ToolLine, ...] = ()
    notices: tuple[Notice, ...] = ()
    paused: bool = False

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """What the tools gave, by number."""
        found = [line.ended.evidence for line in self.tools if line.ended and line.ended.evidence]
        return tuple(sorted(found, key=lambda each: each.number))

    def answer(self, seconds: float | None) -> Answer:
        """It as an answer that was stopped here."""
        notices = self.notices
        return Answer(self.text, Ending.STOPPED, "", self.evidence, notices=notices, seconds=seconds or 0.0)


def folded(draft: Draft, step: Step) -> Draft:
    """The draft with one more step."""
    match step:
        case Text(text):
            gap = "\n\n" if draft.paused and draft.text.strip() and not draft.text.endswith("\n") else ""
            return replace(draft, text=draft.text + gap + text, paused=False)
        case Thought(text):
            return replace(draft, thought=draft.thought + text)
        case ToolStarted():
            return replace(draft, tools=(*draft.tools, ToolLine(step)), paused=True)
        case ToolEnded():
            return replace(draft, tools=_ended(draft.tools, step))
        case Notice():
            return replace(draft, notices=(*draft.notices, step), paused=True)


def _ended(lines: tuple[ToolLine, ...], step: ToolEnded) -> tuple[ToolLine, ...]:
    """The last open call of that id ends; an end without a beginning is a call of its own."""
    for place in range(len(lines) - 1, -1, -1):
        if lines[place].started.call_id == step.call_id and lines[place].ended is None:
            return (*lines[:place], replace(lines[place], ended=step), *lines[place + 1 :])
    return (*lines, ToolLine(ToolStarted(step.call_id, step.tool, ""), step))
