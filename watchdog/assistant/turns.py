"""One answer of a model: turn after turn, until it concludes, a limit is reached or somebody stops it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from watchdog.assistant import prompt
from watchdog.assistant.calls import Caller
from watchdog.assistant.context import Conversation, remembered
from watchdog.assistant.facts_evidence import MOST_FACTS, TOOL, facts_evidence
from watchdog.assistant.limits import Budget, Limits
from watchdog.assistant.listening import Listener
from watchdog.assistant.model_client import ModelClient
from watchdog.assistant.pump import CancelledError, OvertimeError, Watch
from watchdog.assistant.records import Answer, Ending, Notice, Step, ToolEnded, ToolStarted, Turn
from watchdog.assistant.settings import ModelSettings
from watchdog.assistant.stream import Said
from watchdog.assistant.toolbox import Toolbox
from watchdog.base.errors import ModelError
from watchdog.model.findings import Finding


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked, and with what. Of `desk`, from which the tools read, only `at` is looked at here."""

    question: str
    toolbox: Toolbox
    desk: Any
    facts: tuple[Finding, ...]
    history: tuple[Turn, ...]


class Run:
    """One answer on its way."""

    def __init__(
        self, asked: Asked, model: ModelSettings, limits: Limits, emit: Callable[[Step], None], watch: Watch
    ) -> None:
        self._asked, self._model, self._limits, self._emit, self._watch = asked, model, limits, emit, watch
        self._started = watch.clock.monotonic()
        self._budget = Budget(limits, self._started)
        self._caller = Caller(asked.toolbox, asked.desk, self._budget, emit, watch)
        self._notices: list[Notice] = []
        self._turns: list[Said] = []
        self._name = model.model
        self._whole = False

    def answer(self) -> Answer:
        """The answer, however it ends."""
        return self._made(self._ending())

    def _ending(self) -> Ending:
        try:
            with ModelClient(self._model) as client:
                return self._turns_with(client)
        except CancelledError:
            return Ending.STOPPED
        except OvertimeError:
            text = f"The {self._limits.seconds:.0f} seconds for one answer are over."
            self._tell(Notice(text, "What was said so far stays. Ask for less at once."))
            return Ending.LIMIT
        except ModelError as error:
            self._tell(_notice(error))
            return Ending.FAILED

    def _turns_with(self, client: ModelClient) -> Ending:
        self._talk = self._conversation()
        self._listener = Listener(client, self._asked.toolbox, self._limits, self._watch, self._emit, self._tell)
        asked_again = False
        for turn in self._calling():
            if self._acted(turn):
                continue
            if turn.text.strip() or asked_again:
                return self._concluded(turn, limited=False)
            self._talk.add_note(self._nudge(turn))
            asked_again = True
        return self._last_turn()

    def _nudge(self, said: Said) -> str:
        """What a turn that says nothing is told, once."""
        if said.cut(self._listener.max_tokens):
            self._listener.think_less = True
            return prompt.NO_ROOM
        return prompt.NO_ANSWER

    def _conversation(self) -> Conversation:
        at = getattr(self._asked.desk, "at", None) or self._watch.clock.now()
        found = None
        if self._asked.facts:
            found = self._caller.keep(facts_evidence(self._asked.facts, at))
            self._emit(ToolStarted("facts", TOOL, "{}"))
            self._emit(ToolEnded("facts", TOOL, found))
        opening = prompt.opening(self._asked.question, found, at, self._limits.result_chars)
        return Conversation(prompt.SYSTEM, opening, remembered(self._asked.history))

    def _calling(self) -> Iterator[Said]:
        """Turns of the model as long as it may call tools."""
        while not self._budget.reasons(self._watch.clock.monotonic()):
            yield self._turn(may_call=True)

    def _turn(self, *, may_call: bool) -> Said:
        said = Said()
        self._turns.append(said)
        try:
            self._listener.listen(said, self._talk, may_call=may_call)
        finally:
            self._budget.add(said.usage)
        self._name = self._listener.client.name
        return said

    def _acted(self, said: Said) -> bool:
        """Do what the turn asks for; False where it asks for nothing."""
        if not said.calls:
            return False
        if said.cut(self._listener.max_tokens):
            # Even valid JSON may lack what the model was about to write.
            self._talk.add_said(said.text, ())
            self._talk.add_note(prompt.CUT_CALL)
            return True
        told = self._caller.run(said.calls)
        self._talk.add_said(said.text, [each.call for each in told])
        for each in told:
            self._talk.add_result(each.call.key, each.text, each.short)
        return True

    def _last_turn(self) -> Ending:
        reasons = self._budget.reasons(self._watch.clock.monotonic())
        for reason in reasons:
            self._tell(reason)
        self._talk.add_note(prompt.last_turn([reason.text for reason in reasons]))
        return self._concluded(self._turn(may_call=False), limited=True)

    def _concluded(self, said: Said, *, limited: bool) -> Ending:
        """What a turn without calls comes to."""
        if not said.text.strip():
            self._tell(_silent(said, self._listener.max_tokens))
            return Ending.LIMIT if limited else Ending.FAILED
        self._whole = True
        if said.cut(self._listener.max_tokens):
            self._listener.tell_cut()
            return Ending.LIMIT
        return Ending.LIMIT if limited else Ending.ANSWERED

    def _tell(self, notice: Notice) -> None:
        self._notices.append(notice)
        self._emit(notice)

    def _made(self, ending: Ending) -> Answer:
        return Answer(
            text=self._text(),
            ending=ending,
            source=self._name,
            evidence=tuple(self._caller.evidence),
            facts=self._asked.facts[:MOST_FACTS],
            more_facts=len(self._asked.facts[MOST_FACTS:]),
            notices=tuple(self._notices),
            usage=self._budget.usage,
            seconds=self._watch.clock.monotonic() - self._started,
        )

    def _text(self) -> str:
        """The last turn's text if it came to its end, else all that was said: nothing that was read vanishes."""
        turns = self._turns[-1:] if self._whole else self._turns
        return "\n\n".join(text for turn in turns if (text := turn.text.strip()))


def _notice(error: ModelError) -> Notice:
    text = str(error)
    return Notice(f"{text[:1].upper()}{text[1:]}.", error.hint)


def _silent(said: Said, max_tokens: int) -> Notice:
    """Why a finished turn has no text."""
    if said.cut(max_tokens):
        text = f"The model used all {max_tokens:,} tokens of its turn for thinking and said nothing."
        return Notice(text, "Set WATCHDOG_ASSISTANT_MAX_TOKENS higher, or WATCHDOG_ASSISTANT_THINKING=off.")
    if said.thought.strip():
        return Notice("The model thought, but gave no answer.", "Ask again, or set WATCHDOG_ASSISTANT_THINKING=off.")
    return Notice("The model answered with nothing.", "Ask again, in other words.")
