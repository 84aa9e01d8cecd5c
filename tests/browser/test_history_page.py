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
    tab.keyboard.type(text, delay=5)


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


def test_a_question_is_written_with_completion_run_drawn_and_there_after_a_reload(open_tab):
    tab = open_tab("/history?refresh=off")
    cell(tab, "c2").locator("textarea").wait_for()
    write_with_completion(tab)
    typed(tab, "c2", HOURS)
    tab.keyboard.press("Control+Enter")
    cell(tab, "c2").get_by_text("300 rows, 2 columns in").wait_for()
    cell(tab, "c2").locator('[data-testid="stVegaLiteChart"]').wait_for()
    cell(tab, "c2").locator('[data-testid="stDataFrame"]').wait_for()

    tab.wait_for_url(re.compile("notebook="))
    tab.reload()
    settle(tab)
    # The text is kept in the store, the answer for this browser.
    assert cell(tab, "c2").locator("textarea").input_value() == HOURS
    cell(tab, "c2").get_by_text("300 rows, 2 columns in").wait_for()
    assert tab.problems == []


def test_a_wrong_line_is_marked_a_link_opens_the_text_and_files_hold_it(open_tab):
    tab = open_tab("/history?refresh=off")
    cell(tab, "c2").locator("textarea").wait_for()
    typed(tab, "c2", "SELECT 1 AS x\nFROM nothing_there")
    tab.keyboard.press("Control+Enter")
    cell(tab, "c2").get_by_text("there is no table nothing_there").wait_for()
    assert cell(tab, "c2").locator(".wrong").inner_text().strip() == "FROM nothing_there"

    # Nothing but a pause: what is typed is saved.
    typed(tab, "c2", "SELECT 42 AS answer")
    tab.wait_for_timeout(1_500)
    tab.get_by_role("button", name="Share").click()
    tab.get_by_role("radio", name="Read by link").click()
    link = tab.get_by_test_id("stPopoverBody").get_by_test_id("stCode").inner_text().strip()
    assert re.search(r"/history\?shared=\S{20,}$", link)
    other = open_tab(link[link.index("/history") :])
    assert cell(other, "c2").locator("textarea").input_value() == "SELECT 42 AS answer"

    tab.keyboard.press("Escape")
    tab.get_by_role("button", name="Files").click()
    assert "SELECT 42 AS answer" in download(tab, "SQL file")
    assert "<h1>My first notebook</h1>" in download(tab, "Report as HTML")
    assert tab.problems == other.problems == []


@pytest.mark.parametrize(("theme", "width"), [("dark", 1440), ("light", 400)])
def test_the_page_is_accessible_and_nothing_is_wider_than_the_screen(open_tab, theme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    tab = open_tab("/history?refresh=off", theme=theme, width=width)
    cell(tab, "c2").locator("textarea").wait_for()
    settle(tab)
    found = axe.Axe().run(tab).response["violations"]
    wrong = {f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found}
    # Two of Streamlit's own navigation.
    assert {each for each in wrong if not each.startswith(("list:", "listitem:"))} == set()
    assert tab.locator('[data-testid="stMain"]').evaluate("element => element.scrollWidth") <= width
    assert tab.problems == []
