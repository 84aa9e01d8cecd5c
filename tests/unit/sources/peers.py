"""A small HTTP server that answers as told, to be a peer of sources under test."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass
class Asked:
    """A request that came in."""

    path: str
    headers: dict[str, str]
    form: dict[str, str]
    body: str = ""


@dataclass
class Says:
    """How to answer: `drip` seconds pass between bytes; of `declared` bytes only the body is sent."""

    body: bytes | str | dict = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    wait: float = 0.0
    drip: float = 0.0
    declared: int | None = None

    def encoded(self) -> bytes:
        if isinstance(self.body, dict):
            return json.dumps(self.body).encode()
        return self.body.encode() if isinstance(self.body, str) else self.body


class Peer:
    """The server's address, what it was asked, and how it answers: a function of the request."""

    def __init__(self, answer: Callable[[Asked], Says]) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self.url = ""


class _Handler(BaseHTTPRequestHandler):
    told: Peer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        parts = urlsplit(self.path)
        body = self.rfile.read(length).decode()
        form = parse_qs(body or parts.query)
        asked = Asked(parts.path, dict(self.headers.items()), {k: v[0] for k, v in form.items()}, body)
        self.told.asked.append(asked)
        self.say(self.told.answer(asked))

    do_POST = do_GET  # noqa: N815

    def say(self, says: Says) -> None:
        body = says.encoded()
        time.sleep(says.wait)
        try:
            self.send_response(says.status)
            for name, value in says.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(says.declared or len(body)))
            self.end_headers()
            self.send(body, says.drip)
        except OSError:
            pass  # the client went away
        if says.declared or says.drip:
            self.close_connection = True

    def send(self, body: bytes, drip: float) -> None:
        for n in range(len(body) if drip else 0):
            self.wfile.write(body[n : n + 1])
            time.sleep(drip)
        if not drip:
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def peer(answer: Callable[[Asked], Says] | Says) -> Iterator[Peer]:
    """Serve on a free port of 127.0.0.1."""
    told = Peer(answer if callable(answer) else lambda _: answer)

    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"told": told}))
    server.daemon_threads = True
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
