"""What the parts of the assistant hand each other: evidence, steps of a run, and the answer that is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from watchdog.model.findings import Finding
from watchdog.model.telemetry import Window

# A cell of a tool's table; None is unknown. Instants are aware.
Value: TypeAlias = str | int | float | bool | datetime | None


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a tool's table, in base units.

    `unit` is one of `model.metric.Unit` ("ratio", "watts", "bytes", …), "seconds", "hours" or "USD"; "" for none.
    `watchdog.assistant.values.shown` writes a cell for people.
    """

    name: str
    label: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One tool's result: what [n] in an answer points to.

    Attributes:
        number: the n, from 1, in the order of the calls of one answer.
        arguments: as validated, ready for JSON.
        title: in words ("GPU utilization of node gpu-3, mean, 12:00 to 13:00 UTC").
        query: what was asked of which source, to be asked again by hand (PromQL, SQL, or a check's name).
        window: the span it covers; None for an instant, which is then `at`.
        rows: at most what a tool may return; `total_rows` says how many there were.
        age_seconds: how old the newest reading is; None where that is unknown.
        marks: what is incomplete or unknown, each in a sentence.
        page, parameters: the app's page and its address parameters that show the same at that instant.
    """

    number: int
    tool: str
    arguments: dict[str, Any]
    title: str
    query: str
    at: datetime
    window: Window | None
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    total_rows: int
    age_seconds: float | None = None
    marks: tuple[str, ...] = ()
    page: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of all the model's calls of one answer; None where the server does not say."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Thought:
    """A piece of the model's reasoning."""

    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """The model, or the rules, asked for a tool. `arguments` is what came, valid or not."""

    call_id: str
    tool: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolEnded:
    """A tool answered, with evidence, or failed, with a problem in words that the model was told."""

    call_id: str
    tool: str
    evidence: Evidence | None
    problem: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the reader must know: a limit reached, a server that went away, rules that took over; and what to do."""

    text: str
    hint: str = ""


Step: TypeAlias = Thought | Text | ToolStarted | ToolEnded | Notice


class Ending(StrEnum):
    """How a run came to its end."""

    ANSWERED = "answered"
    STOPPED = "stopped"
    LIMIT = "limit"
    FAILED = "failed"
    # The data does not hold the answer, or nobody understood the question: the text says what is missing.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Mark:
    """A part of the answer's text, [start, end), that was traced to evidence; `number` is None where it was not."""

    start: int
    end: int
    what: str
    number: int | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What is kept of a run: text in Markdown with [n], what it rests on, and how it came about.

    Attributes:
        source: the model's name, or "rules".
        facts: what the checks found before anybody was asked, worst first; `more_facts` were found beside these.
        marks: from grounding; `untraced` counts those without evidence.
    """

    text: str
    ending: Ending
    source: str
    evidence: tuple[Evidence, ...] = ()
    facts: tuple[Finding, ...] = ()
    marks: tuple[Mark, ...] = ()
    notices: tuple[Notice, ...] = ()
    usage: Usage = Usage()
    seconds: float = 0.0
    more_facts: int = 0

    @property
    def untraced(self) -> int:
        """How many numbers, names and times of the text rest on no tool's result."""
        return sum(mark.number is None for mark in self.marks)


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier question of the same chat, and its answer."""

    question: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class About:
    """What somebody looked at when they asked: ids, as the app's addresses have them; '' for what does not apply."""

    incident: str = ""
    job: str = ""
    gpu: str = ""
    node: str = ""
