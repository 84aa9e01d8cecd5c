"""Asks tools on behalf of the rules: numbers what they give, tells who watches, and remembers what could not be had."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from watchdog.assistant.desk import Desk
from watchdog.assistant.records import Evidence, Step, ToolEnded, ToolStarted
from watchdog.assistant.toolbox import Toolbox
from watchdog.base.clock import Clock, SystemClock
from watchdog.base.errors import WatchdogError


@dataclass(frozen=True, slots=True)
class Missing:
    """What could not be had, and what to do about it."""

    why: str
    hint: str = ""


@dataclass
class Asking:
    """One answer's calls. One thread uses it.

    Attributes:
        evidence: what came back, numbered from `first` on.
        missing: in words, what could not be had.
    """

    desk: Desk
    toolbox: Toolbox
    emit: Callable[[Step], None]
    first: int = 1
    clock: Clock = field(default_factory=SystemClock)
    evidence: list[Evidence] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    _known: dict[str, Evidence | None] = field(default_factory=dict)

    def ask(self, name: str, **arguments: Any) -> Evidence | None:  # noqa: ANN401 (whatever the tool takes)
        """The tool's numbered answer, once for each call; None, with why in `missing`, where it has none."""
        raw = json.dumps(arguments, default=str)
        key = f"{name} {raw}"
        if key not in self._known:
            self._known[key] = self._ask(name, raw)
        return self._known[key]

    def _ask(self, name: str, raw: str) -> Evidence | None:
        call_id, began = f"rules-{len(self._known) + 1}", self.clock.monotonic()
        self.emit(ToolStarted(call_id, name, raw))
        try:
            found = self.toolbox.run(self.desk, name, raw)
        except WatchdogError as error:
            self.missing.append(Missing(str(error), error.hint))
            self.emit(ToolEnded(call_id, name, None, str(error), self.clock.monotonic() - began))
            return None
        seconds = self.clock.monotonic() - began
        numbered = replace(found, number=self.first + len(self.evidence), seconds=seconds)
        self.evidence.append(numbered)
        self.emit(ToolEnded(call_id, name, numbered, "", seconds))
        return numbered
