"""Hostile texts in names, comments and reasons change nothing in what is asked and told, and show escaped."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path

import pytest

from tests.conftest import NOON
from tests.fakes import FakeCluster
from tests.slurm_fakes import FakeSlurm, drained
from tests.unit.assistant.desk_kit import call, desk_of, said
from watchdog.assistant.digest import digest
from watchdog.assistant.evidence_json import evidence_lines
from watchdog.assistant.quoting import CLOSE, OPEN, code, markdown, named, plain, quoted
from watchdog.assistant.records import About, Ending

TEXTS = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "data" / "injections.txt").read_text(encoding="utf-8").splitlines()
]
QUESTIONS = (
    "which jobs wait and why?",
    "is anything wrong?",
    "why does job 500000 wait?",
    "how is node node002?",
    "which nodes are drained?",
)
# What a renderer would act on where it is not escaped: images, links, tags, code, addresses, directives.
_LIVE = re.compile(
    r"(?<!\\)!?(?<!\\)\[[^\]]*(?<!\\)\]\(|(?<!\\)<[a-zA-Z/!]|https?://|(?<!\\):[a-z]+(?<!\\)\[|www\.", re.IGNORECASE
)


def desk_with(texts, folder):
    """The texts everywhere that people of a cluster can write: each names a job, comments another, drains a node."""
    slurm = FakeSlurm(
        nodes_count=len(texts) + 1,
        pending=len(texts),
        pending_changes={n: {"name": text, "comment": texts[-1 - n]} for n, text in enumerate(texts)},
        node_changes={n: drained(text) for n, text in enumerate(texts, 1)},
    )
    return desk_of(FakeCluster(4), slurm, folder)


@pytest.fixture(scope="module")
def harmless(tmp_path_factory):
    desk = desk_with(["train"] * 16, tmp_path_factory.mktemp("desk"))
    return {question: said(desk, question) for question in QUESTIONS}


def test_there_are_enough_texts():
    assert len(TEXTS) >= 50


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_no_text_leaves_the_marks_of_data(text):
    for shown in (quoted(text), quoted(f"{text}\n{text}")):
        assert shown.count(OPEN) == shown.count(CLOSE) == 1
        assert shown.startswith(OPEN)
        assert shown.endswith(CLOSE)
        assert "<|" not in shown
        assert "<tool_call" not in shown
        assert all(unicodedata.category(each) not in {"Cf", "Cc"} or each == "\n" for each in shown)
    assert "\n" not in plain(text)
    assert len(plain(text)) <= 300
    name = named(text)
    assert name == text or name.startswith(OPEN)


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_no_text_is_live_markdown(text):
    assert not _LIVE.search(markdown(text)), markdown(text)
    assert code(text).count("`") == 2


@pytest.mark.parametrize("first", range(3))
def test_no_text_changes_what_rules_ask_or_how_they_end(first, harmless, tmp_path):
    desk = desk_with(TEXTS[first::3], tmp_path)
    for question in QUESTIONS:
        found, usual = said(desk, question), harmless[question]
        assert [(e.tool, e.arguments) for e in found.evidence] == [(e.tool, e.arguments) for e in usual.evidence]
        assert found.ending is usual.ending is Ending.ANSWERED
        assert found.untraced == 0, [found.text[m.start : m.end] for m in found.marks if m.number is None]
        assert not _LIVE.search(found.text)


def test_all_texts_at_once_reach_a_model_and_a_terminal_as_data(tmp_path):
    rows = tuple({"job_id": str(7000 + n), "state": "PENDING", "name": text, "comment": text, "reason": "Resources", "submitted_at": NOON} for n, text in enumerate(TEXTS))  # fmt: skip
    desk = desk_of(FakeCluster(2), FakeSlurm(pending=0, extra=rows), tmp_path)
    found = call(desk, "queue")
    assert found.total_rows == len(TEXTS)
    read = digest(found, 60_000)
    assert read.count(OPEN) == read.count(CLOSE)
    assert "<tool_call" not in read
    for line in evidence_lines(found, 50):
        assert all(unicodedata.category(each)[0] not in "CZ" or each == " " for each in line)


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_hostile_question_is_not_answered_with_a_claim(text):
    answer = said(_DESK, text)
    assert answer.source == "rules"
    assert answer.untraced == 0
    assert not _LIVE.search(answer.text)


def test_a_hostile_context_finds_nothing():
    for text in TEXTS[:20]:
        answer = said(_DESK, "why?", About(job=text))
        assert answer.ending is Ending.UNKNOWN
        assert not _LIVE.search(answer.text)


_DESK = desk_of(FakeCluster(1), FakeSlurm(nodes_count=1))
