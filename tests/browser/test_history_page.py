"""A notebook as a person meets it: written, run, kept through a reload, shared and taken away."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.browser.conftest import settle

pytestmark = pytest.mark.browser
HOURS = """SELECT TIMESTAMP '2026-03-01' + INTERVAL 1 HOUR * range AS bucket_at, range AS power_watts
FROM range(300)"""


def cell(tab, cell_id: str):
    return tab.locator(f'[class*="st-key-cell-{cell_id}"]').first


def typed(tab, cell_id: str, text: str) -> None:
    """In place of what was there."""
    editor = cell(tab, cell_id).locator("textarea")
    editor.click()
    tab.keyboard.press("Control+A")
    tab.keyboard.insert_text(text)


def download(tab, label: str) -> str:
    with tab.expect_download() as started:
        tab.get_by_role("button", name=label, exact=True).click()
    return Path(started.value.path()).read_text(encoding="utf-8")


def write_with_completion(tab) -> None:
    """A question whose names are taken from what the editor offers."""
    typed(tab, "c2", "SELECT bucket_at, node, avg AS power_watts\nFROM gpu_samples_1")
    words = cell(tab, "c2").get_by_role("option")
    words.first.wait_for()
    assert "gpu_samples_1m" in words.first.inner_text()
    tab.keyboard.press("Tab")
    tab.keyboard.type(" AS s\nWHERE s.metr", delay=5)
    tab.keyboard.press("Tab")
    tab.keyboard.type(" = 'power_watts' AND bucket_at >= $since LIMIT 300", delay=5)
    text = cell(tab, "c2").locator("textarea").input_value()
    assert "FROM gpu_samples_1m AS s\nWHERE s.metric = 'power_watts'" in text


def make_a_mistake(tab) -> None:
    """The engine's words are told, and the line is marked."""
    typed(tab, "c2", "SELECT 1 AS x\nFROM nothing_there")
    tab.keyboard.press("Control+Enter")
    cell(tab, "c2").get_by_text("there is no table nothing_there").wait_for()
    assert cell(tab, "c2").locator(".wrong").inner_text().strip() == "FROM nothing_there"


def check_accessible(tab, width: int) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    found = axe.Axe().run(tab).response["violations"]
    wrong = {f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found}
    # Two of Streamlit's own navigation.
    assert {each for each in wrong if not each.startswith(("list:", "listitem:"))} == set()
    assert tab.locator('[data-testid="stMain"]').evaluate("element => element.scrollWidth") <= width


def run(tab) -> None:
    """What the caret is in; its chart and table come."""
    tab.keyboard.press("Control+Enter")
    cell(tab, "c2").get_by_text("300 rows, 2 columns in").wait_for()
    cell(tab, "c2").locator('[data-testid="stVegaLiteChart"]').wait_for()
    cell(tab, "c2").locator('[data-testid="stDataFrame"]').wait_for()


def shared_link(tab) -> str:
    tab.get_by_role("button", name="Share").click()
    tab.get_by_role("radio", name="Read by link").click()
    link = tab.get_by_test_id("stPopoverBody").get_by_test_id("stCode").inner_text().strip()
    tab.keyboard.press("Escape")
    assert re.search(r"/history\?shared=\S{20,}$", link)
    return link[link.index("/history") :]


def test_a_question_is_written_run_kept_shared_and_taken_away(open_tab):
    tab = open_tab("/history?refresh=off", theme="dark")
    cell(tab, "c2").locator("textarea").wait_for()
    write_with_completion(tab)
    make_a_mistake(tab)
    typed(tab, "c2", HOURS)
    run(tab)

    # The text is kept in the store, the answer for this browser.
    tab.wait_for_url(re.compile("notebook="))
    tab.reload()
    settle(tab)
    assert cell(tab, "c2").locator("textarea").input_value() == HOURS
    cell(tab, "c2").get_by_text("300 rows, 2 columns in").wait_for()
    check_accessible(tab, 1440)

    # Nothing but a pause: what is typed is saved.
    typed(tab, "c2", f"{HOURS} -- kept")
    cell(tab, "c2").get_by_text("changed since it ran").wait_for()
    other = open_tab(shared_link(tab), theme="light", width=400)
    assert cell(other, "c2").locator("textarea").input_value() == f"{HOURS} -- kept"
    cell(other, "c2").locator("textarea").click()
    run(other)
    check_accessible(other, 400)

    tab.get_by_role("button", name="Files").click()
    assert "-- kept" in download(tab, "SQL file")
    assert "<h1>My first notebook</h1>" in download(tab, "Report as HTML")
    tab.keyboard.press("Escape")
    tab.get_by_role("button", name="Events").click()
    settle(tab)
    tab.get_by_role("button", name="Write a note").click()
    tab.get_by_role("dialog").get_by_role("button", name="Keep").wait_for()
    tab.get_by_test_id("stPopoverBody").wait_for(state="detached")
    assert tab.problems == other.problems == []
