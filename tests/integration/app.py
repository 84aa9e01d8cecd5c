"""The app as a user starts it, for tests."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import requests

ROOT = Path(__file__).parents[2]


def free_port():
    """A port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class App:
    """A running `python -m watchdog serve`."""

    def __init__(self, process, port, log):
        self.process, self.port, self.log = process, port, log
        self.url = f"http://127.0.0.1:{port}"

    def get(self, path):
        return requests.get(f"{self.url}{path}", timeout=10)

    def output(self):
        return self.log.read_text()

    def stop(self):
        """SIGTERM; returns (exit code, seconds it took)."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=40), time.monotonic() - began


@contextmanager
def running_app(folder, ready="/readyz", **settings):
    """Start the app with `settings` (without the prefix) in `folder`; by default with the demo cluster."""
    port = free_port()
    wanted = {"SOURCE": "demo", "PORT": port, "DATA_DIR": folder / "data", "DEMO_HISTORY_HOURS": 0.2} | settings
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WATCHDOG_")}
    log = folder / "app.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "watchdog", "serve"],
            cwd=ROOT,
            env=clean | {f"WATCHDOG_{name}": str(value) for name, value in wanted.items()},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    app = App(process, port, log)
    try:
        _wait_until_up(app, ready)
        yield app
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _wait_until_up(app, path, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert app.process.poll() is None, app.output()
        try:
            if app.get(path).status_code == 200:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"not up after {seconds} s:\n{app.output()}")


def wait_for(condition, seconds=30):
    """Poll until `condition()` is true; its last value."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.2)
    return condition()
