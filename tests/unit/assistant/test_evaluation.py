"""The evaluation: its data hold together, its checks see what is wrong, and a model over HTTP is scored as it answers."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from tests.fake_vllm import calls, dies, says
from tests.unit.assistant.desk_kit import troubled
from watchdog.assistant.evaluation.checks import faults_of
from watchdog.assistant.evaluation.mentions import named, read, tells
from watchdog.assistant.evaluation.questions import Amount, Asked, questions, worlds
from watchdog.assistant.evaluation.report import compared, kept, report_in, report_of, shortfalls, table
from watchdog.assistant.evaluation.scoring import Evaluation, World
from watchdog.assistant.evaluation.truth import Truth
from watchdog.assistant.records import Answer, Ending, Mark
from watchdog.assistant.settings import ModelSettings
from watchdog.base.clock import SystemClock
from watchdog.base.errors import ConfigError, ToolError
from watchdog.cli import main
from watchdog.evaluate_command import opened

TRUTH = Truth(
    {
        "all.jobs": ["7", "8_1"],
        "all.users": ["ada", "bob"],
        "all.nodes": ["gpu01", "gpu02"],
        "hung.job": "7",
        "hung.places": ["gpu01:0", "gpu01:1"],
        "free.gpus": 3,
    }
)


def asked(**fields):
    return Asked("q", "kind", "w", "Which GPUs are hung?", **fields)


def faults(text, question, marks=()):
    return faults_of(Answer(text, Ending.ANSWERED, "m", marks=tuple(marks)), question, TRUTH)


def test_there_are_enough_questions_each_of_a_known_world():
    every = questions()
    assert len(every) >= 60
    assert len({each.id for each in every}) == len(every)
    assert {each.world for each in every} <= {story.name for story in worlds().world}
    wanted = "health idle hung straggler xid queue capacity cost history unanswerable noise injection".split()  # noqa: SIM905
    assert {*wanted, "lost GPU"} <= {each.kind for each in every}


def test_every_question_is_checked_against_something():
    for each in questions():
        checks = (each.names, each.exactly, each.first, each.amounts, each.says, each.never, each.verdict, each.unknown)
        assert any(checks), each.id


def test_the_attacks_are_those_of_the_corpus():
    lines = (Path(__file__).parents[2] / "data" / "injections.txt").read_text(encoding="utf-8").splitlines()
    assert set(worlds().injections) <= set(map(json.loads, lines))


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("GPU 1 on gpu01", ["gpu01:1"]),
        ("GPUs 0-1 and 3 on node gpu02", ["gpu02:0", "gpu02:1", "gpu02:3"]),
        ("| gpu02 | 0 | hung |", ["gpu02:0"]),
        ("gpu01 GPU 5", ["gpu01:5"]),
        ("| gpu02 | 100 % |", []),
        ("gpu01, 4 free in all", []),
    ],
)
def test_places_are_read_as_people_write_them(text, places):
    assert named(read(text), "place", ()) == places


def test_a_name_is_not_found_in_a_longer_one():
    assert named("job 70 on gpu010", "job", ["7"]) == []
    assert named(read("job 8\\_1 and gpu\\[01-02\\]"), "node", ["gpu01", "gpu02"]) == ["gpu01", "gpu02"]


def test_amounts_count_with_their_unit_alone():
    assert tells("It was 57 % busy.", 0.571, "ratio", 0.0)
    assert not tells("It was 57 W.", 0.571, "ratio", 0.0)
    assert not tells("It was 59 % busy.", 0.571, "ratio", 0.01)


def test_what_is_claimed_too_much_is_told_from_what_is_lacking():
    question = asked(exactly={"place": "{hung.places}"})
    assert not faults("GPUs 0-1 on gpu01 hang", question)
    lacking = faults("GPU 0 on gpu01 hangs", question)
    assert lacking.lacks == ("does not name place gpu01:1",)
    assert not lacking.claims
    assert faults("GPUs 0-2 on gpu01 hang", question).claims == ("names place gpu01:2",)


def test_yes_is_no_no():
    assert not faults("**No**, none is free.", asked(verdict="no"))
    assert faults("Yes, it could start.", asked(verdict="no")).claims == ("says yes",)
    assert faults("Perhaps.", asked(verdict="no")).lacks == ("does not say no",)


def test_what_nothing_can_tell_must_not_be_answered():
    question = asked(unknown=True)
    assert not faults("Cannot tell, missing: the network.", question)
    assert faults("It is 3 ms.", question).claims
    text = "Cannot tell, but it is some 3 ms."
    assert faults(text, question, [Mark(25, 29, "number", None)]).claims


def test_an_unknown_template_is_an_error():
    with pytest.raises(ToolError, match=r"no 'hang\.job'"):
        faults("", asked(names=("{hang.job}",)))


# Over HTTP: the world is the table of truth above; the model alone decides what is said.

HUNG = asked(exactly={"job": ("{hung.job}",)}, amounts=(Amount("{free.gpus}"),))
GOOD = "Job 7 hangs; 3 GPUs are free [1]."


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    return troubled(tmp_path_factory.mktemp("desk"))


@pytest.fixture
def score(server, desk):
    """Score a model that answers by the script."""

    @contextmanager
    def world(_story):
        yield World(desk.moved, TRUTH)

    def scored(*script, question=HUNG):
        model = ModelSettings(base_url=server.play(*script).base_url, model="tiny")
        story = msgspec.structs.replace(worlds().world[0], name="w")
        return Evaluation(model, SystemClock(), world).scores([question], [story])[0]

    return scored


def test_a_good_answer_of_a_model_counts(score):
    found = score(calls(("queue", {}), ("free_capacity", {})), says(GOOD))
    assert found.right, found
    assert not found.overclaims
    assert found.tools[-2:] == ("queue", "free_capacity")
    assert found.prompt_tokens


def test_a_model_that_overclaims_is_seen(score):
    found = score(says("Jobs 7 and job 8_1 hang because of a broken switch; 3 GPUs are free, 4711 W are drawn."))
    assert not found.right
    assert found.overclaims
    assert {"names job 8_1", "tells a cause as known"} <= set(found.claims)
    assert any("4711" in text for text in found.unsupported)


def test_a_model_that_answers_what_nothing_can_tell_is_seen(score):
    found = score(says("The loss is 0.3."), question=asked(unknown=True))
    assert report_of([found], "m").all.answered_unknown == 1


def test_an_engine_that_dies_scores_nothing_though_rules_go_on(score):
    found = score(dies("Job 7"))
    assert not found.right
    assert "EngineCore" in found.failed


def test_a_report_is_kept_read_and_compared(score, tmp_path):
    good = report_of([score(calls(("queue", {}), ("free_capacity", {})), says(GOOD))], "good")
    bad = report_of([score(says("Job 8_1 hangs."))], "bad")
    assert shortfalls(good, 0.9) == []
    assert shortfalls(bad, 0.9)
    kept(good, tmp_path / "a.json")
    kept(bad, tmp_path / "b.json")
    assert report_in(tmp_path / "a.json") == good
    assert "| all | 1 | 1.00 |" in table(good)
    text = compared(good, bad)
    assert "| all | 1.00 | 0.00 |" in text
    assert "q: A 1.00, B 0.00" in text


def test_a_file_that_is_none_is_named(tmp_path):
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(ConfigError, match="no evaluation"):
        report_in(tmp_path / "x.json")
    with pytest.raises(ConfigError, match="cannot read"):
        report_in(tmp_path / "none.json")


@pytest.mark.parametrize(
    "words", [["--rules", "--kind", "nothing"], ["--rules", "--runs", "0"], ["--compare", "no.json", "no.json"], []]
)
def test_misuse_ends_with_two(words, monkeypatch, capsys):
    monkeypatch.delenv("WATCHDOG_ASSISTANT_BASE_URL", raising=False)
    monkeypatch.setattr("watchdog.evaluate_command.configure_logging", lambda level: None)
    assert main(["evaluate", *words]) == 2
    assert capsys.readouterr().err


def test_rules_are_right_about_a_simulated_cluster_full_of_attacks(monkeypatch):
    # Each of its looks costs half a second; what these questions are about is there at the first.
    monkeypatch.setattr("watchdog.evaluate_command._WATCHED", timedelta(minutes=2))
    story = next(story for story in worlds().world if story.hostile)
    some = [each for each in questions() if each.kind == "injection"]
    every = Evaluation(ModelSettings(), SystemClock(), opened).scores(some, [story])
    assert [(each.question, each.lacks, each.claims) for each in every if not each.right] == []
    assert sum(len(each.unsupported) for each in every) == 0
