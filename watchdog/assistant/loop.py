"""The assistant's loop: a question, a model that may call tools, an answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from watchdog.assistant.limits import Limits, question_problem
from watchdog.assistant.pump import Watch
from watchdog.assistant.records import Answer, Ending, Notice, Step, Turn
from watchdog.assistant.settings import ModelSettings
from watchdog.assistant.stream import sound
from watchdog.assistant.toolbox import Toolbox
from watchdog.base.clock import Clock
from watchdog.model.findings import Finding

_NO_MODEL = Notice("No model is configured.", "Set WATCHDOG_ASSISTANT_BASE_URL; see docs/assistant.md.")


def answer(  # noqa: PLR0913 (each is a thing of its own)
    question: str,
    *,
    toolbox: Toolbox,
    desk: Any,  # noqa: ANN401 (what the tools read from; only its `at` is looked at here)
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
    An answer that `fallback.wants_rules` is one for the rules to go on with (`fallback.continued`). What the model says
    before it calls a tool is emitted, and is part of the answer only where no later turn came to its end. `marks` is
    left to the grounding.
    """
    problem = question_problem(question, limits) or (None if model.configured else _NO_MODEL)
    if problem is not None:
        emit(problem)
        return Answer("", Ending.FAILED, model.model, notices=(problem,))
    from watchdog.assistant.turns import Asked, Run  # noqa: PLC0415 (as `load_sdk`)

    asked = Asked(sound(question), toolbox, desk, tuple(facts), tuple(history))
    return Run(asked, model, limits, emit, Watch(clock, cancelled, clock.monotonic() + limits.seconds)).answer()


def load_sdk(_stop: threading.Event) -> None:
    """Load what speaks to a model, so that the first question need not wait for it.

    It takes most of a second and 20 MB: a watchdog without a model does without it.
    """
    import watchdog.assistant.turns  # noqa: F401, PLC0415
