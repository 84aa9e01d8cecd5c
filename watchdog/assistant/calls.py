"""Running the tools a model asks for: each checked, each once, each within limits."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic_core import from_json

from watchdog.assistant.digest import digest, summary
from watchdog.assistant.limits import Budget
from watchdog.assistant.pump import CancelledError, OvertimeError, Pump, SilenceError, Watch
from watchdog.assistant.records import Evidence, Step, ToolEnded, ToolStarted
from watchdog.assistant.stream import Call
from watchdog.assistant.toolbox import Arguments, Toolbox
from watchdog.base.errors import ToolError, WatchdogError

_log = logging.getLogger(__name__)
_NO_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_MOST_ERROR = 600


@dataclass(frozen=True, slots=True)
class Told:
    """What the model hears of a call; `short` may stand for it later."""

    call: Call
    text: str
    short: str = ""


class Caller:
    """The calls of one answer."""

    def __init__(
        self,
        toolbox: Toolbox,
        desk: Any,  # noqa: ANN401 (handed on as it is)
        budget: Budget,
        emit: Callable[[Step], None],
        watch: Watch,
    ) -> None:
        self.evidence: list[Evidence] = []
        self._toolbox, self._desk, self._budget, self._emit, self._watch = toolbox, desk, budget, emit, watch
        self._told: dict[tuple[str, str], str] = {}
        self._count = 0

    def keep(self, evidence: Evidence) -> Evidence:
        """It with the next number."""
        numbered = replace(evidence, number=len(self.evidence) + 1)
        self.evidence.append(numbered)
        return numbered

    def run(self, calls: Sequence[Call]) -> list[Told]:
        """Run them in their order. Nothing of a call is raised but the wish or the need to stop."""
        return [self._one(call) for call in calls]

    def _one(self, asked: Call) -> Told:
        self._count += 1
        call = _replayable(asked, f"call-{self._count}")
        before = self._told.get((call.name, call.arguments))
        if before is not None:
            self._budget.repeats += 1
            return Told(call, f"You have asked exactly this before; do not ask it again. {before}")
        if self._budget.tool_calls >= self._budget.limits.tool_calls:
            return Told(call, "Not run: no more tools can be called for this question.")
        self._budget.tool_calls += 1
        self._emit(ToolStarted(call.key, call.name, asked.arguments))
        return self._answered(call, asked)

    def _answered(self, call: Call, asked: Call) -> Told:
        started = self._watch.clock.monotonic()
        try:
            arguments = self._toolbox.arguments(asked.name, asked.arguments)
            found = self._within_time(asked.name, arguments)
        except WatchdogError as error:
            return self._failed(call, error, started)
        seconds = self._watch.clock.monotonic() - started
        kept = self.keep(replace(found, tool=call.name, seconds=seconds))
        self._emit(ToolEnded(call.key, call.name, kept, seconds=seconds))
        self._told[call.name, call.arguments] = f"Its result is [{kept.number}]."
        return Told(call, digest(kept, self._budget.limits.result_chars), summary(kept))

    def _failed(self, call: Call, error: WatchdogError, started: float) -> Told:
        problem = f"{error}. {error.hint}".strip()[:_MOST_ERROR]
        seconds = self._watch.clock.monotonic() - started
        self._emit(ToolEnded(call.key, call.name, None, problem, seconds))
        self._told[call.name, call.arguments] = f"It failed: {problem}"
        return Told(call, f"Error: {problem}")

    def _within_time(self, name: str, arguments: Arguments) -> Evidence:
        """The tool's answer; it goes on in its thread where nobody waits for it any more."""
        tool, limit = self._toolbox.tool(name), self._budget.limits.tool_seconds
        pump = Pump(lambda: [tool.run(self._desk, arguments)], f"tool-{name}")
        try:
            return next(iter(pump.items(self._watch, limit)))
        except (WatchdogError, CancelledError, OvertimeError):
            raise
        except SilenceError:
            raise ToolError(f"{name} took longer than {limit:.0f} s", hint="Ask for a shorter window.") from None
        except Exception as error:
            # A fault in one tool costs one result; the log has the rest.
            _log.exception("tool %s failed", name)
            raise ToolError(f"{name} failed inside ({type(error).__name__})", hint="Use another tool.") from error


def _replayable(call: Call, key: str) -> Call:
    """The call as it may stand in the history: valid JSON, a name a server accepts, a key of our own."""
    return Call(call.index, key, _NO_NAME.sub("_", call.name)[:64] or "unknown", _plain_json(call.arguments))


def _plain_json(raw: str) -> str:
    try:
        parsed = from_json(raw or "{}")
    except ValueError:
        return "{}"
    return json.dumps(parsed, ensure_ascii=False, sort_keys=True) if isinstance(parsed, dict) else "{}"
