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
        "WATCHDOG_DEMO_HISTORY_HOURS": "1",
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


@pytest.fixture
def open_tab(chromium, server):
    """Open a path in a tab of its own; `tab.problems` are console errors and failed or foreign requests."""
    contexts = []

    def opened(path: str = "/", theme: str = "light", width: int = 1440):
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
        contexts.append(context)
        tab = context.new_page()
        tab.set_default_timeout(20_000)
        tab.problems = []
        tab.on("console", lambda message: _note(tab, message))
        tab.on("pageerror", lambda error: tab.problems.append(str(error)))
        tab.on("request", lambda request: _note_foreign(tab, request.url, server))
        tab.goto(server + path)
        settle(tab)
        return tab

    yield opened
    for context in contexts:
        context.close()


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
