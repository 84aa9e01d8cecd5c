"""Answers as they are kept: what comes back is what was said."""

from __future__ import annotations

import math
from dataclasses import replace

from tests.conftest import NOON
from watchdog.assistant.kept import about_json, about_of, answer_json, answer_of
from watchdog.assistant.records import About, Answer, Column, Ending, Evidence, Mark, Notice, Usage
from watchdog.model.findings import Evidence as Reading
from watchdog.model.findings import Finding, Severity, Subject
from watchdog.model.telemetry import Window

EVIDENCE = Evidence(
    1,
    "gpu_metrics",
    {"nodes": ["gpu-3"], "hours": 1},
    "Utilization of gpu-3",
    "avg(x)",
    NOON,
    Window(NOON, NOON),
    (Column("at", "at"), Column("value", "utilization", "ratio")),
    ((NOON, 0.5), ("2026-03-01T12:00:00Z", None), (True, 7)),
    90,
    2.5,
    ("cut",),
    "gpus",
    {"node": "gpu-3"},
    0.1,
)
FACT = Finding(
    "hot", Severity.WARNING, Subject("gpu-3"), "hot", "cool it", "NVIDIA", NOON, evidence=(Reading("t", "91 °C", NOON),)
)
ANSWER = Answer(
    "91 °C [1]", Ending.LIMIT, "qwen", (EVIDENCE,), (FACT,), (Mark(0, 5, "91 °C", None),), (Notice("n", "h"),),
    Usage(900, None), 2.0,
)  # fmt: skip


def test_an_answer_comes_back_with_instants_and_texts_that_look_like_instants_told_apart():
    back = answer_of(answer_json(ANSWER))
    assert back == ANSWER
    assert [type(row[0]).__name__ for row in back.evidence[0].rows] == ["datetime", "str", "bool"]


def test_a_number_that_is_none_comes_back_unknown_not_zero():
    odd = replace(EVIDENCE, rows=((math.nan, math.inf),))
    assert answer_of(answer_json(replace(ANSWER, evidence=(odd,)))).evidence[0].rows == ((None, None),)


def test_half_characters_are_replaced_not_raised():
    assert answer_of(answer_json(replace(ANSWER, text="a\ud800b"))).text == "a?b"


def test_what_a_newer_or_broken_program_kept_is_an_answer_without_a_word_that_failed():
    for body in ("{", '{"text": 3}', "null"):
        assert (answer_of(body).text, answer_of(body).ending) == ("", Ending.FAILED)
    assert answer_of("").ending is Ending.STOPPED


def test_what_a_question_is_about_comes_back():
    about = About(job='8"12', gpu="GPU-1")
    assert about_of(about_json(about)) == about
    assert about_json(About()) == ""
    assert about_of("{") == About()
