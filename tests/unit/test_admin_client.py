"""Asking the app that runs: by its own token, past any proxy, and told why where it does not answer."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from watchdog.admin_client import TOOL, posted
from watchdog.base.config import Config
from watchdog.base.errors import SourceError, SourceUnavailableError
from watchdog.services.backup import TOKEN_HEADER


@pytest.fixture
def app(tmp_path):
    """Something that listens where the app would; `app.reply` is what it answers, `app.asked` what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            server.asked.append((self.path, self.headers[TOKEN_HEADER], json.loads(body)))
            status, said = server.reply
            self.send_response(status)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_):
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.reply = [], (200, b"{}")
    server.settings = Config(data_dir=str(tmp_path), port=server.server_port)
    (tmp_path / "admin.token").write_text("s3cret")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_token_goes_to_the_app_and_to_no_proxy(app, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert posted(app.settings, TOOL, {"tool": "queue"}) == b"{}"
    assert app.asked == [(TOOL, "s3cret", {"tool": "queue"})]


def test_what_the_app_refuses_is_told_in_its_words(app):
    app.reply = 422, b'{"error": "no such metric", "hint": "Choose another."}'
    with pytest.raises(SourceError, match="no such metric") as caught:
        posted(app.settings, TOOL, {})
    assert caught.value.hint == "Choose another."


def test_an_app_that_fails_is_no_app_that_is_not_there(app, tmp_path):
    app.reply = 500, b""
    with pytest.raises(SourceUnavailableError, match="the app answered 500"):
        posted(app.settings, TOOL, {})
    (tmp_path / "admin.token").unlink()
    assert posted(app.settings, TOOL, {}) is None
