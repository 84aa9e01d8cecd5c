"""Every number, name and time of an answer is traced to evidence, however it is rounded; a changed one is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from watchdog.assistant.grounding import ground, grounded
from watchdog.assistant.records import Answer, Column, Ending, Evidence
from watchdog.assistant.values import shown
from watchdog.model.findings import Finding, Severity, Subject
from watchdog.model.telemetry import Window

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def evidence(columns, *rows, number=1, title="", **more):
    named = tuple(Column(*each) if isinstance(each, tuple) else Column(each, each) for each in columns)
    fields = {"arguments": {}, "query": "", "at": NOON, "window": None, "total_rows": len(rows)} | more
    return Evidence(number=number, tool="t", title=title, columns=named, rows=tuple(rows), **fields)


def untraced(text, *found, **more):
    marks = ground(text, found, **more).marks
    return [text[mark.start : mark.end] for mark in marks if mark.number is None]


BUSY = evidence([("value", "utilization", "ratio")], (0.8732,))
MEMORY = evidence([("value", "memory", "bytes")], (64.5 * 2**30,))
LASTED = evidence([("value", "for", "seconds")], (4330.0,))


@pytest.mark.parametrize("text", ["87 %", "87%", "87.3 %", "0.87", "0.873", "about 85 %", "87 percent", "**87** %"])
def test_a_ratio_is_found_as_percent_and_as_it_is(text):
    assert untraced(f"It was {text} busy [1].", BUSY) == []


@pytest.mark.parametrize("text", ["88 %", "87.4 %", "0.88", "78 %", "87 W", "87 h", "about 60 %"])
def test_a_changed_ratio_is_not(text):
    assert untraced(f"It was {text} busy [1].", BUSY)


@pytest.mark.parametrize("text", ["64.5 GiB", "64 GiB", "65 GiB", "69 GB", "69.3 GB", "66,048 MiB"])
def test_bytes_are_found_in_every_unit(text):
    assert untraced(f"It holds {text}.", MEMORY) == []


@pytest.mark.parametrize(
    "text", ["1.2 h", "1 h 12 min", "1h12m", "72 minutes", "4,330 s", "1 hour and 12 minutes", "1.2 hours"]
)
def test_lengths_of_time_are_found_in_every_unit(text):
    assert untraced(f"It lasted {text}.", LASTED) == []


@pytest.mark.parametrize("text", ["1.3 h", "1 h 13 min", "74 minutes", "2 h 12 min", "12 min"])
def test_other_lengths_are_not(text):
    assert untraced(f"It lasted {text}.", LASTED)


def test_instants_are_found_by_clock_by_day_and_as_how_long_ago():
    found = evidence([("at", "from")], (datetime(2026, 3, 1, 9, 14, 40, tzinfo=UTC),))
    good = "since 09:14, 09:15 UTC, 09:14:40, on 2026-03-01, 1 March, at 2026-03-01T09:14:40Z, 2 h 45 min ago"
    assert untraced(good, found) == []
    assert untraced("since 09:17 on 2026-03-02, 3 h 45 min ago", found) == ["09:17", "2026-03-02", "3 h 45 min"]


def test_names_of_nodes_jobs_and_users_must_be_in_the_evidence():
    found = evidence(["node", "job", "user"], ("gpu-07", "48264_3", "ada"))
    assert untraced("Node gpu-07 runs job 48264_3 of user ada.", found) == []
    text = "Node gpu-08 runs job 48264_4 of user bob, and gpu09 is idle."
    assert untraced(text, found) == ["gpu-08", "48264_4", "bob", "gpu09"]


def test_a_node_of_a_slurm_list_is_found():
    assert untraced("It runs on gpu02 and gpu03.", evidence(["nodes"], ("gpu[02-04]",))) == []


def test_a_gpu_is_found_by_its_place_and_not_on_another_node():
    found = evidence(["node", "gpu_index"], ("gpu01", 3), ("gpu02", 5))
    assert untraced("GPU 3 on gpu01 and GPU 5 of gpu02 are hot.", found) == []
    assert untraced("GPU 5 on gpu01 is hot.", found) == ["GPU 5 on gpu01"]


def test_counts_and_sums_of_a_whole_table_are_found():
    rows = [("gpu01", "idle", 2.0), ("gpu02", "idle", 3.5), ("gpu03", "busy", 4.0)]
    found = evidence(["node", "state", ("hours", "hours", "hours")], *rows)
    assert untraced("3 nodes, two nodes of them idle, 9.5 h in all.", found) == []
    cut = evidence(["node", "state", ("hours", "hours", "hours")], *rows, total_rows=40)
    assert untraced("9.5 h in all.", cut) == ["9.5 h"]


def test_what_the_question_said_and_code_and_citations_and_lists_are_no_claims():
    text = "1. You asked for 8 GPUs [12].\n2. Use:\n```\nsrun --gres=gpu:4 -N 16\n```\nor `up == 1`.\n10) Done."
    assert untraced(text, question="Can I start 8 GPUs?") == []


def test_a_number_in_single_code_marks_is_still_a_claim():
    assert untraced("It runs `4711` jobs.", BUSY) == ["4711"]


def test_the_evidence_that_is_cited_next_wins():
    one, two = evidence(["jobs"], (5,)), evidence(["jobs"], (5,), number=2)
    marks = ground("5 jobs run [2], 5 jobs wait [1].", (one, two)).marks
    assert [mark.number for mark in marks] == [2, 1]


def test_marks_point_into_the_text_as_it_is_with_its_escapes():
    text = "Job **48264\\_3** used 87\u00a0% [1]."
    marks = ground(text, (evidence(["job", ("v", "v", "ratio")], ("48264_3", 0.87)),)).marks
    assert [text[mark.start : mark.end] for mark in marks] == ["48264\\_3", "87\u00a0%"]


def test_facts_of_the_checks_are_sources_too():
    fact = Finding(
        "hot", Severity.WARNING, Subject("gpu01", "GPU-1"), "GPU 5 on gpu01 is at 91 °C.", "", "", gpu_index=5
    )
    marks = ground("GPU 5 on gpu01 is at 91 °C.", (), facts=(fact,)).marks
    assert {mark.number for mark in marks} == {0}


def test_a_window_and_its_length_are_found():
    found = evidence([], window=Window(NOON - timedelta(hours=24), NOON))
    assert untraced("In the last 24 hours, 1 day, from 2026-02-28 12:00 on.", found) == []


@pytest.mark.parametrize("word", ["because the fan failed", "due to a failed fan", "caused by the fan"])
def test_a_cause_that_no_check_asserts_is_told_to_be_a_hypothesis(word):
    found = evidence(["explanation"], ("GPU 5 on gpu01 is at 91 °C.",))
    assert ground(f"The GPU is hot {word}.", (found,)).notices
    assert not ground(f"The GPU may be hot {word}.", (found,)).notices


def test_a_cause_that_slurm_or_a_check_gives_is_none():
    found = evidence(["why"], ("jobs with a higher priority are ahead of it",))
    assert not ground("It waits because jobs with a higher priority are ahead of it [1].", (found,)).notices


def test_an_answer_is_marked_and_counts_what_rests_on_nothing():
    answer = grounded(Answer("87 % of 4711 GPUs.", Ending.ANSWERED, "m", (BUSY,)), "how busy?")
    assert answer.untraced == 1


RENDERED = {
    "ratio": [lambda v: f"{v:.2f}", lambda v: f"{v * 100:.0f} %", lambda v: f"{v * 100:.1f}%"],
    "bytes": [lambda v: f"{v / 2**30:.1f} GiB", lambda v: f"{v / 1e9:.1f} GB", lambda v: f"{v / 2**20:,.0f} MiB"],
    "watts": [lambda v: f"{v:,.0f} W", lambda v: f"{v / 1e3:.2f} kW", lambda v: f"{v:.1f} watts"],
    "seconds": [lambda v: f"{v / 3600:.1f} h", lambda v: f"{v / 60:.0f} minutes", lambda v: f"{v:,.0f} s"],
    "hours": [lambda v: f"{v:.1f} GPU-hours", lambda v: f"{v:.2f} h"],
    "USD": [lambda v: f"${v:,.2f}", lambda v: f"{v:,.2f} dollars"],
    "celsius": [lambda v: f"{v:.0f} °C", lambda v: f"{v:.1f} degrees"],
}
UNITS = st.sampled_from([(unit, render) for unit, renders in RENDERED.items() for render in renders])
LARGE = {"ratio": (0.05, 1.0), "bytes": (1e9, 1e12)}


@settings(max_examples=250, deadline=None)
@given(UNITS, st.floats(0.0, 1.0))
def test_any_value_in_any_unit_and_rounding_is_traced(unit_and_render, share):
    unit, render = unit_and_render
    low, high = LARGE.get(unit, (60.0, 90_000.0))
    value = low + share * (high - low)
    found = evidence([("value", "value", unit)], (value,))
    assert untraced(f"The value is {render(value)} [1].", found) == []
    assert untraced(f"The value is {shown(value, unit)} [1].", found) == []


@settings(max_examples=250, deadline=None)
@given(UNITS, st.floats(0.0, 1.0), st.sampled_from([0.4, 0.7, 1.4, 2.0, 10.0]))
def test_a_value_that_was_changed_is_never_traced(unit_and_render, share, factor):
    unit, render = unit_and_render
    low, high = LARGE.get(unit, (600.0, 90_000.0))
    value = low + share * (high - low)
    found = evidence([("value", "value", unit)], (value,))
    # An evidence of one row counts 1 row, and of 1 something anybody may speak.
    wrong = render(value * factor)
    assume(wrong != render(value))
    assert untraced(f"The value is {wrong} [1].", found) or wrong.startswith(("1 ", "1.00", "1%"))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300))
def test_no_text_breaks_it(text):
    for mark in ground(text, (BUSY,), question=text[:50]).marks:
        assert 0 <= mark.start < mark.end <= len(text)
