"""The pages as a person sees them: a real server, a real browser."""

from __future__ import annotations

import re

import pytest

from tests.browser.conftest import on_a_phone, settle, width_of

pytestmark = pytest.mark.browser

PAGES = {"/": "Overview", "/gpus": "GPUs", "/data_health": "Data health"}


def chosen_window(tab) -> str:
    box = tab.get_by_test_id("stSelectbox").filter(has_text="Window of charts")
    shown = box.evaluate("e => [e.innerText, ...[...e.querySelectorAll('input')].map(i => i.value)].join(' ')")
    return " ".join(shown.split())


@pytest.mark.parametrize(("path", "theme"), [("/", "dark"), ("/gpus", "light"), ("/data_health", "dark")])
def test_every_page_opens_without_a_console_error_or_a_foreign_request_and_fits_a_phone(open_tab, path, theme):
    tab = open_tab(path, theme)

    assert tab.locator("h1").inner_text() == PAGES[path]
    assert tab.get_by_text("demo data").is_visible()
    assert tab.locator('[data-testid="stAlertContentError"], [data-testid="stException"]').count() == 0
    assert tab.problems == []
    assert width_of(on_a_phone(tab)) <= 400


def test_the_overview_has_its_verdict_on_the_first_screen_and_charts_for_those_who_do_not_see_them(open_tab):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    tab = open_tab("/")

    # Until alerts are judged, what the readings alone say stands in their place.
    for label in (re.compile("^GPUs seen$"), re.compile("^(Needs you now|Needs a look)$")):
        box = tab.get_by_text(label).first.bounding_box()
        assert box["y"] + box["height"] <= 900
    found = axe.Axe().run(tab).response["violations"]
    # `list` and `listitem` are in Streamlit's own navigation.
    assert {violation["id"] for violation in found} - {"list", "listitem"} == set()


def test_a_click_on_a_cell_opens_its_gpu(open_tab):
    tab = open_tab("/")
    chart = tab.locator('[data-testid="stVegaLiteChart"]').first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    # The first row's cells stand right of the node's name, below the legends.
    tab.mouse.click(box["x"] + box["width"] * 0.3, box["y"] + 84)
    tab.wait_for_url(re.compile(r"/gpus\?.*gpu=GPU-"))
    settle(tab)

    assert "node=" in tab.url
    assert tab.get_by_text("All readings", exact=True).is_visible()


def test_the_filters_in_the_address_survive_a_reload_and_the_way_to_another_page(open_tab):
    tab = open_tab("/gpus?window=6h&refresh=off")
    tab.reload()
    settle(tab)
    assert "last 6 hours" in chosen_window(tab)

    tab.get_by_test_id("stSidebarNav").get_by_text("Overview").click()
    tab.wait_for_url(re.compile("window=6h"))
    settle(tab)
    assert "refresh=off" in tab.url
    assert "last 6 hours" in chosen_window(tab)


def test_a_deep_link_opened_first_has_its_filters_and_mark(open_tab):
    tab = open_tab("/gpus?window=15m")

    assert "last 15 minutes" in chosen_window(tab)
    assert tab.get_by_text("demo data").is_visible()


def test_half_typed_text_and_the_scroll_position_survive_live_refreshes(open_tab):
    tab = open_tab("/gpus?refresh=5s")
    field = tab.get_by_role("combobox", name="GPUs to compare")
    field.scroll_into_view_if_needed()
    field.click()
    field.press_sequentially("gpu0")
    main = tab.locator('[data-testid="stMain"]')
    before = main.evaluate("element => element.scrollTop")
    age = tab.get_by_text(re.compile(r"^as of ")).first.inner_text()
    tab.wait_for_function("age => !document.body.innerText.includes(age)", arg=age)
    tab.wait_for_timeout(500)

    assert field.input_value() == "gpu0"
    assert field.evaluate("element => element === document.activeElement")
    assert abs(main.evaluate("element => element.scrollTop") - before) < 3


def test_dragging_across_a_chart_zooms_the_whole_page(open_tab):
    tab = open_tab("/gpus?refresh=off")
    chart = tab.locator('[data-testid="stVegaLiteChart"]').nth(1)
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    y = box["y"] + box["height"] / 2
    tab.mouse.move(box["x"] + box["width"] * 0.5, y)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] * 0.8, y, steps=8)
    tab.mouse.up()
    tab.wait_for_url(re.compile(r"since=.*until="))
    settle(tab)

    assert tab.get_by_text("From, UTC").is_visible()
    assert tab.problems == []


def test_the_keyboard_reaches_navigation_filters_and_links(open_tab):
    tab = open_tab("/")
    reached = set()
    for _ in range(40):
        tab.keyboard.press("Tab")
        # One choice of a group is a stop, and arrow keys go on from there.
        reached.add(
            tab.evaluate(
                """() => {
                    const here = document.activeElement;
                    const whole = here.closest('[role="radiogroup"]') || here;
                    return here === document.body ? '' : whole.innerText || here.getAttribute('aria-label');
                }"""
            )
        )

    words = " ".join(str(word) for word in reached)
    assert "GPUs" in words
    assert "Past" in words
    assert "GPU" in words
