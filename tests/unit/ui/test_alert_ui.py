"""The alerts page's address, visits, words and prefilled silences: what comes from outside is checked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import NOON
from tests.unit.alerts.conftest import shelves  # noqa: F401 (engines on a shelf)
from tests.unit.alerts.stage import Stage, finding, gpu, rule
from watchdog.alerts.preview import Preview
from watchdog.alerts.silences import muting
from watchdog.alerts.trial import EPISODES
from watchdog.model.alerts import Silence
from watchdog.model.findings import Subject
from watchdog.model.rules import Comparison, Reading, Rule
from watchdog.model.telemetry import Window
from watchdog.ui.alert_address import MOST_NAMES, TABS, Place, filters_of, read_place
from watchdog.ui.alert_preview import preview_line
from watchdog.ui.alert_silence_form import _split, prefilled
from watchdog.ui.alert_visit import ABSENCE, DEFAULT, LONGEST, visit_of
from watchdog.ui.alert_words import threshold_text

PRINTABLE = st.characters(exclude_categories=["C", "Z"])
NAMES = st.lists(st.text(PRINTABLE, min_size=1, max_size=40), max_size=5, unique=True).map(tuple)


@given(NAMES, st.lists(st.sampled_from(["info", "warning", "critical"]), unique=True).map(tuple), NAMES, NAMES)
def test_what_is_filtered_comes_back_from_its_url(rules, severities, nodes, people):
    place = Place(rules=rules, severities=severities, nodes=nodes, people=people)
    assert read_place(filters_of(place)) == place


@given(st.dictionaries(st.sampled_from(["tab", "rule", "severity", "node", "who"]), st.lists(st.text(), max_size=30)))
def test_no_url_breaks_the_page(parameters):
    place = read_place(parameters)

    assert place.tab in TABS
    assert {*place.severities} <= {"info", "warning", "critical"}
    for names in (place.rules, place.nodes, place.people):
        assert len(names) <= MOST_NAMES
        assert all(name.isprintable() for name in names)


def test_what_makes_no_sense_is_said():
    place = read_place({"tab": ["nonsense"], "severity": ["loud"], "node": ["a\nb"]})
    assert len(place.problems) == 3


def cookie(since: timedelta, seen: timedelta) -> str:
    return f"{int((NOON - since).timestamp())}.{int((NOON - seen).timestamp())}"


HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.mark.parametrize(
    ("text", "ago", "known"),
    [
        ("", DEFAULT, False),
        (cookie(9 * HOUR, 8 * HOUR), 8 * HOUR, True),
        (cookie(9 * HOUR, MINUTE), 9 * HOUR, True),
        (cookie(ABSENCE, ABSENCE), ABSENCE, True),
        (cookie(60 * 24 * HOUR, 50 * 24 * HOUR), LONGEST, True),
        (cookie(HOUR, 9 * HOUR), DEFAULT, False),
        (cookie(-HOUR, -HOUR), DEFAULT, False),
        ("'; alert(1)", DEFAULT, False),
        ("9" * 400 + ".1", DEFAULT, False),
        ("\u0663.\u0663", DEFAULT, False),
    ],
)
def test_a_new_visit_counts_from_the_end_of_the_last_and_a_reload_from_where_it_did(text, ago, known):
    visit = visit_of(text, NOON)
    assert (NOON - visit.since, visit.known) == (ago, known)


@given(st.text())
def test_no_cookie_breaks_the_page(text):
    assert timedelta() <= NOON - visit_of(text, NOON).since <= LONGEST


NODES = st.text(st.sampled_from("ab[]*?!,-"), min_size=1, max_size=6).map(str.strip).filter(bool)


@given(st.lists(NODES, min_size=1, max_size=30, unique=True))
def test_a_prefilled_silence_mutes_the_incident_it_was_made_for(nodes):
    stage = Stage(rule("hot"))
    stage.see(*[finding(Subject(node=node), "hot") for node in nodes])
    for each in stage.engine.board().incidents:
        wanted = prefilled(each)
        silence = Silence(
            "s", "Ann", "", NOON, NOON + HOUR,
            _split(wanted.nodes), _split(wanted.rules), _split(wanted.gpus), _split(wanted.jobs),
        )  # fmt: skip
        assert muting([silence], each.alerts, NOON) == silence


@pytest.mark.parametrize(
    ("subjects", "field"),
    [([gpu(1)], "gpus"), ([gpu(1), gpu(2)], "nodes"), ([Subject(job_id="7")], "jobs"), ([Subject(part="slurm")], "")],
)
def test_a_silence_is_prefilled_as_narrow_as_can_be_read(subjects, field):
    stage = Stage(rule("hot")).see(*[finding(each, "hot") for each in subjects])
    wanted = prefilled(stage.engine.board().incidents[0])
    assert wanted.rules == "hot"
    assert [name for name in ("nodes", "gpus", "jobs") if getattr(wanted, name)] == [field] * bool(field)


def test_a_threshold_reads_with_its_unit():
    hot = Rule("a", "A", metric="gpu_util_ratio", threshold=0.9, clear=0.8, comparison=Comparison.AT_LEAST)
    grown = Rule("b", "B", metric="pcie_replay_count", threshold=300, reading=Reading.INCREASE, over_seconds=600)
    assert threshold_text(hot).replace("\u00a0", " ") == "≥ 90 %, clears at 80 %"
    assert threshold_text(grown).replace("\u00a0", " ") == "> 300 more in 10 min"


EMPTY = Preview(Window(NOON - 168 * HOUR, NOON), MINUTE, gpus=8, covered_ratio=0.5)
ONE = EPISODES.conform(
    pd.DataFrame(
        {"node": ["a"], "gpu_uuid": ["GPU-1"], "gpu_index": [1], "since": [NOON], "fired_at": [NOON], "until": [None], "peak": [1.0]}
    ).astype({"since": "datetime64[us, UTC]", "fired_at": "datetime64[us, UTC]", "until": "datetime64[us, UTC]", "gpu_index": "Int16", "node": "string", "gpu_uuid": "string"})
)  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "words", "never"),
    [
        (EMPTY, "would not have fired", "Nothing can be said"),
        (replace(EMPTY, covered_ratio=float("nan")), "Nothing can be said", "would not have fired"),
        (replace(EMPTY, covered_ratio=0.0), "Nothing can be said", "would not have fired"),
        (replace(EMPTY, not_exported="no exporter publishes x"), "no exporter publishes x", "would not have fired"),
        (replace(EMPTY, gpus=0), "No GPU is in its scope", "would not have fired"),
        (replace(EMPTY, episodes=ONE), "would have fired once", "would not have fired"),
    ],
)
def test_a_preview_never_calls_what_it_could_not_see_quiet(answer, words, never):
    line = preview_line(answer)
    assert words in line
    assert never not in line
