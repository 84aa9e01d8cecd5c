"""From a model that failed to the rules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.fake_vllm import calls, dies, says
from tests.unit.assistant.model_kit import CPU, table
from watchdog.assistant.fallback import TAKEN_OVER, continued, wants_rules
from watchdog.assistant.limits import Limits
from watchdog.assistant.records import Answer, Ending

RULES = Answer(
    "n1 is idle [1], since noon [2].",
    Ending.ANSWERED,
    "rules",
    evidence=tuple(replace(table("find", ()), number=n) for n in (1, 2)),
    seconds=0.5,
)


def test_a_model_that_dies_in_the_middle_is_followed_by_the_rules(ask):
    partial = ask(calls(CPU), dies("CPU is 42 % [1], and")).answer
    assert wants_rules(partial)
    whole = continued(partial, RULES)
    assert whole.text == "CPU is 42 % [1], and\n\n---\n\nn1 is idle [2], since noon [3]."
    assert [e.number for e in whole.evidence] == [1, 2, 3]
    assert whole.ending is Ending.ANSWERED
    assert whole.source == "tiny, rules"
    assert whole.notices == (*partial.notices, TAKEN_OVER)
    assert whole.seconds == partial.seconds + 0.5


def test_rules_alone_are_named_alone():
    whole = continued(Answer("", Ending.FAILED, "tiny"), RULES)
    assert (whole.text, whole.source) == (RULES.text, "rules")


@pytest.mark.parametrize(
    ("script", "limits", "wanted"),
    [
        ([says("Done.")], Limits(), False),
        ([says("Done.", finish="length")], Limits(), False),
        ([says("")], Limits(), True),
        ([dies("x")], Limits(), True),
        ([calls(CPU), says("")], Limits(steps=2), True),
    ],
)
def test_rules_are_wanted_where_the_model_gave_no_answer(ask, script, limits, wanted):
    assert wants_rules(ask(*script, limits=limits).answer) is wanted


def test_rules_are_not_wanted_after_a_stop(ask):
    assert not wants_rules(ask(says("Done."), cancelled=lambda: True).answer)
