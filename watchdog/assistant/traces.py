"""What evidence holds, so that a claim can be looked up: amounts by family, instants, names, places of GPUs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from watchdog.assistant.claims import (
    BYTES,
    CELSIUS,
    HERTZ,
    JOULES,
    PLAIN,
    RATE,
    RATIO,
    SECONDS,
    USD,
    WATTS,
    Amount,
    Moment,
    Name,
    claims_of,
    is_moment,
)
from watchdog.assistant.records import Evidence, Value
from watchdog.model.findings import Finding
from watchdog.model.slurm.hostlist import expand

_UNITS: MappingProxyType[str, tuple[str, float]] = MappingProxyType(
    {
        "ratio": (RATIO, 1.0),
        "bytes": (BYTES, 1.0),
        "bytes_per_second": (RATE, 1.0),
        "watts": (WATTS, 1.0),
        "joules": (JOULES, 1.0),
        "celsius": (CELSIUS, 1.0),
        "hertz": (HERTZ, 1.0),
        "seconds": (SECONDS, 1.0),
        "hours": (SECONDS, 3600.0),
        "USD": (USD, 1.0),
    }
)
# What a number without a unit may mean, as a table with units in its head shows it: value in base units times these.
_SHOWN: MappingProxyType[str, tuple[float, ...]] = MappingProxyType(
    {
        RATIO: (1.0, 100.0),
        BYTES: (1.0, 2.0**-30, 1e-9),
        RATE: (1.0, 1e-9),
        WATTS: (1.0, 1e-3),
        JOULES: (1.0, 1 / 3.6e6),
        HERTZ: (1.0, 1e-6),
        SECONDS: (1.0, 1 / 60, 1 / 3600, 1 / 86400),
    }
)
_WORD = re.compile(r"[A-Za-z0-9_][\w.+-]*\w|[A-Za-z0-9_]")
_PLACE = re.compile(r"\bGPU (\d{1,3}) (?:on|of) ([\w.-]+\w)")
_LISTED = {"nodes", "node"}
_MOST_KINDS = 40


@dataclass(slots=True)
class Trace:
    """What one piece of evidence holds; `number` is its n, 0 stands for the facts that the checks found."""

    number: int
    amounts: list[tuple[str, float]] = field(default_factory=list)
    instants: list[datetime] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    words: set[str] = field(default_factory=set)
    indexes: set[int] = field(default_factory=set)
    places: set[tuple[int, str]] = field(default_factory=set)

    def holds(self, claim: Amount | Moment | Name) -> bool:
        """Whether the claim is here."""
        if isinstance(claim, Amount):
            return self._amount(claim)
        if isinstance(claim, Moment):
            return any(is_moment(claim, each) for each in self.instants) or any(_same(claim, m) for m in self.moments)
        if claim.kind == "gpu":
            index = int(claim.text)
            return (index, claim.node.lower()) in self.places if claim.node else index in self.indexes
        return claim.text.lower() in self.words

    def _amount(self, claim: Amount) -> bool:
        if not claim.family and claim.text.replace(",", "") in self.words:
            return True
        return any(_is(claim, family, value) for family, value in self.amounts)


def _is(claim: Amount, family: str, value: float) -> bool:
    """Whether the value, rounded as the claim is, is the claim; a fall of 9 may be told as 9."""
    pairs = list(zip(claim.bases, claim.slacks, strict=True))
    if claim.family:
        if family not in {claim.family, ""}:
            return False
        return any(-slack <= abs(value) - base <= max(slack, claim.more) for base, slack in pairs)
    base, slack = pairs[0]
    return any(abs(abs(value) * factor - base) <= slack for factor in _SHOWN.get(family, (1.0,)))


def _same(claim: Moment, told: Moment) -> bool:
    """Whether a moment that a text tells is this one, as far as the claim goes."""
    day = claim.day is None or (told.day is not None and claim.day[1:] == told.day[1:])
    clock = claim.clock is None or (told.clock is not None and claim.clock[:2] == told.clock[:2])
    return day and clock


def trace_of(evidence: Evidence) -> Trace:
    """Everything that a table and its heading say, its counts, and the sums and means of its columns."""
    trace = Trace(evidence.number)
    trace.instants += [evidence.at, *([evidence.window.since, evidence.window.until] if evidence.window else [])]
    _add_texts(trace, (evidence.title, *evidence.marks, *(column.label for column in evidence.columns)))
    _add_arguments(trace, evidence)
    trace.amounts += [(PLAIN, float(evidence.total_rows)), (PLAIN, float(len(evidence.rows)))]
    trace.amounts += [(SECONDS, evidence.window.length.total_seconds())] if evidence.window else []
    trace.amounts += [(SECONDS, evidence.age_seconds)] if evidence.age_seconds is not None else []
    for place, column in enumerate(evidence.columns):
        _add_column(trace, column.name, column.unit, [row[place] for row in evidence.rows], evidence)
    _add_rows(trace, evidence)
    return trace


def trace_of_facts(facts: Sequence[Finding]) -> Trace:
    """What the checks' findings say."""
    trace = Trace(0)
    trace.amounts += [(PLAIN, float(len(facts)))]
    for count in (*Counter(f.severity for f in facts).values(), *Counter(f.check for f in facts).values()):
        trace.amounts.append((PLAIN, float(count)))
    for fact in facts:
        _add_texts(
            trace,
            (fact.explanation, fact.action, fact.job_id, fact.user, fact.source, *(e.value for e in fact.evidence)),
        )
        trace.words |= {
            each.lower() for each in (fact.subject.node, fact.subject.gpu_uuid, fact.subject.job_id) if each
        }
        trace.instants += [each for each in (fact.since, *(e.at for e in fact.evidence)) if each is not None]
        if fact.gpu_index is not None:
            trace.indexes.add(fact.gpu_index)
            trace.places.add((fact.gpu_index, fact.subject.node.lower()))
    return trace


