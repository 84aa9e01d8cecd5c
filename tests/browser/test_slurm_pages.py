"""The Slurm and job pages as a person sees them: a real server on the demo cluster, a real browser."""

from __future__ import annotations

import re

import pytest

from tests.browser.conftest import on_a_phone, settle, width_of

pytestmark = pytest.mark.browser


def open_queue(open_tab, parameters: str = "", **more):
    """The Slurm page, once Slurm has been read."""
    tab = open_tab(f"/slurm{parameters}", **more)
    if tab.get_by_text("has not been read yet").count():
        tab.wait_for_timeout(6_000)
        tab.reload()
        settle(tab)
    return tab


def a_waiting_job(tab) -> str:
    """The id of the job that waits longest."""
    link = tab.locator('[data-testid="stPageLink"] a').first
    return re.search(r"job (\S+)", link.inner_text()).group(1)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_slurm_page_opens_without_a_console_error_or_a_foreign_request_and_fits_a_phone(open_tab, theme):
    tab = open_queue(open_tab, theme=theme)

    assert tab.locator("h1").inner_text() == "Slurm"
    assert tab.locator('[data-testid="stAlertContentError"], [data-testid="stException"]').count() == 0
    assert tab.locator('[data-testid="stVegaLiteChart"]').count() == 5
    for words in ("Free GPUs", "Largest free block", "Why jobs wait"):
        box = tab.get_by_text(words, exact=True).first.bounding_box()
        assert box["y"] + box["height"] <= 900
    assert tab.problems == []
    assert violations(tab) == set()
    assert width_of(on_a_phone(tab)) <= 400


def test_the_page_of_a_job_asks_for_one_and_fits_a_phone(open_tab):
    tab = open_tab("/job")

    assert violations(tab) == set()
    assert width_of(on_a_phone(tab)) <= 400


def violations(tab) -> set[str]:
    """What axe finds that is ours."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    return {found["id"] for found in axe.Axe().run(tab).response["violations"] if not _not_ours(found)}


def _not_ours(violation: dict) -> bool:
    """`list` and `listitem` are in Streamlit's own navigation; Vega draws a brush as a rectangle without a name."""
    brushes = all("brush_brush" in node["html"] for node in violation["nodes"])
    return violation["id"] in {"list", "listitem"} or (violation["id"] == "svg-img-alt" and brushes)


def test_a_reason_leads_to_the_job_that_waits_longest(open_tab):
    tab = open_queue(open_tab, "?window=6h&refresh=off")
    job = a_waiting_job(tab)
    tab.locator('[data-testid="stPageLink"] a').first.click()
    tab.wait_for_url(re.compile(rf"/job\?.*job={job}"))
    settle(tab)

    assert "window=6h" in tab.url
    assert tab.get_by_text("It waits because").is_visible()
    assert tab.get_by_role("textbox", name="Job id").input_value() == job
    assert tab.problems == []


def test_a_row_of_the_queue_opens_its_job(open_tab):
    tab = open_queue(open_tab, "?refresh=off")
    table = tab.locator('[data-testid="stDataFrame"]').first
    table.scroll_into_view_if_needed()
    box = table.bounding_box()
    tab.mouse.click(box["x"] + 17, box["y"] + 52)
    tab.wait_for_url(re.compile(r"/job\?.*job="))
    settle(tab)

    assert tab.locator("h1").inner_text() == "Job"


def test_a_bar_of_the_timeline_opens_its_job_with_its_charts(open_tab):
    tab = open_queue(open_tab, "?refresh=off")
    chart = tab.locator('[data-testid="stVegaLiteChart"]').last
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    # Rows fill the chart below the legend; somewhere on the right a GPU is held now.
    for row in range(4):
        tab.mouse.click(box["x"] + box["width"] - 24, box["y"] + 64 + row * 40)
        tab.wait_for_timeout(1_200)
        if "/job" in tab.url:
            break
    settle(tab)

    assert "job=" in tab.url
    assert tab.locator('[data-testid="stVegaLiteChart"]').count() == 3
    assert tab.problems == []


def test_dragging_across_the_timeline_zooms_the_page(open_tab):
    tab = open_queue(open_tab, "?refresh=off")
    chart = tab.locator('[data-testid="stVegaLiteChart"]').last
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    y = box["y"] + box["height"] * 0.6
    tab.mouse.move(box["x"] + box["width"] * 0.4, y)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] * 0.8, y, steps=8)
    tab.mouse.up()
    tab.wait_for_url(re.compile(r"since=.*until="))
    settle(tab)

    tab.get_by_text("from history").first.wait_for()


def test_a_half_typed_search_survives_live_refreshes(open_tab):
    tab = open_queue(open_tab, "?refresh=5s")
    field = tab.get_by_role("textbox", name="Search")
    field.scroll_into_view_if_needed()
    field.click()
    field.press_sequentially("swee")
    tab.wait_for_timeout(7_000)

    assert field.input_value() == "swee"
    assert field.evaluate("element => element === document.activeElement")


def test_a_filtered_queue_can_be_sent_on_and_survives_a_reload(open_tab):
    tab = open_queue(open_tab, "?refresh=off")
    tab.get_by_test_id("stMain").get_by_role("radio", name=re.compile("pending")).click()
    tab.wait_for_url(re.compile("show=pending"))
    field = tab.get_by_role("textbox", name="Search")
    field.fill("no such job")
    field.press("Enter")
    tab.wait_for_url(re.compile("search=no"))
    tab.reload()
    settle(tab)

    assert tab.get_by_role("textbox", name="Search").input_value() == "no such job"
    assert tab.get_by_text("No job matches these filters.").is_visible()
    sent = open_tab(tab.url.split("/", 3)[-1].join(["/", ""]))
    assert sent.get_by_text("No job matches these filters.").is_visible()
    assert tab.problems == sent.problems == []
