"""The assistant as a person meets it: a real server, a real browser, and a model that streams as vLLM does."""

from __future__ import annotations

import re

import pytest

from tests.browser.conftest import serving, settle
from tests.fake_vllm import FakeVllm, calls, error, says

pytestmark = pytest.mark.browser

SLOW = " ".join(f"word{number}" for number in range(4_000))
QUICK = (
    "**All nodes** report [2]; it drew 98765 W.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
    "![pixel](http://evil.example/p.png) [here](http://evil.example) <img src=http://evil.example/q.png>"
)

REMOTE_IMAGE = """() => new Promise((done) => {
    document.addEventListener("securitypolicyviolation", (event) => done(event.effectiveDirective));
    const image = new Image();
    image.onload = () => done("loaded");
    image.src = "http://evil.example/p.png";
    document.body.append(image);
})"""


def model(body):
    """Looks once, then streams: slowly, or quickly, or not at all, as the question asks."""
    place = max(number for number, each in enumerate(body["messages"]) if each["role"] == "user")
    question = body["messages"][place]["content"].rpartition("Question:")[2]
    if "model is down" in question:
        return error(503, "no")
    if not any(each["role"] == "tool" for each in body["messages"][place:]):
        return calls(("cluster_overview", {}), reasoning="I should look.")
    return says(SLOW, every=0.03, size=12) if "slowly" in question else says(QUICK)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with (
        FakeVllm(model) as fake,
        serving(tmp_path_factory.mktemp("assistant"), assistant_base_url=fake.base_url, assistant_model="tiny") as base,
    ):
        yield base


def ask(tab, text):
    box = tab.get_by_test_id("stChatInputTextArea")
    box.fill(text)
    box.press("Enter")


def said(tab):
    return tab.get_by_test_id("stChatMessage").last.inner_text()


def words_of(tab):
    return [int(number) for number in re.findall(r"word(\d+)", said(tab))]


def wait_for_words(tab, least):
    tab.wait_for_function(
        'least => (document.querySelector(\'[data-testid="stMain"], [data-testid="stAppViewContainer"]\').innerText'
        ".match(/word\\d+/g) || []).length > least",
        arg=least,
    )
    return len(words_of(tab))


def test_an_answer_streams_through_navigation_and_reload_until_it_is_stopped(open_tab):
    tab = open_tab("/assistant")
    tab.get_by_text("Answers by tiny; if it fails, by rules.").wait_for()
    ask(tab, "tell me slowly")
    first = wait_for_words(tab, 3)
    assert "cluster overview" in said(tab)
    second = wait_for_words(tab, first + 5)

    box = tab.get_by_test_id("stChatInputTextArea")
    box.press_sequentially("half a thou")
    third = wait_for_words(tab, second + 10)
    assert box.input_value() == "half a thou"

    tab.get_by_test_id("stSidebarNav").get_by_text("Data health").click()
    tab.get_by_role("heading", name="Data health").wait_for()
    tab.get_by_test_id("stSidebarNav").get_by_text("Assistant").click()
    fourth = wait_for_words(tab, third + 5)

    tab.reload()
    fifth = wait_for_words(tab, fourth + 5)
    tab.get_by_role("button", name="Stop").click()
    tab.get_by_text("stopped", exact=False).wait_for()
    # The last word may be cut in its midst.
    *whole, _ = words_of(tab)
    assert len(whole) >= fifth - 1
    assert whole == list(range(len(whole)))
    assert tab.get_by_role("button", name="Stop").count() == 0
    assert tab.problems == []


def test_an_answer_fetches_nothing_and_its_evidence_opens_at_a_click(open_tab):
    tab = open_tab("/assistant")
    ask(tab, "Which GPUs need attention?")
    tab.get_by_text(re.compile("answered by tiny")).wait_for()
    settle(tab)
    message = tab.get_by_test_id("stChatMessage").last
    assert "(image removed)" in message.inner_text()
    assert message.locator("img").count() == 0
    assert message.locator("table").count() == 1
    assert message.locator('a:not([href^="#evidence-"])').count() == 0
    assert re.search(r"98765 W\s*\?", message.inner_text())
    assert "rests on nothing that was read" in message.inner_text()

    message.locator('a[href^="#evidence-"]').first.click()
    dialog = tab.get_by_role("dialog")
    dialog.get_by_text("Query, to be asked again by hand").wait_for()
    link = dialog.get_by_test_id("stPageLink").locator("a")
    assert re.search("(at|since)=20", link.get_attribute("href"))
    link.click()
    tab.wait_for_url(re.compile(r"[?&](at|since)=20"))
    settle(tab)
    assert tab.locator("h1").inner_text() != "Assistant"
    assert tab.problems == []
    # Were an image to come through, the policy behind it would stop it.
    assert tab.evaluate(REMOTE_IMAGE) == "img-src"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_rules_take_over_from_a_model_that_is_down_and_the_page_is_readable_by_all_and_on_a_phone(open_tab, theme):
    tab = open_tab("/assistant", theme=theme)
    ask(tab, "the model is down: which GPUs need attention?")
    tab.get_by_text(re.compile("answered by")).wait_for()
    settle(tab)
    assert "comes from the built-in rules" in said(tab)
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    found = axe.Axe().run(tab).response["violations"]
    assert {
        each["id"]: each["nodes"][0]["html"][:200] for each in found if each["id"] not in {"list", "listitem"}
    } == {}

    tab.set_viewport_size({"width": 400, "height": 900})
    settle(tab)
    pane = tab.locator('[data-testid="stAppScrollToBottomContainer"]')
    assert pane.evaluate("element => element.scrollWidth") <= 400
    assert tab.problems == []


def test_a_question_typed_on_the_overview_is_answered_on_the_assistants_page(open_tab):
    tab = open_tab("/?refresh=off")
    box = tab.get_by_test_id("stChatInputTextArea")
    box.scroll_into_view_if_needed()
    ask(tab, "Which GPUs need attention?")
    tab.wait_for_url(re.compile("/assistant.*chat="))
    tab.get_by_text(re.compile("answered by tiny")).wait_for()
    assert tab.problems == []
