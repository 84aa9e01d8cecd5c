"""Alerts as a person meets them: a real server on the demo cluster, a real browser."""

from __future__ import annotations

import re
import time
import urllib.request

import pytest

from tests.browser.conftest import settle, width_of

pytestmark = pytest.mark.browser

TABS = ("active", "history", "rules", "silences", "channels")


@pytest.fixture(scope="module", autouse=True)
def _judged(server):
    """While the past is looked at, worse ones still come on top."""
    deadline = time.monotonic() + 120
    while time.time() - told(server, "watchdog_alert_evaluated_timestamp_seconds") > 30:
        assert time.monotonic() < deadline, "alerts are not judged"
        time.sleep(0.5)
    assert told(server, "watchdog_alerts_firing"), "the demo cluster has no alert"


def told(server: str, family: str) -> float:
    """What the server's own metrics say, the sum over labels; 0 where they say nothing."""
    with urllib.request.urlopen(f"{server}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if re.match(rf"{family}[ {{]", line))


def open_alerts(open_tab, parameters: str = "", **more):
    """The alerts page, with its incidents."""
    tab = open_tab(f"/alerts{parameters}", **more)
    tab.get_by_text(re.compile(r"Active.*\d")).first.wait_for()
    return tab


def press(scope, label: str) -> None:
    scope.get_by_role("button", name=label, exact=True).first.click()


def parts(tab):
    """Each part of the page in turn."""
    for place in TABS:
        tab.get_by_role("radio", name=re.compile(place, re.IGNORECASE)).click()
        if place != TABS[0]:
            tab.wait_for_url(re.compile(f"tab={place}"))
        settle(tab)
        yield place


def incidents(tab):
    return tab.locator('[class*="st-key-incident-"]')


def test_on_a_phone_nothing_is_wider_than_the_screen(open_tab):
    tab = open_alerts(open_tab, width=400)

    assert {place: width_of(tab) for place in parts(tab)} == dict.fromkeys(TABS, 400)


def test_acknowledging_keeps_what_is_half_typed_through_refreshes_and_moves_the_incident(open_tab):
    tab = open_alerts(open_tab, "?refresh=5s")
    title = incidents(tab).first.locator("strong").nth(1).inner_text()
    press(incidents(tab).first, "Ack")
    dialog = tab.get_by_role("dialog")
    dialog.get_by_label("Your name").fill("Ann")
    note = dialog.get_by_label("Note")
    note.press_sequentially("half a thou")
    tab.wait_for_timeout(7_000)
    assert note.input_value() == "half a thou"
    press(dialog, "Acknowledge")
    tab.get_by_text("Ann has it since").first.wait_for()

    taken = incidents(tab).filter(has_text="Ann has it since").first
    assert title in taken.inner_text()
    assert "half a thou" in taken.inner_text()
    assert dialog.count() == 0
    assert tab.problems == []


def test_silencing_an_incident_mutes_it_until_the_silence_is_ended(open_tab):
    tab = open_alerts(open_tab, "?refresh=off")
    free = incidents(tab).filter(has_not_text="has it since").last
    press(free, "Silence")
    dialog = tab.get_by_role("dialog")
    dialog.get_by_label("Your name").wait_for()
    settle(tab)
    assert dialog.get_by_role("textbox", name="Rules").input_value() != ""
    dialog.get_by_label("Your name").fill("Bo")
    dialog.get_by_label("Note").fill("new fan")
    press(dialog, "Silence")
    tab.get_by_text(re.compile("silenced by Bo until")).first.wait_for()

    tab.get_by_role("radio", name="Silences").click()
    tab.get_by_text("new fan").first.wait_for()
    press(tab, "End now")
    press(tab.get_by_role("dialog"), "End it")
    tab.get_by_text("Nothing is silenced.").wait_for()
    assert tab.problems == []


def test_a_rule_is_edited_with_a_preview_of_the_past_and_saved(open_tab):
    tab = open_alerts(open_tab, "?tab=rules&rule=gpu-temperature-high&refresh=5s")
    form = tab.locator('[data-testid="stMain"]')
    level = form.get_by_label("Threshold, °C")
    level.fill("50")
    level.press("Tab")
    form.get_by_label("Clears at, °C").fill("99")
    form.get_by_label("Clears at, °C").press("Tab")
    settle(tab)
    press(form, "Preview")
    tab.get_by_text(re.compile("it would end while it still holds")).wait_for()

    form.get_by_label("Clears at, °C").fill("45")
    form.get_by_label("Clears at, °C").press("Tab")
    settle(tab)
    press(form, "Preview")
    tab.get_by_text(re.compile(r"It would have fired .* in 7.d")).wait_for()
    settle(tab)
    assert tab.locator('[data-testid="stVegaLiteChart"]').count() == 1

    press(form, "Save")
    tab.get_by_text("No name is given").wait_for()
    form.get_by_label("Your name").fill("Ann")
    form.get_by_label("Your name").press("Tab")
    settle(tab)
    press(form, "Save")
    tab.wait_for_function("!location.search.includes('rule=')")
    again = open_tab("/alerts?tab=rules&rule=gpu-temperature-high&refresh=off")
    assert again.get_by_label("Threshold, °C").input_value() == "50"
    assert again.get_by_role("button", name="Reset to what ships").is_visible()
    assert tab.problems == again.problems == []


def test_half_typed_words_in_the_form_of_a_rule_survive_refreshes(open_tab):
    tab = open_alerts(open_tab, "?tab=rules&rule=fan-full-speed&refresh=5s")
    field = tab.get_by_label("Note")
    field.click()
    field.press("End")
    field.press_sequentially(" and dus")
    tab.wait_for_timeout(7_000)

    assert field.input_value().endswith(" and dus")
    assert field.evaluate("element => element === document.activeElement")


def test_an_opened_incident_stands_in_the_address_and_survives_a_reload(open_tab):
    tab = open_alerts(open_tab, "?refresh=off")
    press(incidents(tab).first, "Details")
    tab.wait_for_url(re.compile("incident="))
    tab.reload()
    settle(tab)

    assert tab.get_by_text("Judged by").is_visible()
    assert tab.locator('[data-testid="stDataFrame"]').first.is_visible()


def test_the_overview_leads_with_what_needs_somebody_and_remembers_the_visit(open_tab):
    open_alerts(open_tab)
    tab = open_tab("/?refresh=off")
    box = tab.get_by_text("Needs you now", exact=True).bounding_box()
    assert box["y"] + box["height"] <= 900
    assert tab.get_by_test_id("stSidebarNav").get_by_text(re.compile(r"^Alerts \(.*\d .*\)$")).is_visible()
    assert re.fullmatch(r"\d+\.\d+", next(c["value"] for c in tab.context.cookies() if c["name"] == "watchdog_visit"))

    link = tab.locator('[data-testid="stPageLink"] a[href*="incident="]').first
    link.click()
    tab.wait_for_url(re.compile(r"/alerts\?.*incident="))
    settle(tab)
    assert tab.get_by_text("Judged by").is_visible()
    assert tab.problems == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_part_opens_accessible_without_a_console_error_or_a_foreign_request(open_tab, theme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    tab = open_alerts(open_tab, "?refresh=off&window=3h", theme=theme)
    for _ in parts(tab):
        assert tab.locator("h1").inner_text() == "Alerts"
        assert tab.locator('[data-testid="stException"]').count() == 0
        assert _violations(axe, tab) == set()
    assert tab.problems == []
    next(parts(tab))
    press(incidents(tab).filter(has_not_text="has it since").first, "Silence")
    tab.get_by_role("dialog").wait_for()
    tab.wait_for_timeout(700)
    assert _violations(axe, tab) == set()


def _violations(axe, tab) -> set[str]:
    """`list` and `listitem` are in Streamlit's own navigation."""
    found = axe.Axe().run(tab).response["violations"]
    return {
        f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found if each["id"] not in {"list", "listitem"}
    }
