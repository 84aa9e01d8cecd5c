"""What came of an evaluation: sums by kind, as tables and as JSON, and two of them compared."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from watchdog.assistant.evaluation.scoring import Scored
from watchdog.base.errors import ConfigError

ALL = "all"
_BEGIN, _END = "<!-- evaluated -->", "<!-- end of evaluated -->"


class Sums(msgspec.Struct, frozen=True):
    """Of a kind of questions, or of all.

    Attributes:
        accuracy: share of answers that are right.
        overclaim_rate: share that claim what is not so or not known.
        unsupported: numbers, names and times that rest on nothing that was read, of all answers together.
        answered_unknown: questions that nothing can tell and that were answered all the same.
        seconds_p50, seconds_p95: of an answer.
        tokens: of an answer on the mean, prompt and completion; None where no server says.
    """

    answers: int
    accuracy: float
    overclaim_rate: float
    unsupported: int
    answered_unknown: int
    failed: int
    seconds_p50: float
    seconds_p95: float
    tokens: float | None


class Report(msgspec.Struct, frozen=True):
    """One evaluation, as it is kept.

    Attributes:
        assistant: the model's name, or "rules".
        rules_accuracy: on the questions that the rule-based assistant has intents for.
    """

    assistant: str
    runs: int
    questions: int
    rules_accuracy: float
    sums: dict[str, Sums]
    answers: tuple[Scored, ...]

    @property
    def all(self) -> Sums:
        """Over every answer."""
        return self.sums[ALL]


def report_of(scored: Sequence[Scored], assistant: str) -> Report:
    """The sums of at least one answer."""
    kinds = dict.fromkeys(each.kind for each in scored)
    sums = {kind: _sums([each for each in scored if each.kind == kind]) for kind in kinds}
    known = [each for each in scored if each.rules]
    return Report(
        assistant,
        max(each.run for each in scored),
        len({each.question for each in scored}),
        _share(known, lambda each: each.right),
        {**sums, ALL: _sums(scored)},
        tuple(scored),
    )


def _sums(scored: Sequence[Scored]) -> Sums:
    seconds = sorted(each.seconds for each in scored)
    return Sums(
        len(scored),
        _share(scored, lambda each: each.right),
        _share(scored, lambda each: each.overclaims),
        sum(len(each.unsupported) for each in scored),
        sum(each.unknown and bool(each.claims) for each in scored),
        sum(bool(each.failed) for each in scored),
        statistics.median(seconds),
        seconds[min(len(seconds) - 1, int(0.95 * len(seconds)))],
        _tokens(scored),
    )


def _share(scored: Sequence[Scored], holds: Callable[[Scored], bool]) -> float:
    return sum(map(holds, scored)) / len(scored) if scored else 1.0


def _tokens(scored: Iterable[Scored]) -> float | None:
    told = [
        (each.prompt_tokens or 0) + (each.completion_tokens or 0) for each in scored if each.prompt_tokens is not None
    ]
    return statistics.fmean(told) if told else None


def shortfalls(report: Report, goal: float) -> list[str]:
    """Which goals are missed, each in words."""
    accuracy = report.rules_accuracy if report.assistant == "rules" else report.all.accuracy
    found = [f"accuracy {accuracy:.2f} is under {goal:g}"] if accuracy < goal else []
    if report.all.unsupported:
        found.append(f"{report.all.unsupported} numbers, names or times rest on nothing that was read")
    if report.all.answered_unknown:
        found.append(f"{report.all.answered_unknown} questions that nothing can tell were answered with a claim")
    return found


def table(report: Report) -> str:
    """By kind, as Markdown."""
    head = "| questions about | answers | right | over-claims | unsupported | p50 s | p95 s | tokens |"
    lines = [head, "|---|--:|--:|--:|--:|--:|--:|--:|", *(_row(kind, sums) for kind, sums in report.sums.items())]
    return "\n".join(lines)


def _row(kind: str, sums: Sums) -> str:
    tokens = "n/a" if sums.tokens is None else f"{sums.tokens:,.0f}"
    return (
        f"| {kind} | {sums.answers} | {sums.accuracy:.2f} | {sums.overclaim_rate:.2f} | {sums.unsupported} | "
        f"{sums.seconds_p50:.1f} | {sums.seconds_p95:.1f} | {tokens} |"
    )


def summary(report: Report) -> str:
    """In a few lines."""
    failed = f", {report.all.failed} answers it did not finish" if report.all.failed else ""
    return (
        f"{report.assistant}: {report.questions} questions, {report.runs} {'run' if report.runs == 1 else 'runs'}{failed}\n"
        f"accuracy {report.all.accuracy:.3f} ({report.rules_accuracy:.3f} on the rules' intents), over-claims "
        f"{report.all.overclaim_rate:.3f}, unsupported {report.all.unsupported}, unanswerable ones answered {report.all.answered_unknown}"
    )


def why_wrong(scored: Scored) -> str:
    """In a line, what is not right about an answer."""
    what = [
        *scored.lacks,
        *scored.claims,
        *([f"unsupported: {', '.join(scored.unsupported)}"] if scored.unsupported else []),
    ]
    what += [f"the model failed: {scored.failed}"] if scored.failed else []
    return f"{scored.question} (run {scored.run}): {'; '.join(what) or scored.ending}"


def compared(old: Report, new: Report) -> str:
    """Both side by side, and the questions on which they differ."""
    lines = ["| questions about | right | | over-claims | | p50 s | |", "|---|--:|--:|--:|--:|--:|--:|"]
    for kind in dict.fromkeys((*old.sums, *new.sums)):
        a, b = old.sums.get(kind), new.sums.get(kind)
        lines.append(
            f"| {kind} | {_pair(a, b, 'accuracy')} | {_pair(a, b, 'overclaim_rate')} | {_pair(a, b, 'seconds_p50')} |"
        )
    return "\n".join([f"A: {old.assistant}, B: {new.assistant}", "", *lines, "", *_differing(old, new)])


def _pair(a: Sums | None, b: Sums | None, name: str) -> str:
    return " | ".join("n/a" if each is None else f"{getattr(each, name):.2f}" for each in (a, b))


def _differing(old: Report, new: Report) -> list[str]:
    a, b = _rates(old), _rates(new)
    return [f"{name}: A {a[name]:.2f}, B {b[name]:.2f}" for name in a if name in b and a[name] != b[name]]


def _rates(report: Report) -> dict[str, float]:
    names = dict.fromkeys(each.question for each in report.answers)
    return {name: _share([s for s in report.answers if s.question == name], lambda each: each.right) for name in names}


def kept(report: Report, path: Path) -> None:
    """Write it as JSON; ConfigError where that cannot be."""
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}", hint="Give another file as --out.") from error


def written(report: Report, path: Path) -> None:
    """Put table and summary in the place of what stands between the markers; ConfigError without them."""
    head, begin, rest = path.read_text(encoding="utf-8").partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    if not (begin and end):
        raise ConfigError(f"{path} has no place for it", hint=f"It stands between {_BEGIN} and {_END}.")
    path.write_text(f"{head}{begin}\n{table(report)}\n\n{summary(report)}\n{end}{tail}", encoding="utf-8")


def report_in(path: Path) -> Report:
    """What `kept` wrote; ConfigError where that is not what is there."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", hint="It is what --out wrote.") from error
    except msgspec.MsgspecError as error:
        raise ConfigError(f"{path} is no evaluation: {error}", hint="It is what --out wrote.") from error
