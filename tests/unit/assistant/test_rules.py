"""Rules answer the common questions from the tools, with evidence for every claim, and nothing they do not understand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.conftest import NOON
from tests.fakes import FakeCluster
from tests.slurm_fakes import FakeSlurm, drained
from tests.unit.assistant.desk_kit import FAULTS, desk_of, said
from watchdog.assistant.records import About, Ending, Text, ToolEnded, ToolStarted
from watchdog.assistant.rules.answer import CAN_ANSWER, rule_answer
from watchdog.assistant.rules.intents import intent_of
from watchdog.assistant.rules.question import read_question
from watchdog.base.errors import SourceUnavailableError

GPU = "GPU-00010002-0000"


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    slurm = FakeSlurm(node_changes={3: drained("GPU 2: Xid 79")})
    return desk_of(FakeCluster(4, faults=FAULTS), slurm, tmp_path_factory.mktemp("desk"))


def intent(desk, text, about=About()):  # noqa: B008 (frozen)
    return intent_of(read_question(text, desk, about))


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("Which GPUs need attention?", "health"),
        ("Is everything OK?", "health"),
        ("any problems right now?", "health"),
        ("what is broken", "health"),
        ("Is any job hung?", "health"),
        ("Are there stragglers?", "health"),
        ("Are all exporters reporting?", "health"),
        ("Are there any critical alerts?", "alerts"),
        ("Who acknowledged the alerts?", "alerts"),
        ("Which nodes are drained?", "nodes"),
        ("is any node out of service?", "nodes"),
        ("What is the largest free block?", "capacity"),
        ("Which partition is the busiest?", "waste"),
        ("Who wastes most this week?", "waste"),
        ("which users leave GPUs idle?", "waste"),
        ("who is hogging GPUs without using them", "waste"),
        ("Which jobs are inefficient?", "waste"),
        ("How much did the last 7 days cost?", "cost"),
        ("what does ada spend per week", "cost"),
        ("Why is job 1000 slow?", "job"),
        ("status of job 500000", "job"),
        ("why has 500000 not started", "job"),
        ("How is node node002?", "node"),
        ("is node001 healthy?", "node"),
        ("why is node004 drained?", "node"),
        ("is GPU 2 on node002 ok?", "gpu"),
        (f"what does {GPU} do?", "gpu"),
        ("Can I start an 8-GPU job now?", "capacity"),
        ("how many GPUs are free?", "capacity"),
        ("is there room for 16 gpus on 2 nodes", "capacity"),
        ("could a job with 4 GPUs run in partition gpu?", "capacity"),
        ("Which jobs wait, and why?", "queue"),
        ("what is in the queue", "queue"),
        ("why are jobs pending?", "queue"),
        ("who is using the GPUs?", "queue"),
        ("what is ada running?", "user"),
        ("What changed since yesterday?", "changed"),
        ("compare today with yesterday", "changed"),
        ("what happened last night?", "history"),
        ("which alerts were there in the last 24 hours?", "history"),
        ("Which jobs failed today?", "failed"),
        ("which GPUs are hung?", "gpus"),
        ("are any GPUs throttled?", "gpus"),
        ("which GPUs are idle?", "gpus"),
        ("Which GPUs are hottest?", "metric"),
        ("how much power do the nodes draw?", "metric"),
        ("GPU utilization over the last 6 hours", "metric"),
        ("what does XID 79 mean?", "xid"),
        ("give me an overview of the cluster", "overview"),
        ("How busy is the cluster?", "overview"),
    ],
)
def test_a_question_is_understood(desk, question, wanted):
    assert intent(desk, question) == wanted


UNANSWERABLE = (
    "What is the training loss of job 1000?",
    "Will node001 fail tomorrow?",
    "How fast is the InfiniBand network?",
    "How full is the scratch file system?",
    "What is the password of ada?",
    "Who is on call this week?",
    "Which line of code is slow in job 1000?",
    "What is the weather?",
    "Tell me a joke about GPUs",
    "Is the room too hot?",
    "Please drain node node001",
    "Cancel the job 1000",
    "What is the CPU temperature of node001?",
    "What does ada intend to do with job 1000?",
    "When was the warranty of node001 over?",
    "which driver version runs on node001?",
    "purple monkeys dishwasher",
    "ok",
)


@pytest.mark.parametrize("question", UNANSWERABLE[:-1])
def test_a_question_that_the_data_cannot_answer_gets_no_claim(desk, question):
    answer = said(desk, question)
    assert answer.ending is Ending.UNKNOWN
    assert answer.text.startswith("**Cannot tell**")
    assert answer.evidence == ()
    assert answer.untraced == 0


@pytest.mark.parametrize(
    "question",
    ["", "   ", "🔥🔥🔥", "¿Qué nodos están caídos?", "哪些GPU坏了", "SELECT * FROM jobs", "x" * 100_000, "?!"],
)
def test_what_is_no_plain_question_is_told_so(desk, question):
    answer = said(desk, question)
    assert answer.ending is Ending.UNKNOWN
    assert len(answer.text) < 2_000
    assert answer.evidence == ()


@pytest.mark.parametrize("question", ["Which GPUs need attention?", "Which jobs wait, and why?", "Why is job 1000 slow?", "Why does job 500000 wait?",
    "How is node node002?", "is GPU 2 on node002 ok?", "Can I start an 8-GPU job now?", "how many GPUs are free?", "who wasted most in the last 3 hours?",
    "what did the last 3 hours cost?", "what changed in the last hour?", "what happened in the last 24 hours?", "which GPUs are hottest?", "which GPUs are hung?",
    "what does XID 79 mean?", "How busy is the cluster?", "what is ada running?", "why is node004 drained?", "which jobs failed today?", "which nodes are drained?", "which alerts are open?"])  # fmt: skip
def test_every_claim_of_an_answer_rests_on_evidence_that_is_cited(desk, question):
    answer = said(desk, question)
    assert answer.ending is Ending.ANSWERED, answer.text
    assert [answer.text[m.start : m.end] for m in answer.marks if m.number is None] == []
    assert answer.notices == ()
    for each in answer.evidence[:1]:
        assert f"[{each.number}]" in answer.text
    assert [each.number for each in answer.evidence] == list(range(1, len(answer.evidence) + 1))


def test_the_worst_is_told_first_with_what_to_do(desk):
    text = said(desk, "what needs attention?").text
    assert "critical" in text.split("\n")[0]
    assert "GPU missing" in text
    assert "What to do first" in text


def test_a_waiting_job_is_told_in_slurms_terms_and_in_words(desk):
    text = said(desk, "why does job 500000 wait?").text
    assert "It waits because" in text
    assert "next in line" in text


def test_what_is_critical_about_a_job_is_told_before_all_else(tmp_path):
    desk = desk_of(FakeCluster(4, faults={(2, 3): "lost"}), FakeSlurm(running=10), tmp_path)
    answer = said(desk, "How is job 1009, and why?")
    lines = answer.text.split("\n")
    assert lines[0].startswith("**1 critical finding** [")
    assert "GPU 3 on node003 is silent" in lines[1]
    assert "What to do: " in lines[1]
    assert answer.text.index("**Job 1009**") > answer.text.index("What to do: ")
    assert answer.untraced == 0
    assert said(desk, "How is job 1000, and why?").text.startswith("**Job 1000**")


def test_gpus_of_a_user_are_summed_only_where_each_job_tells_them(desk):
    assert "runs 1 job on 2 GPUs" in said(desk, "what is ada running?").text
    untold = {"job_id": "77", "user": "ada", "nodes": "node001", "started_at": NOON, "gpus": None}
    text = said(desk_of(FakeCluster(1), FakeSlurm(running=1, extra=(untold,))), "what is ada running?").text
    assert "runs 2 jobs [" in text


def test_when_a_job_starts_is_what_slurm_expects_or_not_known(desk):
    answer = said(desk, "when will job 500000 start?")
    assert answer.ending is Ending.ANSWERED
    assert "Slurm tells no expected start" in answer.text


def test_capacity_says_yes_no_and_why(desk):
    assert "**Yes**" in said(desk, "can I start a 2-GPU job now?").text
    assert "**No**" in said(desk, "can I start a job with 64 GPUs now?").text


def test_an_entity_that_nobody_knows_cannot_be_told_of(desk):
    for question in ("why is job 987654 slow?", "how is node node999?", "job 12_3?"):
        answer = said(desk, question)
        assert answer.ending is Ending.UNKNOWN
        assert "Cannot tell" in answer.text


def test_why_is_about_what_was_looked_at(desk):
    assert said(desk, "why is it slow?", About(job="1000")).evidence[0].tool == "job"
    assert said(desk, "what is wrong with this node?", About(node="node002")).evidence[0].arguments["node"] == "node002"
    assert said(desk, "why?", About(gpu=GPU)).evidence[0].arguments["gpu"] == GPU
    # What the text names counts more than what was on screen.
    assert said(desk, "how is node001?", About(job="1000")).evidence[0].arguments["node"] == "node001"


def test_an_instant_in_the_question_is_gone_back_to(desk):
    answer = said(desk, "how busy was the cluster at 09:30?")
    assert answer.evidence[0].at == NOON.replace(hour=9, minute=30)
    assert answer.text.startswith("As of 2026-03-01 09:30 UTC")
    assert said(desk, "how busy was the cluster 2 hours ago?").evidence[0].at == NOON - timedelta(hours=2)


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("in the last 3 days", 72),
        ("this week", 168),
        ("today", 12),
        ("over the past hour", 1),
        ("last 90 minutes", 1.5),
        ("since 09:00", 3),
        ("since yesterday", 36),
    ],
)
def test_spans_are_read(desk, text, hours):
    assert read_question(f"who wastes most {text}?", desk, About()).hours == pytest.approx(hours)


def test_without_slurm_jobs_are_unknown_and_gpus_are_not():
    bare = desk_of()
    assert said(bare, "which jobs wait?").ending is Ending.UNKNOWN
    assert "no Slurm is read" in said(bare, "which jobs wait?").text
    assert said(bare, "who wastes most?").ending is Ending.ANSWERED
    assert said(bare, "which GPUs are hottest?").ending is Ending.ANSWERED


@pytest.mark.parametrize("question", ["is anything wrong?", "how busy is the cluster?", "which GPUs are hung?"])
def test_where_no_gpu_was_seen_nothing_is_fine(question):
    answer = said(desk_of(FakeCluster(0)), question)
    assert answer.ending is Ending.UNKNOWN
    assert "no GPU has been seen yet" in answer.text


def test_a_source_that_is_down_is_no_answer():
    down = desk_of(FakeCluster(error=SourceUnavailableError("prometheus does not answer", hint="Start it.")))
    answer = said(down, "is anything wrong?")
    assert answer.ending is Ending.UNKNOWN
    assert "prometheus does not answer" in answer.text


def test_who_watches_is_told_of_each_tool_and_of_the_text(desk):
    steps = []
    answer = rule_answer("how busy is the cluster?", desk, emit=steps.append)
    assert [type(step) for step in steps] == [ToolStarted, ToolEnded, Text]
    assert steps[1].evidence == answer.evidence[0]


def test_evidence_of_an_answer_that_broke_off_is_kept_and_numbered_on(desk):
    before = said(desk, "how busy is the cluster?").evidence
    answer = rule_answer("which GPUs are hottest?", desk, evidence=before)
    assert [each.number for each in answer.evidence] == [1, 2, 3]
    assert "[2]" in answer.text


def test_every_example_that_is_offered_is_understood(desk):
    for line in CAN_ANSWER:
        for question in line.replace("job 123", "job 1000").replace("gpu01", "node001").split("? "):
            assert intent(desk, f"{question}?") is not None, question
