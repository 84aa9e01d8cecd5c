"""The overview and the navigation: what needs somebody, and what happened meanwhile."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest

from tests.conftest import NOON
from tests.fakes import FakeCluster
from tests.pages.alert_stage import staged_runtime
from tests.pages.conftest import TROUBLE
from tests.pages.test_alerts import EVIL, HOT, LOST, button, said
from tests.unit.alerts.stage import CRITICAL, INFO, Stage, finding, gpu, rule
from watchdog.alert_loop import AlertLoopState
from watchdog.base.clock import FakeClock
from watchdog.base.errors import StoreLockedError
from watchdog.model.alerts import Acknowledgement
from watchdog.model.findings import Blind, Subject
from watchdog.services.history import History
from watchdog.ui.alert_badge import alerts_title

HELD = finding(gpu(1, "node003"), "held_idle", user="ann", job_id="812", since=NOON - timedelta(hours=2))


@pytest.fixture
def stage(tmp_path):
    history = History(tmp_path / "watchdog.duckdb", FakeClock(NOON))
    yield Stage(rule("hot"), rule("node_down"), rule("held_idle"), history=history)
    history.close()


def links(page) -> list[str]:
    return [link.proto.label.replace("\\", "") for link in page.get("page_link")]


def test_at_most_five_incidents_lead_the_overview_worst_first(open_page, stage):
    stage.see(*[finding(gpu(0, f"node00{n}"), ("hot", "held_idle")[n % 2], INFO) for n in range(4)])
    stage.see(
        *[finding(gpu(0, f"node00{n}"), ("hot", "held_idle")[n % 2], INFO) for n in range(4)], HOT, LOST, seconds=200
    )
    page = open_page("overview", runtime=staged_runtime(stage))

    text = said(page)
    assert "6 incidents need you" in text
    assert "and 1 more" in text
    assert links(page)[:4] == ["Node down: node002", "Ask why", "Hot: GPU 3 on node001", "Ask why"]
    assert [each.label for each in page.button].count("Ack") == 5
    assert "Needs a look" not in [each.value for each in page.header]


def test_who_is_hit_and_what_it_costs_so_far_stand_beside_it(open_page, stage):
    stage.see(HELD)
    assert "user ann, $5.0" in said(open_page("overview", runtime=staged_runtime(stage, gpu_hour_usd=2.5)))
    assert "so far" not in said(open_page("overview", runtime=staged_runtime(stage)))


def test_what_cannot_be_seen_is_not_shown_as_firing(open_page, stage):
    stage.see(LOST).see(blind=Blind(everybody=True, why="no reading"), times=4)
    page = open_page("overview", runtime=staged_runtime(stage))

    row = [each.value for each in page.markdown]
    assert ":gray[:material/help: **unknown**]" in row
    # What fired meanwhile is said once more below, as critical as it was.
    assert row.count(":red[:material/dangerous: **critical**]") == 1


def test_acknowledging_on_the_overview_takes_it_off_the_list(open_page, stage):
    page = open_page("overview", runtime=staged_runtime(stage.see(HOT)))
    button(page, "Ack").click().run()
    page.text_input[0].input("Ann")
    button(page, "Acknowledge").click().run()

    assert "Nothing needs you." in said(page)
    assert "1 taken care of" in said(page)


@pytest.mark.parametrize("state", [AlertLoopState(catching_up=True), AlertLoopState(error="Prometheus is silent")])
def test_where_alerts_are_not_judged_the_readings_speak(open_page, stage, state):
    runtime = staged_runtime(stage.see(), FakeCluster(faults=TROUBLE))
    runtime.alert_state = lambda: state
    page = open_page("overview", runtime=runtime)

    assert "5 things need a look." in said(page)
    assert "Needs a look" in [each.value for each in page.header]


def test_marks_of_the_grid_without_an_alert_are_not_called_fine(open_page, stage):
    text = said(open_page("overview", runtime=staged_runtime(stage.see(), FakeCluster(faults=TROUBLE))))

    assert "No alert is open." in text
    assert "Nothing needs you" not in text


def test_the_past_shows_the_incidents_of_that_instant(open_page, stage):
    stage.see(HOT)
    at = f"{stage.clock.now() + timedelta(seconds=30):%Y-%m-%dT%H:%M:%SZ}"
    stage.wait(LOST, minutes=20)
    page = open_page("overview", runtime=staged_runtime(stage), at=at)

    assert "Hot: GPU 3 on node001" in links(page)
    assert "Node down: node002" not in links(page)
    assert not page.button


def test_a_past_that_cannot_be_read_costs_no_reading(open_page, stage):
    runtime = staged_runtime(stage.see(HOT))
    error = StoreLockedError("another process has it", hint="Stop the other one.")

    def refuse():
        raise error

    runtime.history = SimpleNamespace(store=refuse, error=error)
    page = open_page("overview", runtime=runtime, at=f"{NOON:%Y-%m-%dT%H:%M:%SZ}")
    assert "another process has it" in page.error[0].value
    assert "GPUs seen: 32 of 32" in said(page)


def test_what_fired_and_what_resolved_meanwhile_is_told(open_page, stage):
    stage.see(HOT).wait(LOST, minutes=30)
    page = open_page("overview", runtime=staged_runtime(stage))

    text = said(page)
    assert "In the last 12" in text
    assert "**2 fired** (1 still open) and **1 resolved**" in text


def test_hostile_words_do_not_become_markup(open_page, stage):
    stage.see(finding(Subject(node=EVIL), "node_down", CRITICAL, user=EVIL, job_id=EVIL))
    one = stage.engine.board().incidents[0].incident.incident_id
    stage.clock.sleep(60)
    page = open_page("overview", runtime=staged_runtime(stage))
    assert "![x](" not in "".join(
        [*(each.value for each in page.markdown), *(p.proto.label for p in page.get("page_link"))]
    )
    stage.engine.acknowledge(one, Acknowledgement(EVIL, stage.clock.now(), EVIL), expected=None)
    page.run()
    assert not page.exception
    assert "![x](" not in "".join(each.value for each in page.markdown)


def test_the_navigation_counts_what_nobody_has(stage, monkeypatch):
    runtime = staged_runtime(stage.see(HOT, LOST))
    monkeypatch.setattr("watchdog.ui.data.current", lambda: runtime)
    assert alerts_title() == "Alerts (1 ⬣, 1 ▲)"
    for each in stage.engine.board().incidents:
        ack = Acknowledgement("Ann", stage.clock.now())
        stage.engine.acknowledge(each.incident.incident_id, ack, expected=None)
    assert alerts_title() == "Alerts"


def test_filters_stay_when_only_the_count_in_the_navigation_changed(open_page, stage):
    page = open_page("alerts", runtime=staged_runtime(stage.see(HOT)), window="6h")
    page.run()
    page.query_params.pop("window")
    stage.see(HOT, LOST)
    page.run()
    assert "window" not in page.query_params
