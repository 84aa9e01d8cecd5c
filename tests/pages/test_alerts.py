"""Alerts: what is wrong, since when, who has it, and what is to be done?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.conftest import NOON
from tests.pages.alert_stage import staged_runtime
from tests.pages.conftest import words
from tests.unit.alerts.stage import CRITICAL, INFO, WARNING, Stage, finding, gpu, rule
from watchdog.alert_loop import AlertLoopState
from watchdog.base.clock import FakeClock
from watchdog.model.alerts import Acknowledgement
from watchdog.model.findings import Blind, Evidence, Subject
from watchdog.services.history import History

HOUR = timedelta(hours=1)
EVIL = "![x](https://evil.example/p.png)<script>alert(1)</script>"
HOT = finding(
    gpu(3, "node001"), explanation="91 °C", job_id="812", user="ann", evidence=(Evidence("power_watts", "71 W"),)
)
LOST = finding(Subject(node="node002"), "node_down", CRITICAL, explanation="does not answer")


@pytest.fixture
def stage(tmp_path):
    history = History(tmp_path / "watchdog.duckdb", FakeClock(NOON))
    yield Stage(rule("hot"), rule("node_down"), rule("idle"), history=history)
    history.close()


def said(page) -> str:
    """What the page says, without the escaper's backslashes."""
    return words(page).replace("\\", "")


def button(page, label: str):
    return next(each for each in page.button if each.label == label)


def test_nothing_open_says_so_and_what_would_be_here(open_page, stage):
    page = open_page("alerts", runtime=staged_runtime(stage.see()))

    assert "Nothing needs you." in words(page)
    assert "What fires would stand here" in page.info[0].value


def test_open_incidents_are_listed_worst_first_with_since_user_and_action(open_page, stage):
    page = open_page("alerts", runtime=staged_runtime(stage.see(HOT, LOST)))

    text = said(page)
    assert "2 incidents need you" in text
    assert text.index("Node down: node002") < text.index("Hot: GPU 3 on node001")
    assert "91 °C (user ann)" in text
    assert "Look." in text
    links = [link.proto.label for link in page.get("page_link")]
    assert links == ["node002", "Ask why", "node001 GPU 3", "job 812", "Ask why"]


def act(page, label: str, **typed):
    """Open a dialog by a button's label and fill it in."""
    button(page, label).click().run()
    for name, value in typed.items():
        field = next(each for each in (*page.text_input, *page.text_area, *page.selectbox) if each.label == name)
        (field.select if hasattr(field, "options") else field.input)(value)
    return page


def test_acknowledging_moves_it_to_those_taken_care_of_and_remembers_the_name(open_page, stage):
    page = open_page("alerts", runtime=staged_runtime(stage.see(HOT, LOST)))
    act(page, "Ack", **{"Your name": "Bo", "Note": "on my way", "Until": "1 hour"})
    button(page, "Acknowledge").click().run()

    ack = stage.engine.board().incidents[0].incident.ack
    assert (ack.by, ack.note, ack.until) == ("Bo", "on my way", stage.clock.now() + HOUR)
    text = said(page)
    assert "1 incident needs you" in text
    assert "1 more is taken care of" in text
    assert "**Bo** has it since" in text
    button(page, "Note").click().run()
    assert page.text_input[-1].value == "Bo"


def test_an_acknowledgement_needs_a_name_and_keeps_what_was_typed(open_page, stage):
    page = open_page("alerts", runtime=staged_runtime(stage.see(HOT)))
    act(page, "Ack", Note="half a thought")
    button(page, "Acknowledge").click().run()

    assert "No name is given" in page.error[0].value
    assert page.text_area[0].value == "half a thought"
    assert stage.engine.board().incidents[0].incident.ack is None


def test_who_comes_second_is_told_who_has_it_and_can_take_it_over(open_page, stage):
    page = open_page("alerts", runtime=staged_runtime(stage.see(HOT)))
    act(page, "Ack", **{"Your name": "Bo"})
    one = stage.engine.board().incidents[0].incident.incident_id
    stage.engine.acknowledge(one, Acknowledgement("Ann", stage.clock.now()), expected=None)
    button(page, "Acknowledge").click().run()

    assert "Somebody was quicker" in page.warning[0].value
    assert "**Ann** has it since" in said(page)
    assert stage.engine.board().incidents[0].incident.ack.by == "Ann"
    button(page, "Take it over").click().run()
    assert stage.engine.board().incidents[0].incident.ack.by == "Bo"


def test_acknowledging_what_just_resolved_says_so(open_page, stage):
    page = open_page("alerts", runtime=staged_runtime(stage.see(HOT)))
    stage.wait(minutes=15)
    button(page, "Ack").click().run()

    assert "resolved meanwhile" in page.error[0].value


