"""Asks every question as often as is wanted, and scores each answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime

from watchdog.assistant.answering import Assistant
from watchdog.assistant.desk import Desk
from watchdog.assistant.evaluation.checks import Faults, faults_of
from watchdog.assistant.evaluation.questions import Asked, Story
from watchdog.assistant.evaluation.truth import Truth
from watchdog.assistant.fallback import TAKEN_OVER
from watchdog.assistant.limits import Limits
from watchdog.assistant.records import About, Answer, Ending, Step, ToolStarted
from watchdog.assistant.runs import Question
from watchdog.assistant.settings import ModelSettings
from watchdog.assistant.tools.registry import toolbox
from watchdog.base.clock import Clock

# A cause that no check asserts, told as if it were known (see `grounding`).
_LOOSE_CAUSE = "is a hypothesis: no check asserts this cause"


@dataclass(frozen=True)
class World:
    """A simulated cluster that somebody watches, and what is so in it."""

    desk: Callable[[datetime | None], Desk]
    truth: Truth


Opener = Callable[[Story], AbstractContextManager[World]]


@dataclass(frozen=True)
class Scored:
    """One answer and what came of its checks.

    Attributes:
        right: every check holds, and it is the model's own where a model was asked.
        overclaims: it claims what is not so, answers what nothing can tell, or tells a cause as known that no check asserts.
        unsupported: numbers, names and times of it that rest on nothing that was read.
        unknown: whether nothing could tell the answer.
        seconds: from the question to the end.
        failed: why the model did not finish; "" where it did.
    """

    question: str
    kind: str
    run: int
    right: bool
    overclaims: bool
    unsupported: tuple[str, ...]
    unknown: bool
    rules: bool
    lacks: tuple[str, ...]
    claims: tuple[str, ...]
    source: str
    ending: str
    tools: tuple[str, ...]
    seconds: float
    prompt_tokens: int | None
    completion_tokens: int | None
    failed: str
    text: str


@dataclass
class Evaluation:
    """Asks one assistant; `told` hears of each answer as it comes.

    Attributes:
        model: not configured = the rules.
    """

    model: ModelSettings
    clock: Clock
    opened: Opener
    limits: Limits = field(default_factory=Limits)
    told: Callable[[Scored], None] = lambda _: None

    def scores(self, asked: Sequence[Asked], stories: Sequence[Story], runs: int = 1) -> list[Scored]:
        """Every question `runs` times; each world is built once."""
        return [scored for story in stories for scored in self._of_world(story, asked, runs)]

    def _of_world(self, story: Story, asked: Sequence[Asked], runs: int) -> Iterator[Scored]:
        here = [each for each in asked if each.world == story.name]
        if not here:
            return
        with self.opened(story) as world:
            for run in range(1, runs + 1):
                for each in here:
                    scored = self._score(each, world, run)
                    self.told(scored)
                    yield scored

    def _score(self, asked: Asked, world: World, run: int) -> Scored:
        steps: list[Step] = []
        assistant = Assistant(world.desk, toolbox(), self.model, self.limits, self.clock)
        text = world.truth.filled(asked.ask)
        answer = assistant(Question(text, About(), None, ()), steps.append, lambda: False)
        return scored_of(asked, answer, faults_of(answer, asked, world.truth), steps, run, model=self.model.configured)


def scored_of(asked: Asked, answer: Answer, faults: Faults, steps: Sequence[Step], run: int, *, model: bool) -> Scored:
    """The answer's scores. Where a model was asked, an answer that the rules had to give is none of its own."""
    failed = _failure(answer) if model else ""
    loose = any(_LOOSE_CAUSE in notice.text for notice in answer.notices)
    return Scored(
        question=asked.id,
        kind=asked.kind,
        run=run,
        right=not faults and not failed and answer.ending is not Ending.FAILED,
        overclaims=bool(faults.claims) or loose,
        unsupported=tuple(answer.text[mark.start : mark.end] for mark in answer.marks if mark.number is None),
        unknown=asked.unknown,
        rules=asked.rules,
        lacks=faults.lacks,
        claims=(*faults.claims, *(["tells a cause as known"] if loose else [])),
        source=answer.source,
        ending=str(answer.ending),
        tools=tuple(step.tool for step in steps if isinstance(step, ToolStarted)),
        seconds=answer.seconds,
        prompt_tokens=answer.usage.prompt_tokens,
        completion_tokens=answer.usage.completion_tokens,
        failed=failed,
        text=answer.text,
    )


def _failure(answer: Answer) -> str:
    """What the model failed of, where the rules took over."""
    if TAKEN_OVER not in answer.notices:
        return ""
    return next((notice.text for notice in answer.notices if notice != TAKEN_OVER), "it did not finish")
