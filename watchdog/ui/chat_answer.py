"""One answer: what checks say, then what it makes of it, with what is not traced marked; how it came about."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from watchdog.assistant.draft import ToolLine
from watchdog.assistant.records import Answer, Ending, Evidence, Notice, ToolEnded, ToolStarted, Usage
from watchdog.model.findings import Finding
from watchdog.model.units import instant_text, number_text
from watchdog.store.chats import Message
from watchdog.ui.alert_words import LOOKS
from watchdog.ui.chat_evidence import course_chart, evidence_buttons
from watchdog.ui.chat_markdown import safe_markdown
from watchdog.ui.escape import escape

RULES = "rules"
_FACTS_OPEN = 3
_ENDINGS = {
    Ending.STOPPED: "stopped",
    Ending.LIMIT: "ended at a limit",
    Ending.FAILED: "failed",
    Ending.UNKNOWN: "not known from the data",
}


def draw_answer(message: Message, answer: Answer) -> None:
    """All of it; `message` is whose it is."""
    identity = message.asked.message_id
    facts_block(answer.facts, answer.more_facts)
    if answer.facts and answer.text.strip():
        word = "Answer" if answer.source == RULES else "Interpretation"
        st.markdown(f"**{word}** :gray[by {_author(answer)}]")
    if answer.text.strip():
        numbers = {each.number for each in answer.evidence}
        st.markdown(safe_markdown(answer.text, answer.marks, numbers=numbers, message_id=identity))
    elif not answer.notices:
        st.markdown(":gray[It said nothing.]")
    _untraced(answer)
    notices(answer.notices)
    for each in _courses(answer.evidence):
        st.caption(f"\\[{each.number}\\] {escape(each.title, 160)}")
        course_chart(each, height=120)
    evidence_buttons(identity, answer.evidence)
    timeline(_looked_at(answer.evidence), label="How it was found")
    st.caption(_how(message, answer))


def _courses(evidence: Sequence[Evidence]) -> list[Evidence]:
    """The first piece of evidence that is a course over time."""
    return [each for each in evidence if each.arguments.get("over_time")][:1]


def _author(answer: Answer) -> str:
    return "rules" if answer.source == RULES else escape(answer.source or "the model", 60)


def facts_block(facts: Sequence[Finding], more: int) -> None:
    """What health checks found before anybody was asked: nothing of it is a model's word. `more` are not kept here."""
    if not facts:
        return
    rest = f", and {more:,} more" if more else ""
    with st.expander(f"Facts from checks: {_counts(facts)}{rest}", expanded=len(facts) <= _FACTS_OPEN):
        for each in facts:
            look = LOOKS[each.severity]
            since = f" :gray[since {instant_text(each.since)}]" if each.since else ""
            badge = f":{look.colour}[:material/{look.icon}: {look.word}]"
            st.markdown(f"{badge} {escape(each.explanation, 300)}{since}")
        if more:
            st.caption(f"and {more:,} more")


def _counts(facts: Sequence[Finding]) -> str:
    counts = {severity: sum(each.severity is severity for each in facts) for severity in LOOKS}
    return ", ".join(f"{count} {LOOKS[severity].word}" for severity, count in counts.items() if count)


def _untraced(answer: Answer) -> None:
    count = answer.untraced
    if count:
        what, marked = ("1 part of it rests", "It is") if count == 1 else (f"{count} parts of it rest", "They are")
        words = f"**{what} on nothing that was read.** {marked} marked with a question mark: not to be relied on."
        st.markdown(f":orange[:material/help:] {words}")


def notices(found: Sequence[Notice]) -> None:
    """What the reader must know, and what to do."""
    for notice in dict.fromkeys(found):
        hint = f"\n\n{escape(notice.hint, 400)}" if notice.hint else ""
        st.warning(f"{escape(notice.text, 400)}{hint}", icon=":material/info:")


def _looked_at(evidence: Sequence[Evidence]) -> list[ToolLine]:
    lines = []
    for each in evidence:
        arguments = ", ".join(f"{name}={value}" for name, value in each.arguments.items())
        lines.append(
            ToolLine(ToolStarted("", each.tool, arguments), ToolEnded("", each.tool, each, seconds=each.seconds))
        )
    return lines


def timeline(lines: Sequence[ToolLine], *, label: str, expanded: bool = False) -> None:
    """Each tool that was called: its arguments, rows, time, or why it failed."""
    if not lines:
        return
    count = "1 look" if len(lines) == 1 else f"{len(lines)} looks"
    with st.expander(f"{label}: {count}", expanded=expanded), st.container(gap="xxsmall"):
        for line in lines:
            st.markdown(f":small[{_tool_words(line)}]")


def _tool_words(line: ToolLine) -> str:
    name = f"**{escape(line.started.tool.replace('_', ' '), 60)}**"
    arguments = f" :gray[{escape(line.started.arguments, 160)}]" if line.started.arguments.strip("{} ") else ""
    ended = line.ended
    if ended is None:
        return f":material/progress_activity: {name}{arguments}"
    took = f":gray[{ended.seconds:.1f} s]"
    if ended.evidence is None:
        return f":orange[:material/warning:] {name}{arguments} {escape(ended.problem or 'it failed', 200)} {took}"
    rows = ended.evidence.total_rows
    found = "1 row" if rows == 1 else f"{rows:,} rows"
    return f":green[:material/check:] {name}{arguments} {found} {took} \\[{ended.evidence.number}\\]"


def _how(message: Message, answer: Answer) -> str:
    parts = [f"answered by {_author(answer)}"] if answer.source else []
    if answer.usage != Usage():
        read, wrote = map(number_text, (answer.usage.prompt_tokens, answer.usage.completion_tokens))
        parts.append(f"{read} tokens read, {wrote} written")
    if answer.seconds:
        parts.append(f"{answer.seconds:.1f} s")
    if answer.ending in _ENDINGS:
        parts.append(_ENDINGS[answer.ending])
    parts.append(instant_text(message.asked.asked_at))
    if message.asked.view_at is not None:
        parts.append(f"as of {instant_text(message.asked.view_at)}")
    return ", ".join(parts)
