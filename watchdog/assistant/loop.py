"""The agent loop: a question, a model that may call tools, an answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from watchdog.assistant.limits import Limits
from watchdog.assistant.records import Answer, Step, Turn
from watchdog.assistant.settings import ModelSettings
from watchdog.assistant.toolbox import Toolbox
from watchdog.base.clock import Clock
from watchdog.model.findings import Finding


def answer(  # noqa: PLR0913 (each is a thing of its own)
    question: str,
    *,
    toolbox: Toolbox,
    desk: Any,  # noqa: ANN401 (what the tools read from; not looked into here)
    facts: Sequence[Finding],
    history: Sequence[Turn],
    model: ModelSettings,
    limits: Limits,
    emit: Callable[[Step], None],
    cancelled: Callable[[], bool],
    clock: Clock,
) -> Answer:
    """Answer a question with a model that reads through tools.

    Raises nothing on purpose: whatever goes wrong is a Notice in the answer, with what to do, and the text so far stays.
    An answer with `Ending.FAILED` is one for the rules to go on with (`fallback.continued`).
    """
    raise NotImplementedError
