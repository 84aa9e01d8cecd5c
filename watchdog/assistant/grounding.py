"""Grounding: every number, name and time of an answer is traced to evidence; what cannot be is marked.

What stands in code, citations `[n]`, the numbers of a list, and what the question said itself, are no claims. A cause
that no check asserts is told to be a hypothesis.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from watchdog.assistant.claims import Amount, Claim, Moment, Name, claims_of
from watchdog.assistant.records import Answer, Evidence, Mark, Notice
from watchdog.assistant.traces import Trace, trace_of, trace_of_facts
from watchdog.model.findings import Finding

# A mark with this number rests on the facts that the checks found before anybody was asked.
FACTS = 0
_FENCE = re.compile(r"^(```|~~~).*?(?:^\1[^\n]*$|\Z)", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_CITED = re.compile(r"\[(\d{1,3}(?:\s*[,;\u2013-]\s*\d{1,3})*)\]")
_LISTED = re.compile(r"^[ \t>]*\d{1,3}[.)](?=\s)|^#{1,6}\s\d+[.)]", re.MULTILINE)
_LINK = re.compile(r"\]\([^)\n]*\)|https?://\S+")
_ONE_WORD = re.compile(r"[\w.:%$,+-]+")
_DROPPED = re.compile(r"\\(?=[!-/:-@\[-`{-~])|[*`]|(?<![\w\\])_|_(?!\w)")
_CAUSE = re.compile(
    r"\b(because(?: of)?|caused by|due to|owing to|as a (?:result|consequence) of|(?:the )?(?:root )?cause (?:is|was)|"
    r"(?:which|this|that) (?:causes|caused|led to|leads to|explains)|responsible for)\b",
    re.IGNORECASE,
)
_HEDGED = re.compile(
    r"\b(may|might|could|likely|probabl[ey]|possibl[ey]|perhaps|suggests?|suspect\w*|hypothes\w*|appears?|seems?|cannot tell|"
    r"not known|unknown|unclear|consistent with|if)\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[^\n.!?]*(?:[.!?](?!\s|$)[^\n.!?]*)*[.!?]?")
_CONTENT = re.compile(r"[A-Za-z]{4,}|\d+")
_SHARED = 0.6
_MOST_NOTICES = 5


@dataclass(frozen=True, slots=True)
class Grounding:
    """What was found of a text: each claim with the evidence it rests on, and what the reader must know."""

    marks: tuple[Mark, ...] = ()
    notices: tuple[Notice, ...] = ()


def grounded(answer: Answer, question: str) -> Answer:
    """The answer with its marks, and with notices of what is only a hypothesis."""
    found = ground(answer.text, answer.evidence, question=question, facts=answer.facts)
    notices = dict.fromkeys((*answer.notices, *found.notices))
    return replace(answer, marks=found.marks, notices=tuple(notices))


def ground(text: str, evidence: Sequence[Evidence], *, question: str = "", facts: Sequence[Finding] = ()) -> Grounding:
    """Trace the claims of `text`.

    Args:
        text: Markdown with [n].
        evidence: what the tools gave.
        question: what it says itself is no claim of the answer.
        facts: what the checks found; a claim that rests on them has the number FACTS.
    """
    clean, origin = _plain(text)
    traces = [*(trace_of(each) for each in evidence), trace_of_facts(facts)]
    own = _own(question)
    marks = []
    for claim in claims_of(clean):
        number = _number(claim, traces, _cited_after(text, origin[claim.end - 1]))
        if number is None and _said(claim, own):
            continue
        marks.append(Mark(origin[claim.start], origin[claim.end - 1] + 1, _what(claim), number))
    return Grounding(tuple(marks), _causes(clean, evidence, facts))


def _plain(text: str) -> tuple[str, list[int]]:
    """The text without what is no claim, and for each of its characters the place it had."""
    letters = list(text.replace("\u00a0", " ").replace("\u202f", " ").replace("\u2009", " "))
    for pattern in (_FENCE, _LINK, _CITED, _LISTED):
        for found in pattern.finditer(text):
            letters[found.start() : found.end()] = _blank(found[0])
    for found in _CODE.finditer("".join(letters)):
        if not _ONE_WORD.fullmatch(found[2]):
            letters[found.start() : found.end()] = _blank(found[0])
    dropped = {place for found in _DROPPED.finditer("".join(letters)) for place in range(found.start(), found.end())}
    kept = [place for place in range(len(letters)) if place not in dropped]
    return "".join(letters[place] for place in kept), kept


def _blank(text: str) -> list[str]:
    return ["\n" if character == "\n" else " " for character in text]


def _number(claim: Claim, traces: Sequence[Trace], cited: Sequence[int]) -> int | None:
    """The evidence that holds the claim: the one cited next to it, else the first."""
    holding = [trace.number for trace in traces if trace.holds(claim)]
    return next((number for number in cited if number in holding), holding[0] if holding else None)


def _cited_after(text: str, place: int) -> list[int]:
    """The citations that follow on the same line, the nearest first."""
    line = text[place : (text.find("\n", place) + 1 or len(text) + 1) - 1]
    return [int(number) for found in _CITED.finditer(line) for number in re.findall(r"\d+", found[1])]


def _own(question: str) -> list[Claim]:
    return claims_of(_plain(question)[0])


def _said(claim: Claim, own: Sequence[Claim]) -> bool:
    return any(_same(claim, each) for each in own)


def _same(claim: Claim, other: Claim) -> bool:
    if isinstance(claim, Amount) and isinstance(other, Amount):
        same_unit = claim.family == other.family or not claim.family or not other.family
        return same_unit and claim.bases[0] == other.bases[0]
    if isinstance(claim, Moment) and isinstance(other, Moment):
        return (claim.day, claim.clock) == (other.day, other.clock)
    if isinstance(claim, Name) and isinstance(other, Name):
        return (claim.text.lower(), claim.node.lower()) == (other.text.lower(), other.node.lower())
    return not isinstance(claim, Moment) and not isinstance(other, Moment) and claim.text.lower() == other.text.lower()


def _what(claim: Claim) -> str:
    if isinstance(claim, Name):
        return claim.kind
    return "time" if isinstance(claim, Moment) else "number"


def _causes(clean: str, evidence: Sequence[Evidence], facts: Sequence[Finding]) -> tuple[Notice, ...]:
    """Sentences that tell a cause which no check, and no word of Slurm's, asserts."""
    found = [sentence for sentence in _sentences(clean) if _CAUSE.search(sentence) and not _HEDGED.search(sentence)]
    asserted = _asserted(evidence, facts) if found else []
    loose = [sentence for sentence in found if not _is_asserted(sentence, asserted)]
    return tuple(
        Notice(
            f"“{sentence[:160]}” is a hypothesis: no check asserts this cause.",
            "Read it as one explanation of several.",
        )
        for sentence in dict.fromkeys(loose)
    )[:_MOST_NOTICES]


