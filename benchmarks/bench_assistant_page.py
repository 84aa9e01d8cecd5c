"""How long after a model's word has arrived does a browser show it, and how soon does Stop stop?

python -m benchmarks.bench_assistant_page
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.conftest import serving, settle
from tests.conftest import CHROMIUM
from tests.fake_vllm import DONE, STREAM_HEAD, FakeVllm, Reply, Wait, event

WORDS, EVERY = 120, 0.11
_WATCH = """() => {
    window.seen = {};
    new MutationObserver(() => {
        const now = Date.now() / 1000;
        for (const word of document.body.innerText.match(/word\\d+/g) || []) window.seen[word] ??= now;
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""


def main() -> None:
    """Print how late words are shown, and how soon an answer stops."""
    sent: dict[str, float] = {}
    data = Path(tempfile.mkdtemp())
    with (
        FakeVllm(Reply(STREAM_HEAD, lambda: _words(sent))) as fake,
        serving(data, assistant_base_url=fake.base_url) as base,
        sync_playwright() as started,
    ):
        browser = started.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page()
        tab.goto(f"{base}/assistant")
        settle(tab)
        _lateness(tab, sent)
        settle(tab)
        tab.wait_for_timeout(2_000)
        _stopping(tab)
        browser.close()


def _words(sent):
    yield event({"role": "assistant", "content": ""})
    for number in range(WORDS):
        sent[f"word{number}"] = time.time()
        yield event({"content": f"word{number} "})
        yield Wait(EVERY)
    yield from (event({}, "stop"), DONE)


def _lateness(tab, sent) -> None:
    tab.evaluate(_WATCH)
    _ask(tab)
    tab.wait_for_function(f"window.seen.word{WORDS - 1}", timeout=120_000)
    seen = tab.evaluate("window.seen")
    late = sorted(seen[word] - at for word, at in sent.items())
    print(f"first word shown after {(seen['word0'] - sent['word0']) * 1e3:.0f} ms")
    print(f"a word: p50 {statistics.median(late) * 1e3:.0f} ms, p95 {late[int(0.95 * len(late))] * 1e3:.0f} ms")


def _stopping(tab) -> None:
    _ask(tab)
    stop = tab.get_by_role("button", name="Stop")
    stop.wait_for()
    tab.wait_for_timeout(3_000)
    began = time.perf_counter()
    stop.click()
    tab.get_by_text("stopped").wait_for()
    print(f"stopped after {(time.perf_counter() - began) * 1e3:.0f} ms")


def _ask(tab) -> None:
    box = tab.get_by_test_id("stChatInputTextArea")
    box.fill("Tell me something.")
    box.press("Enter")


if __name__ == "__main__":
    main()
