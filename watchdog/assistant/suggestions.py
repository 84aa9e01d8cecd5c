"""Questions worth asking just now: about what is wrong first, then what people ask most."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from watchdog.assistant.records import About

MOST = 6
# Other ids are text of the cluster's choosing: they go along as data, not inside the words of a question.
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+-]{0,63}")
_ALWAYS = (
    "Which GPUs need attention?",
    "Who wastes most this week?",
    "Can I start an 8-GPU job now?",
    "What changed in the last 24 hours?",
    "Why do jobs wait?",
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """An open incident, as far as a question needs it: `what` is our own word for it, `node` and `job` are the cluster's."""

    incident_id: str
    what: str
    node: str = ""
    job: str = ""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A question, and what it is about."""

    question: str
    about: About


def suggestions(troubles: Iterable[Trouble], about: About, most: int = MOST) -> tuple[Suggestion, ...]:
    """At most `most`, none twice: about what somebody came with, else about what is wrong (worst first), then the rest."""
    found = [_of_place(about)] if about != About() else [_of_trouble(each) for each in list(troubles)[:3]]
    found += [Suggestion(question, About()) for question in _ALWAYS]
    if about != About():
        found.insert(1, Suggestion("What changed around it in the hours before?", about))
    return tuple({each.question: each for each in found}.values())[:most]


def _of_trouble(trouble: Trouble) -> Suggestion:
    where = f" (job {trouble.job})" if plain(trouble.job) else f" (node {trouble.node})" if plain(trouble.node) else ""
    return Suggestion(f"{trouble.what}{where}: why, and what should be done?", About(incident=trouble.incident_id))


def _of_place(about: About) -> Suggestion:
    if about.incident:
        return Suggestion("Why did this happen, and what should be done?", about)
    if about.job:
        return Suggestion(
            f"How is job {about.job}, and why?" if plain(about.job) else "How is this job, and why?", about
        )
    if about.gpu:
        return Suggestion("How is this GPU, and why?", about)
    return Suggestion(
        f"How is node {about.node}, and why?" if plain(about.node) else "How is this node, and why?", about
    )


def plain(identity: str) -> bool:
    """Whether an id is but an id: nothing in it could be read as words to a model."""
    return _PLAIN.fullmatch(identity) is not None
