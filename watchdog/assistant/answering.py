"""Who answers: a model where one is connected, rules where none is or it fails; then every claim is traced."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from watchdog.assistant.desk import Desk
from watchdog.assistant.facts import facts_first
from watchdog.assistant.fallback import continued, wants_rules
from watchdog.assistant.grounding import grounded
from watchdog.assistant.limits import Limits
from watchdog.assistant.loop import answer
from watchdog.assistant.quoting import quoted
from watchdog.assistant.records import About, Answer, Ending, Step
from watchdog.assistant.rules.answer import rule_answer
from watchdog.assistant.runs import NOTHING, Question
from watchdog.assistant.settings import ModelSettings, model_settings
from watchdog.assistant.toolbox import Toolbox
from watchdog.assistant.tools.registry import toolbox
from watchdog.base.clock import Clock
from watchdog.base.config import Config


@dataclass(frozen=True)
class Assistant:
    """Answers one question after another; may be called from many threads.

    Attributes:
        desk: what tools read from, as of an instant; None is now.
        model: the one to ask; not configured = rules alone.
    """

    desk: Callable[[datetime | None], Desk]
    toolbox: Toolbox
    model: ModelSettings
    limits: Limits
    clock: Clock

    def __call__(self, question: Question, emit: Callable[[Step], None], cancelled: Callable[[], bool]) -> Answer:
        """The answer, its claims traced."""
        desk = self.desk(question.view_at)
        if not self.model.configured:
            return self._by_rules(question, desk, emit, cancelled)
        desk.warm()
        partial = answer(
            worded(question),
            toolbox=self.toolbox,
            desk=desk,
            facts=facts_first(desk),
            history=question.turns,
            model=self.model,
            limits=self.limits,
            emit=emit,
            cancelled=cancelled,
            clock=self.clock,
        )
        if wants_rules(partial) and not cancelled():
            return grounded(continued(partial, self._by_rules(question, desk, emit, cancelled)), question.text)
        return grounded(partial, question.text)

    def _by_rules(
        self, question: Question, desk: Desk, emit: Callable[[Step], None], cancelled: Callable[[], bool]
    ) -> Answer:
        found = rule_answer(question.text, desk, question.about, emit, clock=self.clock)
        return replace(found, ending=Ending.STOPPED) if cancelled() else found


def assistant_of(config: Config, desk: Callable[[datetime | None], Desk], clock: Clock) -> Assistant:
    """The assistant that the settings mean, with every tool there is."""
    return Assistant(desk, toolbox(), model_settings(config), Limits(), clock)


def worded(question: Question) -> str:
    """The question with what it is about, as data: ids come from addresses and could be anybody's words."""
    if question.about == NOTHING:
        return question.text
    return f"{question.text}\n\nWhat the asker is looking at: {quoted(about_data(question.about))}"


def about_data(about: About) -> str:
    """The ids that are set, as JSON."""
    return json.dumps({name: value for name, value in asdict(about).items() if value})