def _add_column(trace: Trace, name: str, unit: str, values: list[Value], evidence: Evidence) -> None:
    family, factor = _UNITS.get(unit, (PLAIN, 1.0))
    numbers = [float(v) * factor for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    trace.amounts += [(family, number) for number in numbers]
    whole = (
        evidence.total_rows == len(evidence.rows) and len(numbers) > 1 and name not in {"gpu_index", "xid", "exit_code"}
    )
    if whole:
        trace.amounts += [(family, sum(numbers)), (family, sum(numbers) / len(numbers))]
    if name == "gpu_index":
        trace.indexes |= {int(number) for number in numbers}
    _add_texts(trace, (value for value in values if isinstance(value, str)), listed=name in _LISTED)
    kinds = Counter("" if value is None else str(value) for value in values if not isinstance(value, float | datetime))
    if len(kinds) <= _MOST_KINDS:
        trace.amounts += [(PLAIN, float(count)) for count in kinds.values()]
    moments = [value for value in values if isinstance(value, datetime)]
    trace.instants += moments
    trace.amounts += [(SECONDS, abs((evidence.at - moment).total_seconds())) for moment in moments]


def _add_rows(trace: Trace, evidence: Evidence) -> None:
    """Places of GPUs, and how long it was from one instant of a row to another."""
    names = [column.name for column in evidence.columns]
    for row in evidence.rows:
        cells = dict(zip(names, row, strict=True))
        index, node = cells.get("gpu_index"), cells.get("node")
        if isinstance(index, int) and isinstance(node, str):
            trace.places.add((index, node.lower()))
        moments = [value for value in row if isinstance(value, datetime)]
        trace.amounts += [(SECONDS, abs((a - b).total_seconds())) for a in moments for b in moments if a < b]


def _add_arguments(trace: Trace, evidence: Evidence) -> None:
    for name, value in evidence.arguments.items():
        if isinstance(value, str):
            _add_texts(trace, (value,))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            seconds = {"hours": 3600.0, "hours_before": 3600.0, "days": 86400.0}.get(name)
            trace.amounts.append((SECONDS, value * seconds) if seconds else (PLAIN, float(value)))
            trace.amounts += [(BYTES, value * 2.0**30)] if name == "memory_gib" else []


def _add_texts(trace: Trace, texts: Iterable[str], *, listed: bool = False) -> None:
    for text in dict.fromkeys(texts):
        # Between a number and its unit stands a space that does not break.
        short = text[:4000].replace("\u00a0", " ")
        trace.words |= {word.lower() for word in _WORD.findall(short)} | {short.lower()}
        trace.words |= {part for word in _WORD.findall(short) for part in word.lower().split("-") if part}
        for found in _PLACE.finditer(short):
            trace.places.add((int(found[1]), found[2].lower()))
        if listed and "[" in short:
            trace.words |= {name.lower() for name in _expanded(short)}
        _add_told(trace, short)


def _expanded(text: str) -> list[str]:
    try:
        return list(expand(text))[:2000]
    except ValueError:
        return []


def _add_told(trace: Trace, text: str) -> None:
    if not any(character.isdigit() for character in text):
        return
    for claim in claims_of(text):
        if isinstance(claim, Amount):
            trace.amounts += [(claim.family or PLAIN, base) for base in claim.bases]
        elif isinstance(claim, Moment):
            trace.moments.append(claim)
        elif claim.kind == "gpu":
            trace.indexes.add(int(claim.text))
