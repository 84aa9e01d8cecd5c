"""Infrastructure: what is rented, what does it cost, until when, and is it used?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from infra import tokens
from infra.guard import Action, Phase
from infra.guarding import WORDS
from infra.idleness import Work
from infra.rental import Around, Rental
from infra.watched import watched
from tests.infra.test_extend import Gateways
from tests.infra.test_guard import slurm
from tests.pages.conftest import words
from tests.pages.rental_stage import stage_at
from watchdog.base.config import Config
from watchdog.model.people import Person, Role
from watchdog.services.slurm_view import SlurmView


@pytest.fixture
def stage(tmp_path):
    with stage_at(tmp_path) as made:
        yield made


def pods(page):
    return next(frame.value for frame in page.dataframe if "state" in frame.value and "pod" in frame.value)


def press(page, label):
    next(button for button in page.button if button.label == label).click()
    return page.run()


def test_without_a_key_it_says_how_to_connect_and_asks_nobody(open_page, tmp_path):
    with stage_at(tmp_path, key=False) as stage:
        stage.look()
        page = open_page("infrastructure", runtime=stage.runtime)

        assert watched(stage.rental, stage.runtime.clock.now()) is None
        assert "Not connected to RunPod" in words(page)
        assert "make infra-plan" in words(page)
        assert stage.kit.fake.requests == []


def test_where_nothing_is_rented_it_says_what_to_run(open_page, stage):
    stage.look()
    page = open_page("infrastructure", runtime=stage.runtime)

    assert "Nothing is rented here" in words(page)
    assert "make infra-apply" in words(page)


def test_a_head_and_three_workers_are_shown_with_price_age_and_deadline(open_page, stage):
    stage.kit.up(workers=3)
    stage.pass_hours(2)
    stage.look()
    page = open_page("infrastructure", runtime=stage.runtime)

    text, table = words(page).replace("\u00a0", " "), pods(page)
    assert "4 pods, " in text
    assert "all ready" in text
    assert table["pod"].tolist() == ["gpuwd-head", "gpuwd-worker-0", "gpuwd-worker-1", "gpuwd-worker-2"]
    assert set(table["state"]) == {"✓ ready"}
    price = stage.kit.account.pods[table["id"][0]].price
    assert table["hourly"].tolist() == [price] * 4
    assert f"An hour: ${4 * price:.2f}" in text
    assert "Returned in: 6 h" in text
    assert f"Spent: ${4 * price * (2 - 40 / 3600):.2f}" in text  # to the last full minute, 40 s ago
    assert "Idle money: n/a" in text  # no Slurm is read: not known, not zero


def test_a_pod_that_is_dead_on_arrival_is_named(open_page, stage):
    stage.kit.up(workers=1)
    worker = next(pod for pod in stage.kit.account.pods.values() if pod.name == "gpuwd-worker-0" and not pod.gone)
    worker.fate = replace(worker.fate, dead_on_arrival=True)
    stage.pass_hours(0.2)
    stage.look()
    page = open_page("infrastructure", runtime=stage.runtime)

    assert "look at gpuwd\\-worker\\-0" in words(page)
    assert pods(page)["state"].tolist() == ["✓ ready", "✕ dead: no network"]


def test_when_the_api_is_down_one_card_says_so_and_what_was_seen_stays(open_page, stage):
    stage.kit.up(workers=1)
    stage.look()
    stage.kit.fake.faults.refuse("GET", "/v2/pods", 503, times=99)
    stage.look()
    page = open_page("infrastructure", runtime=stage.runtime)

    assert "list could not be read" in page.error[0].value
    assert len(page.error) == 1
    assert len(pods(page)) == 2
    assert "billed all the same" in words(page)


def test_who_may_only_look_can_neither_extend_nor_tear_down(open_page, stage, monkeypatch):
    stage.kit.up(workers=1)
    stage.look()
    monkeypatch.setattr("watchdog.ui.who.person", lambda: Person("eve", Role.VIEWER, signed_in=True))
    page = open_page("infrastructure", runtime=stage.runtime)

    buttons = {button.label: button for button in page.button}
    assert buttons["Extend"].disabled
    assert buttons["Tear down"].disabled


def test_an_app_that_only_reads_the_record_shows_the_pods_and_says_what_to_run_instead(open_page, stage, tmp_path):
    stage.kit.up(workers=1)
    office = stage.kit.office
    chosen = replace(office.settings, record=office.journal.path, state=tmp_path / "app", direct=False)
    around = Around(Work, stage.runtime.history, lambda *_: None)
    stage.runtime.rental = Rental(chosen, office.clock, Config(source="demo"), around, replace(office, settings=chosen))
    stage.kit.strange_pod("gpuwd-worker-9", marker=stage.kit.owner())
    stage.look()
    page = open_page("infrastructure", runtime=stage.runtime)
    buttons = {button.label: button for button in page.button}

    assert list(pods(page)["pod"]) == ["gpuwd-head", "gpuwd-worker-0", "gpuwd-worker-9"]
    assert "make teardown" in words(page)
    acts = [label for label in buttons if label.startswith(("Extend", "Tear down", "Return"))]
    assert len(acts) == 3
    assert [label for label in acts if not buttons[label].disabled] == []
    assert "make teardown" in buttons["Tear down"].help


def test_a_teardown_is_confirmed_by_the_name_returns_all_and_is_kept(open_page, stage):
    stage.kit.up(workers=1)
    stage.look()
    page = press(open_page("infrastructure", runtime=stage.runtime), "Tear down")
    assert "with all that is on their disks" in words(page)
    assert next(b for b in page.button if b.label == "Return 2 pods").disabled

    page.text_input(key="infra.confirm").input("gpuwd").run()
    page = press(page, "Return 2 pods")
    stage.rental.deeds.join(30)

    assert stage.kit.billed() == {}
    assert [(e.by, e.act, e.subject) for e in stage.runtime.audit.kept] == [("local", "tear down", "cluster gpuwd")]
    stage.look()
    page = page.run()
    assert "Nothing of cluster gpuwd is on the bill" in page.success[0].value.replace("\\", "")
    assert "Nothing is rented here" in words(page)


def test_an_idle_cluster_is_warned_of_with_what_will_happen_and_one_click_keeps_it(open_page, tmp_path):
    now = Work()
    config = {"guard_action": "workers", "guard_idle_minutes": 10.0, "guard_notice_minutes": 5.0}
    with stage_at(tmp_path, work=lambda: now, config=config) as stage:
        stage.kit.up(workers=1)
        seen = slurm(nodes=("gpuwd-head", "gpuwd-worker-0")).slurm

        def idle(minutes):
            nonlocal now
            for _ in range(minutes):
                now = Work(SlurmView(seen.jobs, seen.job_gpus, seen.nodes, taken_at=stage.runtime.clock.now()))
                stage.look()
                stage.pass_hours(1 / 60)

        idle(12)
        page = open_page("infrastructure", runtime=stage.runtime)
        text = words(page).replace("\u00a0", " ")
        acts_at = stage.rental.guard.watches["gpuwd"].acts_at
        assert "has been idle for 12 min" in text
        assert f"At {acts_at:%H:%M} UTC it will return the workers, with all that is on their disks" in text
        (warned,) = watched(stage.rental, stage.runtime.clock.now()).clusters
        assert (warned.acts_at, warned.plan) == (acts_at, WORDS[Action.WORKERS])
        assert stage.runtime.clock.now() - warned.idle_since == timedelta(minutes=12)

        press(page, "Keep it for 4 hours")
        idle(10)
        assert stage.rental.guard.watches["gpuwd"].phase is Phase.WATCHING
        assert watched(stage.rental, stage.runtime.clock.now()).clusters[0].idle_since is None
        assert len(stage.kit.billed()) == 2
        assert [(e.by, e.act) for e in stage.runtime.audit.kept] == [("local", "keep idle cluster")]


def test_a_longer_stay_says_what_it_costs_and_every_pod_hears_of_it(open_page, tmp_path):
    gateways = Gateways()
    proxy = f"http://127.0.0.1:{gateways.server_port}/{{pod}}/{{port}}"
    with stage_at(tmp_path, proxy=proxy) as stage:
        tokens.make(stage.kit.office.settings.state / "gpuwd", "")
        stage.kit.up(workers=1, gpus=("A100 PCIe",), max_total=30.0)
        before = stage.kit.book().clusters["gpuwd"].deadline_at
        stage.look()
        page = press(open_page("infrastructure", runtime=stage.runtime), "Extend")
        until = before + timedelta(hours=4)
        assert f"2 pods stay until **{until:%Y-%m-%d %H:%M} UTC**" in words(page)
        assert "$14.32 more, at" in words(page).replace("\\", "")  # 4 h x 2 x 1.79
        assert "passed its budget: $" in words(page).replace("\\", "")  # 12 h x 3.58 = 43

        press(page, f"Stay until {until:%H:%M} UTC")
        stage.rental.deeds.join(30)
        assert [float(body) for _, _, body in gateways.heard] == [until.timestamp()] * 2
        assert stage.kit.book().clusters["gpuwd"].deadline_at == until
        assert [(e.by, e.act) for e in stage.runtime.audit.kept] == [("local", "extend")]
    gateways.shutdown()
    gateways.server_close()


def test_a_cluster_over_its_budget_is_told_of_once_and_shown_as_long_as_it_lasts(open_page, stage):
    stage.kit.up(workers=0, gpus=("A100 PCIe",), hours=1, max_total=2.0)
    stage.look()
    assert stage.runtime.told == []
    stage.pass_hours(2)
    stage.look()
    stage.look()
    assert [(act, name) for act, name, _ in stage.runtime.told] == [("warn: over budget", "gpuwd")]
    found = watched(stage.rental, stage.runtime.clock.now())
    assert "above --max-total" in found.clusters[0].overrun
    assert [(pod.name, pod.fault[:23]) for pod in found.astray] == [("gpuwd-head", "was to be returned by 2")]
    page = open_page("infrastructure", runtime=stage.runtime)
    assert "so far is above --max-total $2.00" in words(page).replace("\\", "")


def test_a_record_that_cannot_be_read_is_told_and_nothing_is_judged_without_it(open_page, stage):
    stage.kit.up(workers=1)
    stage.look()
    journal = stage.kit.office.journal.path
    kept = journal.rename(journal.with_suffix(".kept"))
    journal.mkdir()
    stage.look()
    page = open_page("infrastructure", runtime=stage.runtime)
    assert [error.value for error in page.error if "cannot read" in error.value.lower()] == [
        e.value for e in page.error
    ]
    assert len(page.error) == 2  # of what is rented, and of who did what
    assert len(pods(page)) == 2
    journal.rmdir()
    kept.rename(journal)
    stage.look()
    assert not page.run().error


@pytest.mark.parametrize("fault", [ZeroDivisionError("boom fake-key"), OSError(30, "Read-only file system")])
def test_a_fault_in_the_middle_of_a_deed_ends_it_with_a_word(open_page, stage, fault, caplog):
    def action(office):
        raise fault

    stage.rental.deeds.start("tear down gpuwd", "ada", action)
    stage.rental.deeds.join(10)
    page = open_page("infrastructure", runtime=stage.runtime)
    assert "a fault of the driver" in page.error[0].value
    assert "reconcile" in page.error[0].value
    assert str(fault).replace("fake-key", "***") in caplog.text
    stage.rental.deeds.start("again", "ada", lambda office: "done")


def test_pods_of_nobody_are_named(open_page, stage):
    stage.kit.up(workers=0)
    stage.kit.strange_pod("gpuwd-worker-7", marker=stage.kit.owner())
    stage.kit.strange_pod("other-head", marker="gpu-watchdog:somebody")
    stage.look()
    page = open_page("infrastructure", runtime=stage.runtime)

    (astray,) = watched(stage.rental, stage.runtime.clock.now()).astray
    assert (astray.name, astray.usd_per_hour > 0) == ("gpuwd-worker-7", True)
    text = words(page).replace("\\", "")
    assert "**unrecorded, unheld**: rented for this cluster" in text
    assert "gpuwd-worker-7 (" in text
    assert "**foreign**: rented by another GPU Watchdog" in text
    assert [b.label for b in page.button if b.label.startswith("Return")] == ["Return gpuwd\\-worker\\-7"]
