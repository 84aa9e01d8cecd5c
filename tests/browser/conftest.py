"""A real server on the demo cluster, and Chromium."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT

# Streamlit asks for two files relative to a page's own path before it finds them at the root.
_STREAMLITS_OWN = ("/_stcore/health", "/_stcore/host-config")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(data: Path, **more: str):
    """Base URL of `python -m watchdog serve` on a small demo cluster; `more` settings without their prefix."""
    port = free_port()
    settings = {
        "WATCHDOG_SOURCE": "demo",
        "WATCHDOG_PORT": str(port),
        "WATCHDOG_DATA_DIR": str(data),
        "WATCHDOG_INTERVAL_SECONDS": "5",
        "WATCHDOG_DEMO_HISTORY_HOURS": "0.25",
        **{f"WATCHDOG_{name.upper()}": value for name, value in more.items()},
    }
    env = {name: value for name, value in os.environ.items() if not name.startswith("WATCHDOG_")} | settings
    process = subprocess.Popen([sys.executable, "-m", "watchdog", "serve"], cwd=ROOT, env=env)
    base = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(base, process)
        yield base
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="package")
def server(tmp_path_factory):
    """The demo cluster, without a model; it ends with these tests, as it keeps a core busy."""
    with serving(tmp_path_factory.mktemp("data")) as base:
        yield base


def _wait_until_ready(base: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{base}/readyz", timeout=2):
                return
        except OSError:
            assert process.poll() is None, "the server ended"
            time.sleep(0.2)
    pytest.fail("the server was not ready within a minute")


@pytest.fixture(scope="module")
def contexts(chromium):
    """By theme and width; tests of a file share them, and with them what the browser has compiled of Streamlit."""
    made = {}

    def context(theme: str, width: int):
        if (theme, width) not in made:
            viewport = {"width": width, "height": 900}
            made[theme, width] = chromium.new_context(viewport=viewport, color_scheme=theme)
        return made[theme, width]

    yield context
    for each in made.values():
        each.close()


@pytest.fixture
def open_tab(contexts, server):
    """Open a path in a tab of its own; `tab.problems` are console errors and failed or foreign requests."""
    tabs = []

    def opened(path: str = "/", theme: str = "light", width: int = 1440):
        tab = contexts(theme, width).new_page()
        tabs.append(tab)
        tab.set_default_timeout(20_000)
        tab.problems = []
        tab.on("console", lambda message: _note(tab, message))
        tab.on("pageerror", lambda error: tab.problems.append(str(error)))
        tab.on("request", lambda request: _note_foreign(tab, request.url, server))
        tab.goto(server + path)
        settle(tab)
        return tab

    yield opened
    for tab in tabs:
        tab.close()


def _note(tab, message) -> None:
    where = (message.location or {}).get("url", "")
    if message.type == "error" and not where.endswith(_STREAMLITS_OWN):
        tab.problems.append(f"{message.text} ({where})")


def _note_foreign(tab, url: str, server: str) -> None:
    if not url.startswith((server, "data:", "blob:", "ws:", "about:", "chrome")):
        tab.problems.append(f"asked {url}")


def settle(tab) -> None:
    """Wait until the script has run and every block is drawn."""
    tab.wait_for_function(
        """() => {
            const app = document.querySelector('[data-testid="stApp"]');
            return app && app.dataset.testScriptState === 'notRunning' && document.querySelector('h1')
                && !document.querySelector('[data-testid="stSkeleton"]');
        }"""
    )
    tab.wait_for_timeout(700)


def on_a_phone(tab):
    """The same tab, as narrow as a phone, once it is drawn anew."""
    tab.set_viewport_size({"width": 400, "height": 900})
    settle(tab)
    return tab


def width_of(tab) -> int:
    """Of the widest thing on the page, in pixels."""
    main = tab.locator('[data-testid="stMain"]')
    return max(main.evaluate("e => e.scrollWidth"), tab.evaluate("document.documentElement.scrollWidth"))
