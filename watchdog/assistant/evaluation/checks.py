"""Is an answer right? Exact checks of names, amounts and words against the truth; no model judges."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from watchdog.assistant.claims import claims_of
from watchdog.assistant.evaluation.mentions import named, names, read, tells
from watchdog.assistant.evaluation.questions import Amount, Asked, Sort
from watchdog.assistant.evaluation.truth import Truth
from watchdog.assistant.records import Answer

# How people say that the data does not hold the answer.
_CANNOT = re.compile(
    r"\b(cannot|can\s?not|can['\u2019]t|unable to|not possible to|no way to)\s+(\w+\s+)?(tell|say|answer|know|determine|see|predict|assess|"
    r"confirm|provide|access|identify|perform|do|act|cancel|restart)\b|\bnot (measured|recorded|read|available|collected|known|monitored|"
    r"tracked)\b|\bunknown\b|\bno (data|information|tool|source|measurement|such)\b|\b(is|are) (missing|not in the data)\b|\bmissing:|"
    r"\b(do|does)(n['\u2019]t| not) (have|include|hold|contain|record|measure|know)\b|\bno rule understands\b",
    re.IGNORECASE,
)
_NO = re.compile(
    r"\bno\b|\bcannot\b|\bcan['\u2019]t\b|\bcould not\b|\bcouldn['\u2019]t\b|\bnot possible\b", re.IGNORECASE
)
_YES = re.compile(r"\byes\b|\b(?:can|could) start\b|\bis possible\b", re.IGNORECASE)
_LISTS: dict[Sort, str] = {"job": "all.jobs", "user": "all.users", "node": "all.nodes", "place": "all.nodes"}


@dataclass(frozen=True)
class Faults:
    """What is not right about an answer, in words: what it lacks, and what it claims against the truth."""

    lacks: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.lacks or self.claims)


def faults_of(answer: Answer, asked: Asked, truth: Truth) -> Faults:
    """Everything that is not right about the answer; ToolError where the question names what its world does not have."""
    text = read(answer.text)
    if asked.unknown:
        return _unknown(answer, text, asked, truth)
    lacks, claims = [*_missing(text, asked, truth)], [*_false(text, asked, truth)]
    return Faults(tuple(dict.fromkeys(lacks)), tuple(dict.fromkeys(claims)))


def _unknown(answer: Answer, text: str, asked: Asked, truth: Truth) -> Faults:
    """It must say that it cannot tell, and tell nothing that rests on nothing."""
    claims = [*_forbidden(text, asked, truth)]
    if not _CANNOT.search(text):
        claims.append("answers what nothing here can tell")
    claims += [f"tells {answer.text[mark.start : mark.end]!r}" for mark in answer.marks if mark.number is None]
    return Faults((), tuple(claims))


def _missing(text: str, asked: Asked, truth: Truth) -> Iterator[str]:
    yield from (f"does not name {name}" for name in truth.listed(asked.names) if not names(text, name))
    yield from _unnamed(text, asked, truth)
    for amount in asked.amounts:
        yield from _amount(text, amount, truth)
    yield from (f"does not say {wanted}" for each in asked.says if not _says(text, wanted := truth.filled(each)))
    if asked.verdict and not _verdict(text):
        yield f"does not say {asked.verdict}"


def _unnamed(text: str, asked: Asked, truth: Truth) -> Iterator[str]:
    for sort, told in asked.exactly.items():
        yield from (f"does not name {sort} {name}" for name in truth.listed(told) - _told(text, sort, truth))
    for sort, wanted in asked.first.items():
        if not _told(text, sort, truth):
            yield f"names no {sort}, should be {truth.filled(wanted)}"


def _amount(text: str, amount: Amount, truth: Truth) -> Iterator[str]:
    value = float(truth.filled(amount.value))
    slack = max(amount.about, amount.within * abs(value))
    if not tells(text, value, amount.unit, slack):
        yield f"does not tell {value:g} {amount.unit}".rstrip()


def _false(text: str, asked: Asked, truth: Truth) -> Iterator[str]:
    for sort, told in asked.exactly.items():
        for name in _told(text, sort, truth) - truth.listed(told):
            yield f"names {sort} {name}"
    for sort, wanted in asked.first.items():
        found = named(text, sort, truth.listed(f"{{{_LISTS[sort]}}}"))
        if found and found[0] != truth.filled(wanted):
            yield f"names {sort} {found[0]} first, should be {truth.filled(wanted)}"
    if asked.verdict and _verdict(text) not in {"", asked.verdict}:
        yield f"says {_verdict(text)}"
    yield from _forbidden(text, asked, truth)


def _forbidden(text: str, asked: Asked, truth: Truth) -> Iterator[str]:
    for each in asked.never:
        if _says(text, unwanted := truth.filled(each)):
            yield f"says {unwanted}"


def _told(text: str, sort: Sort, truth: Truth) -> frozenset[str]:
    return frozenset(named(text, sort, truth.listed(f"{{{_LISTS[sort]}}}")))


def _says(text: str, pattern: str) -> bool:
    return re.search(pattern, text, re.IGNORECASE) is not None


def _verdict(text: str) -> str:
    """Which of yes and no comes first."""
    places = [(found.start(), word) for word, sign in (("no", _NO), ("yes", _YES)) if (found := sign.search(text))]
    return min(places)[1] if places else ""


def claimed(answer: Answer) -> int:
    """How many amounts, names and instants the text tells, traced or not."""
    return len(answer.marks) or len(claims_of(read(answer.text)))