def _sentences(clean: str) -> list[str]:
    """A table's rows are no sentences: what stands in them is quoted."""
    prose = "\n".join(line for line in clean.split("\n") if not line.lstrip().startswith("|"))
    return [" ".join(found[0].split()) for found in _SENTENCE.finditer(prose) if found[0].strip()]


def _asserted(evidence: Sequence[Evidence], facts: Sequence[Finding]) -> list[set[str]]:
    texts = [text for each in evidence for row in each.rows for text in row if isinstance(text, str) and " " in text]
    rows = [" ".join(str(cell) for cell in row if isinstance(cell, str)) for each in evidence for row in each.rows]
    told = [*texts, *rows, *(mark for each in evidence for mark in each.marks)]
    told += [f"{fact.explanation} {fact.action}" for fact in facts]
    return [_content(text) for text in dict.fromkeys(told)]


def _is_asserted(sentence: str, asserted: Sequence[set[str]]) -> bool:
    """Whether most words of the cause stand in one sentence of a check or of Slurm."""
    cause = _CAUSE.search(sentence)
    words = _content(sentence[cause.end() :] if cause else sentence) or _content(sentence)
    return any(len(words & told) >= _SHARED * len(words) for told in asserted) if words else True


def _content(text: str) -> set[str]:
    return {word.lower() for word in _CONTENT.findall(text)}
