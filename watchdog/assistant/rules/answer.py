"""A question in, an answer out, without any model: one intent, its tools, a few sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from watchdog.assistant.desk import Desk
from watchdog.assistant.facts import facts_first
from watchdog.assistant.facts_evidence import MOST_FACTS
from watchdog.assistant.grounding import grounded
from watchdog.assistant.quoting import code, markdown
from watchdog.assistant.records import About, Answer, Ending, Evidence, Step, Text
from watchdog.assistant.rules import health, hours, jobs, machines
from watchdog.assistant.rules.asking import Asking, Missing
from watchdog.assistant.rules.intents import Intent, intent_of
from watchdog.assistant.rules.question import LONGEST, Question, read_question
from watchdog.assistant.rules.vocabulary import unanswerable
from watchdog.assistant.rules.words import minded
from watchdog.assistant.tools.registry import toolbox
from watchdog.base.clock import Clock, SystemClock
from watchdog.base.errors import SourceError, StoreError, ToolError

Answerer = Callable[[Asking, Question], str]
_ANSWERERS: Mapping[Intent, Answerer] = MappingProxyType(
    {
        Intent.HEALTH: health.health,
        Intent.INCIDENT: health.incident,
        Intent.JOB: jobs.job,
        Intent.USER: jobs.user,
        Intent.QUEUE: jobs.queue,
        Intent.FAILED: jobs.failed,
        Intent.NODE: machines.node,
        Intent.GPU: machines.gpu,
        Intent.GPUS: machines.gpus,
        Intent.METRIC: machines.metric,
        Intent.NODES: machines.nodes,
        Intent.ALERTS: health.alerts,
        Intent.XID: machines.xid,
        Intent.OVERVIEW: machines.overview,
        Intent.CAPACITY: hours.capacity,
        Intent.WASTE: hours.waste,
        Intent.COST: hours.cost,
        Intent.CHANGED: hours.changed,
        Intent.HISTORY: hours.history,
    }
)
# Of no GPU at all nothing is fine, and none is hung.
_ABOUT_GPUS = frozenset({Intent.HEALTH, Intent.OVERVIEW, Intent.GPUS, Intent.METRIC, Intent.CHANGED})
CAN_ANSWER = (
    "Is anything wrong? Which GPUs need attention?",
    "Who wastes most this week? What did the last 24 hours cost?",
    "Why is job 123 slow? Why does job 123 wait?",
    "How is node gpu01? What happened to it?",
    "Can I start an 8-GPU job now?",
    "Which jobs wait, and why? Which failed today?",
    "Which GPUs are hottest, hung, idle or throttled?",
    "What changed since yesterday? What does XID 79 mean?",
)


def rule_answer(
    question: str,
    desk: Desk,
    about: About = About(),  # noqa: B008 (frozen)
    emit: Callable[[Step], None] = lambda _: None,
    *,
    evidence: tuple[Evidence, ...] = (),
    clock: Clock | None = None,
) -> Answer:
    """Answer by rules; raises nothing on purpose: what cannot be had is said as missing.

    Args:
        question: in plain English.
        desk: what to read from, as of its instant.
        about: what was looked at when it was asked.
        emit: is told of each tool and of the text.
        evidence: what an answer that broke off had found already; ours is numbered after it.
        clock: for durations.
    """
    timer = clock or SystemClock()
    began = timer.monotonic()
    asking = Asking(desk, toolbox(), emit, first=len(evidence) + 1, clock=timer)
    text, ending = _text(question, desk, about, asking)
    emit(Text(text))
    found, facts = (*evidence, *asking.evidence), facts_first(desk)
    seconds, kept = timer.monotonic() - began, facts[:MOST_FACTS]
    answer = Answer(text, ending, "rules", found, kept, seconds=seconds, more_facts=len(facts) - len(kept))
    return grounded(answer, question)


def _text(text: str, desk: Desk, about: About, asking: Asking) -> tuple[str, Ending]:
    refused = _refusal(text)
    if refused:
        return refused, Ending.UNKNOWN
    try:
        question = read_question(text, desk, about)
        asking.desk = desk.moved(question.at)
    except (ToolError, SourceError, StoreError) as error:
        return cannot_tell([Missing(str(error), error.hint)]), Ending.UNKNOWN
    intent = intent_of(question)
    if intent is None:
        return _unknown(question), Ending.UNKNOWN
    if intent in _ABOUT_GPUS and not _sees_gpus(asking.desk):
        return cannot_tell(
            [Missing("readings: no GPU has been seen yet", "The page Data health says what is read.")]
        ), Ending.UNKNOWN
    told = _ANSWERERS[intent](asking, question)
    if not told:
        return cannot_tell(asking.missing or [Missing("an answer to this in the data")]), Ending.UNKNOWN
    ending = Ending.UNKNOWN if told.startswith("**Cannot tell**, missing") else Ending.ANSWERED
    return "\n\n".join(
        part for part in (_moved(asking.desk), told, minded(asking.evidence), _rest(asking)) if part
    ), ending


def _sees_gpus(desk: Desk) -> bool:
    """Whether any GPU is or should be there; also where that cannot be read: then the tools say why."""
    try:
        return bool(len(desk.fleet().cells))
    except (SourceError, StoreError):
        return True


def cannot_tell(missing: list[Missing]) -> str:
    """What is missing for an answer."""
    return f"**Cannot tell**, missing: {' '.join(map(_noted, dict.fromkeys(missing)))}"


def _noted(note: Missing) -> str:
    """What is missing; what to do about it stands as code, as it names what there is and claims nothing."""
    return f"{markdown(note.why, 400)}.{f' {code(note.hint)}' if note.hint else ''}"


def _refusal(text: str) -> str:
    line = " ".join(text.split())
    if not line:
        return f"There is no question. {_can()}"
    if len(text) > 4 * LONGEST:
        return f"**Cannot tell**: the question is too long for rules. Ask it in a sentence or two. {_can()}"
    if line.lower().startswith(
        ("select ", "with ", "insert ", "update ", "delete from", "drop ", "create ", "attach ", "copy ")
    ):
        return "**Cannot tell**: that is SQL, which no rule reads. Put it into a notebook on the History page, where it runs read-only."
    letters = [character for character in line if character.isalpha()]
    foreign = sum(not character.isascii() for character in letters)
    if not letters or foreign > len(letters) / 4:
        return f"**Cannot tell**: without a language model only questions in plain English are understood. {_can()}"
    return ""


def _unknown(question: Question) -> str:
    missing = unanswerable(question.text)
    if missing:
        return f"**Cannot tell**, missing: {missing}."
    return f"**Cannot tell**: no rule understands this question, and none guesses. {_can()}"


def _can() -> str:
    lines = "\n".join(f"- `{line}`" for line in CAN_ANSWER)
    return f"Without a language model these can be answered:\n\n{lines}\n\nHow to connect a model: docs/assistant.md."


def _moved(desk: Desk) -> str:
    return f"As of {desk.at:%Y-%m-%d %H:%M} UTC:" if desk.is_past else ""


def _rest(asking: Asking) -> str:
    if not asking.missing:
        return ""
    return f"Not known: {' '.join(map(_noted, dict.fromkeys(asking.missing)))}"
