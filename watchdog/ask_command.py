"""`python -m watchdog ask`: one question, one answer with its evidence, on the command line.

The app that runs on the same settings answers, as it alone has the history open; where none runs, this process reads
everything once, answers and ends. It judges no alerts and tells nobody.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

from watchdog.admin_client import ASK, posted
from watchdog.assistant.answering import assistant_of
from watchdog.assistant.evidence_json import evidence_lines, printable
from watchdog.assistant.kept import answer_json, answer_of
from watchdog.assistant.quoting import unescaped
from watchdog.assistant.records import About, Answer, Ending
from watchdog.assistant.runs import Question
from watchdog.base.clock import SystemClock
from watchdog.base.config import Config, load_config
from watchdog.base.errors import ConfigError
from watchdog.base.log import configure_logging
from watchdog.runtime import Runtime

ANSWERED, NOT_ANSWERED = 0, 1
_ABOUT = ("job", "node", "gpu", "incident")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `ask`."""
    parser.add_argument("question", help='in plain English, in quotation marks; "-" reads it from standard input')
    parser.add_argument("--json", action="store_true", help="the whole answer with its evidence as JSON")
    parser.add_argument("--at", default="", help="answer as of this instant: 2026-03-01T12:00 (UTC)")
    parser.add_argument("--rows", type=int, default=0, metavar="N", help="print so many rows of each evidence (0)")
    for name in _ABOUT:
        parser.add_argument(f"--{name}", default="", help=f"the {name} that the question is about")


def run(args: argparse.Namespace) -> int:
    """Answer; 0 answered, 1 the data or the rules have no answer."""
    config = load_config()
    configure_logging("warning" if config.log_level == "info" else config.log_level)
    text = sys.stdin.read() if args.question == "-" else args.question
    question = Question(text, About(**{name: getattr(args, name) for name in _ABOUT}), _instant(args.at), ())
    answer = _from_the_app(config, question) or _from_here(config, question)
    lines = [answer_json(answer)] if args.json else _lines(answer, args.rows)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return ANSWERED if answer.ending is Ending.ANSWERED else NOT_ANSWERED


def _instant(text: str) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"--at {text!r} is no instant", hint="Write 2026-03-01T12:00, in UTC.") from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _from_the_app(config: Config, question: Question) -> Answer | None:
    at = question.view_at.isoformat() if question.view_at else ""
    body = {"question": question.text, "at": at, **{name: getattr(question.about, name) for name in _ABOUT}}
    found = posted(config, ASK, body)
    return None if found is None else answer_of(found.decode())


def _from_here(config: Config, question: Question) -> Answer:
    """Raises StoreLockedError where the history belongs to a process that does not answer."""
    runtime = Runtime(config, SystemClock())
    try:
        runtime.history.store()
        runtime.look_once()
        answering = assistant_of(runtime.config, runtime.desk, runtime.clock)
        return answering(question, lambda _: None, lambda: False)
    finally:
        runtime.stop()


def _lines(answer: Answer, rows: int) -> Iterator[str]:
    yield from map(printable, unescaped(answer.text).split("\n"))
    for notice in answer.notices:
        yield printable(f"\nNote: {notice.text} {notice.hint}".rstrip())
    if answer.untraced:
        yield f"\n{answer.untraced} numbers or names of this answer rest on no evidence."
    if answer.evidence:
        yield "\nEvidence:"
    for each in answer.evidence:
        yield from evidence_lines(each, rows)
    yield f"\nAnswered by {answer.source} in {answer.seconds:.1f} s."
