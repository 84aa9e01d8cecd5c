"""The command: what is printed, and how it ends."""

from __future__ import annotations

import io

import pytest

from tests.unit.assistant.desk_kit import desk_of, said
from watchdog import ask_command
from watchdog.assistant.kept import answer_of
from watchdog.cli import main


@pytest.fixture(scope="module")
def desk():
    return desk_of()


@pytest.fixture
def ask(desk, monkeypatch, capsys):
    """Ask in this process, of a cluster that answers from formulas; returns (exit code, what was printed)."""
    monkeypatch.setattr(ask_command, "_from_the_app", lambda config, question: None)
    monkeypatch.setattr(
        ask_command, "_from_here", lambda config, question: said(desk.moved(question.view_at), question.text)
    )
    monkeypatch.setattr(ask_command, "configure_logging", lambda level: None)

    def asked(*words):
        code = main(["ask", *words])
        return code, capsys.readouterr()

    return asked


def test_the_answer_comes_with_numbered_evidence_and_rows(ask):
    code, told = ask("how busy is the cluster?", "--rows", "1")
    assert code == 0
    assert "32 of 32 GPUs report" in told.out
    assert "[1] The cluster at 2026-03-01 12:00 UTC" in told.out
    assert "    nodes: 4, nodes that report: 4" in told.out


def test_json_is_the_whole_answer(ask):
    code, told = ask("which GPUs are hottest?", "--json")
    assert code == 0
    assert answer_of(told.out).evidence[0].tool == "gpu_metrics"


def test_no_answer_ends_with_one_and_says_what_is_missing(ask):
    code, told = ask("which jobs wait?")
    assert code == 1
    assert "no Slurm is read" in told.out


def test_an_instant_is_gone_back_to_and_a_wrong_one_is_misuse(ask):
    assert "2026-03-01 08:00 UTC" in ask("how busy is the cluster?", "--at", "2026-03-01T08:00")[1].out
    code, told = ask("how busy is the cluster?", "--at", "soon")
    assert code == 2
    assert "no instant" in told.err


def test_a_question_may_come_from_standard_input(ask, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("how busy is the cluster?\n"))
    assert ask("-")[0] == 0


def test_control_characters_of_a_question_never_reach_the_terminal(ask):
    _, told = ask("why is job \x1b[31mred\x07 slow?")
    assert "\x1b" not in told.out
    assert "\x07" not in told.out
