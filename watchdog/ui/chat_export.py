"""A chat as a Markdown file: questions, answers, and the evidence behind each [n]."""

from __future__ import annotations

from collections.abc import Iterable

from watchdog.assistant.kept import answer_of
from watchdog.assistant.records import Answer, Evidence
from watchdog.assistant.values import shown
from watchdog.model.units import instant_text
from watchdog.store.chats import Message
from watchdog.ui.chat_markdown import safe_markdown
from watchdog.ui.escape import escape

_MOST_ROWS = 50
_LONG = 2_000


def as_markdown(title: str, messages: Iterable[Message]) -> str:
    """The whole chat; what others wrote is escaped, so that a viewer of the file fetches nothing either."""
    return "\n".join([f"# {_text(title)}", "", *(line for each in messages for line in _message(each))])


def _text(words: str, longest: int = _LONG) -> str:
    return escape(words, longest)


def _message(message: Message) -> list[str]:
    answer = answer_of(message.reply.body, model=message.reply.model)
    of = f", as of {instant_text(message.asked.view_at)}" if message.asked.view_at else ""
    question = "\n".join(f"> {_text(line)}" for line in message.asked.question.splitlines())
    numbers = {each.number for each in answer.evidence}
    lines = [f"## {instant_text(message.asked.asked_at)}{of}", "", question, ""]
    if answer.facts:
        lines += ["**Facts from checks**", ""]
        lines += [f"- {each.severity}: {_text(each.explanation)}" for each in answer.facts]
        lines += [f"- and {answer.more_facts:,} more"] if answer.more_facts else []
        lines += ["", "**Interpretation**", ""]
    marked = safe_markdown(answer.text, answer.marks, numbers=numbers).replace(":orange-background[", "[")
    lines += [marked or "*(no answer)*", "", *_after(answer)]
    return lines


def _after(answer: Answer) -> list[str]:
    lines = [f"*{_text(notice.text)} {_text(notice.hint)}*" for notice in answer.notices]
    if answer.untraced:
        lines.append(f"*{answer.untraced} parts, marked with [… ?], rest on nothing that was read.*")
    for each in answer.evidence:
        lines += ["", f"**\\[{each.number}\\] {_text(each.title)}**", "", *_evidence(each)]
    return [*lines, "", f"*{_text(answer.source or 'unfinished')}, {answer.ending}*", ""]


def _evidence(evidence: Evidence) -> list[str]:
    query = "".join(c if c.isprintable() else " " for c in evidence.query).replace("`", "'")
    head = " | ".join(_text(column.label, 80) for column in evidence.columns)
    lines = [f"`{query}`", "", f"| {head} |", f"|{' --- |' * len(evidence.columns)}"]
    for row in evidence.rows[:_MOST_ROWS]:
        cells = (_text(shown(cell, column.unit), 200) for cell, column in zip(row, evidence.columns, strict=False))
        lines.append(f"| {' | '.join(cells)} |")
    marks = [*evidence.marks]
    if evidence.total_rows > min(len(evidence.rows), _MOST_ROWS):
        marks.append(f"{evidence.total_rows:,} rows in all.")
    return [*lines, "", *(f"*{_text(mark)}*" for mark in marks)]