def test_silencing_mutes_exactly_this_gpu_and_always_ends(open_page, stage):
    other = finding(gpu(4, "node003"), severity=INFO)
    page = open_page("alerts", runtime=staged_runtime(stage.see(HOT, other)))
    act(page, "Silence", **{"Your name": "Bo", "Note": "new fan"})
    [b for b in page.button if b.label == "Silence"][-1].click().run()

    silence = stage.engine.board().silences[0]
    assert (silence.gpus, silence.rules) == (("GPU-node001-3",), ("hot",))
    assert silence.ends_at > stage.clock.now()
    assert (stage.engine.board().count(WARNING), stage.engine.board().count(INFO)) == (0, 1)
    assert "silenced by **Bo** until" in said(page)


def test_what_cannot_be_seen_is_grey_and_says_what_it_was(open_page, stage):
    stage.see(HOT).see(blind=Blind(everybody=True, why="no reading"), times=4)
    text = words(open_page("alerts", runtime=staged_runtime(stage)))

    assert ":gray[:material/help: **unknown, was warning**]" in text
    assert "cannot be seen just now" in text


def test_the_address_opens_an_incident_with_evidence_and_its_steps(open_page, stage):
    stage.see(HOT)
    one = stage.engine.board().incidents[0].incident.incident_id
    page = open_page("alerts", runtime=staged_runtime(stage), incident=one)

    assert "Power draw **71 W**" in said(page)
    assert "Judged by: ours" in said(page)
    assert "fired" in set(page.dataframe[-1].value["step"])


def test_an_incident_that_is_over_can_still_be_linked_to(open_page, stage):
    stage.see(HOT)
    one = stage.engine.board().incidents[0].incident.incident_id
    stage.wait(minutes=15)
    page = open_page("alerts", runtime=staged_runtime(stage), incident=one)

    assert "**resolved**" in words(page)
    assert not [each for each in page.button if each.label == "Ack"]


@pytest.mark.parametrize("incident", ["nonsense", "x" * 400, EVIL])
def test_an_address_of_no_incident_is_said(open_page, stage, incident):
    page = open_page("alerts", runtime=staged_runtime(stage.see(HOT)), incident=incident)

    assert not page.exception
    assert "no such incident" in words(page) or "cannot be one" in words(page)


def test_a_storm_shows_its_worst_fifty_members(open_page, stage):
    stage.see(*[finding(gpu(i, f"n{i // 8}")) for i in range(1024)])
    (each,) = stage.engine.board().incidents
    page = open_page("alerts", runtime=staged_runtime(stage), incident=each.incident.incident_id)

    assert len(page.dataframe[0].value) == 50
    assert "The worst 50 of 1,024 alerts" in words(page)


def test_hostile_words_do_not_become_markup(open_page, stage):
    evil = replace(HOT, explanation=EVIL, action=EVIL, user=EVIL, job_id=EVIL, source=EVIL, cleared_by=EVIL,
                   evidence=(Evidence(EVIL, EVIL),))  # fmt: skip
    stage.see(evil, finding(Subject(node=EVIL), "node_down", INFO))
    for each in stage.engine.board().incidents:
        ack = Acknowledgement(EVIL, stage.clock.now(), EVIL)
        stage.engine.acknowledge(each.incident.incident_id, ack, expected=None)
    one = stage.engine.board().incidents[0].incident.incident_id
    page = open_page("alerts", runtime=staged_runtime(stage), incident=one)

    text = words(page) + "".join(link.proto.label for link in page.get("page_link"))
    assert not page.exception
    assert "![x](" not in text
    assert "<script" not in text.replace("\\<", "")


def test_the_past_is_shown_as_it_was_without_buttons(open_page, stage):
    stage.see(HOT)
    then = stage.clock.now()
    stage.wait(LOST, minutes=20)
    at = f"{then + timedelta(seconds=30):%Y-%m-%dT%H:%M:%SZ}"
    page = open_page("alerts", runtime=staged_runtime(stage), at=at)

    assert "Hot: GPU 3 on node001" in said(page)
    assert "Node down" not in said(page)
    assert "from history" in words(page)
    assert not [each for each in page.button if each.label == "Ack"]


def test_alerts_that_are_not_judged_are_never_called_fine(open_page, stage):
    runtime = staged_runtime(stage)
    runtime.alert_state = lambda: AlertLoopState(catching_up=True)
    assert "Nothing needs you" not in words(open_page("alerts", runtime=runtime))
    runtime.alert_state = lambda: AlertLoopState(error="Prometheus does not answer", hint="Start it.")
    page = open_page("alerts", runtime=runtime)
    assert "Prometheus does not answer" in page.error[0].value
    assert "Nothing needs you" not in words(page)


def test_old_alerts_say_how_old(open_page, stage):
    stage.see(HOT)
    stage.clock.sleep(600)
    assert "judged 10" in words(open_page("alerts", runtime=staged_runtime(stage)))
