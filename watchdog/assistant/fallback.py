"""From a model that failed to the rules: the text so far stays, and the rules' answer follows it."""

from __future__ import annotations

import re
from dataclasses import replace

from watchdog.assistant.records import Answer, Ending, Evidence, Notice

TAKEN_OVER = Notice(
    "The model did not finish; what follows comes from the built-in rules.",
    "Ask again once the model answers, or see docs/assistant.md.",
)
_CITED = re.compile(r"\[(\d+)\]")
_GAP = "\n\n---\n\n"


def wants_rules(answer: Answer) -> bool:
    """Whether the rules should go on where the model stopped: it failed, or came to a limit with nothing said."""
    return answer.ending is Ending.FAILED or (answer.ending is Ending.LIMIT and not answer.text.strip())


def continued(partial: Answer, by_rules: Answer) -> Answer:
    """One answer of both: the model's text so far, then the rules', whose [n] go on counting.

    What a call of `answer` raised or said stays in `notices`. `ending` is the rules', `source` names both.
    """
    shift = max((each.number for each in partial.evidence), default=0)
    before = f"{partial.text.rstrip()}{_GAP}" if partial.text.strip() else ""
    return Answer(
        text=before + _renumbered(by_rules.text, shift),
        ending=by_rules.ending,
        source=f"{partial.source}, {by_rules.source}" if before and partial.source else by_rules.source,
        evidence=(*partial.evidence, *(_shifted(each, shift) for each in by_rules.evidence)),
        facts=by_rules.facts or partial.facts,
        more_facts=by_rules.more_facts if by_rules.facts else partial.more_facts,
        notices=(*partial.notices, TAKEN_OVER, *by_rules.notices),
        usage=partial.usage,
        seconds=partial.seconds + by_rules.seconds,
    )


def _renumbered(text: str, shift: int) -> str:
    return _CITED.sub(lambda found: f"[{int(found[1]) + shift}]", text)


def _shifted(evidence: Evidence, shift: int) -> Evidence:
    return replace(evidence, number=evidence.number + shift)
