"""A server that speaks like vLLM over real sockets: recorded answers byte for byte, and answers made up for a test.

    with FakeVllm(calls(("gpu_metrics", {"node": "n1"})), says("n1 is idle [1].")) as server:
        ... server.base_url ...

Every POST takes the next reply; the last one is given for ever. A reply may be a function of the request's body.
"""

from __future__ import annotations

import json
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

MODEL = "tiny"
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nserver: uvicorn\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"connection: close\r\ntransfer-encoding: chunked\r\n\r\n"
)
DONE = b"data: [DONE]\n\n"
_LAST_CHUNK = b"0\r\n\r\n"


@dataclass(frozen=True)
class Wait:
    """Nothing for so long; None is until the client goes away."""

    seconds: float | None = None


@dataclass(frozen=True)
class Cut:
    """The connection breaks."""


Part = bytes | Wait | Cut


@dataclass(frozen=True)
class Reply:
    """A head, and a body in parts; `chunked` bodies get HTTP's framing around every part."""

    head: bytes
    parts: Iterable[Part] | Callable[[], Iterator[Part]]
    chunked: bool = True

    def __iter__(self) -> Iterator[Part]:
        return iter(self.parts() if callable(self.parts) else self.parts)


Scripted = Reply | Callable[[dict[str, Any]], Reply]


# Replies made up for a test


def says(text="", *, reasoning="", finish="stop", usage=(20, 10), every=0.0, size=8) -> Reply:
    """An answer in words; `every` seconds between two pieces of `size` letters."""
    return _streamed([*_deltas("reasoning", reasoning, size), *_deltas("content", text, size)], finish, usage, every)


def calls(*asked, text="", reasoning="", finish="tool_calls", usage=(20, 10), every=0.0, size=6) -> Reply:
    """Calls of tools, each (name, arguments): arguments as a dict, or as text that may be broken JSON."""
    before = [*_deltas("reasoning", reasoning, size), *_deltas("content", text, size)]
    parts = [delta for index, call in enumerate(asked) for delta in _call_deltas(index, *call, size)]
    return _streamed(before + parts, finish, usage, every)


def breaks(*texts, part: Part = Cut()) -> Reply:
    """Some text, then something else than an end: the connection cut, or silence (`part=Wait()`)."""
    return Reply(STREAM_HEAD, [*(event({"content": text}) for text in texts), part])


def dies(*texts) -> Reply:
    """Some text, then the engine dies: an error event and a normal [DONE], as vLLM does."""
    message = "EngineCore encountered an issue. See stack trace (above) for the root cause."
    error = {"error": {"message": message, "type": "InternalServerError", "param": None, "code": 500}}
    return Reply(STREAM_HEAD, [*(event({"content": text}) for text in texts), _sse(error), DONE])


def endless(text="and so on ", *, every=0.0, key="content") -> Reply:
    """A model that never stops."""

    def forever() -> Iterator[Part]:
        number = 0
        while True:
            number += 1
            yield event({key: f"{number} {text}"})
            if every:
                yield Wait(every)

    return Reply(STREAM_HEAD, forever)


def page(body=b"<html><body>Welcome to nginx!</body></html>", status=200, kind="text/html") -> Reply:
    """What something else than a model answers; `body` may be bytes or, for JSON, a dict."""
    raw = json.dumps(body).encode() if isinstance(body, dict) else body
    kind = "application/json" if isinstance(body, dict) else kind
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(raw)}\r\nconnection: close\r\n\r\n"
    return Reply(head.encode(), [raw] if raw else [], chunked=False)


def error(status: int, message: str, *, headers: str = "") -> Reply:
    """An error as vLLM words it."""
    raw = json.dumps({"error": {"message": message, "type": "Error", "param": None, "code": status}}).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(raw)}\r\n{headers}"
    return Reply(f"{head}connection: close\r\n\r\n".encode(), [raw], chunked=False)


def raw_stream(*parts: Part) -> Reply:
    """Any bytes as a stream of events."""
    return Reply(STREAM_HEAD, list(parts))


def _streamed(deltas: list[dict[str, Any]], finish: str, usage: tuple[int, int] | None, every: float) -> Reply:
    parts: list[Part] = [event({"role": "assistant", "content": ""})]
    for delta in deltas:
        parts += [Wait(every), event(delta)] if every else [event(delta)]
    return Reply(STREAM_HEAD, [*parts, event({}, finish), *([_usage(*usage)] if usage else []), DONE])


def _deltas(key: str, text: str, size: int) -> list[dict[str, Any]]:
    return [{key: text[at : at + size]} for at in range(0, len(text), size)]


def _call_deltas(index: int, name: str, arguments: dict[str, Any] | str, size: int) -> list[dict[str, Any]]:
    raw = arguments if isinstance(arguments, str) else json.dumps(arguments)
    first = {"id": f"chatcmpl-tool-{index}", "type": "function", "index": index, "function": {"name": name}}
    rest = [{"index": index, "function": delta} for delta in _deltas("arguments", raw, size)]
    return [{"tool_calls": [each]} for each in (first, *rest)]


def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    """One chunk of a stream."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return _sse({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": MODEL, "choices": [choice]})


def _usage(prompt: int, completion: int) -> bytes:
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return _sse({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": MODEL, "choices": [], "usage": usage})


def _sse(body: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n"


# Recorded replies


def recorded(folder: Path, case: str) -> Reply:
    """What a real vLLM sent, byte for byte; a recording without a head is a server that says nothing."""
    head = folder / f"{case}.head"
    if not head.exists():
        return Reply(b"", [Wait()], chunked=False)
    body = next((p for ending in ("sse", "json", "txt") if (p := folder / f"{case}.{ending}").exists()), None)
    raw = body.read_bytes() if body else b""
    chunked = b"transfer-encoding: chunked" in head.read_bytes().lower()
    events = [part + b"\n\n" for part in raw.split(b"\n\n") if part] if chunked else [raw]
    ends = not chunked or raw.endswith(DONE)
    return Reply(head.read_bytes(), events if ends else [*events, Cut()], chunked)


# The server


@dataclass
class FakeVllm:
    """Serves on a free port of the loopback address while it is entered.

    Attributes:
        requests: bodies of the POSTs, as sent.
        keys: their Authorization headers.
        gone: how often a client left before the end.
    """

    script: tuple[Scripted, ...]
    served: tuple[str, ...] = (MODEL,)
    tls: ssl.SSLContext | None = None
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    gone: int = 0

    def __init__(
        self, *script: Scripted, served: tuple[str, ...] = (MODEL,), tls: ssl.SSLContext | None = None
    ) -> None:
        self.script, self.served, self.tls = script, served, tls
        self.requests, self.keys, self.gone = [], [], 0
        self._lock = threading.Lock()
        self.closing = threading.Event()

    def __enter__(self) -> FakeVllm:
        fake = self

        class Handler(_Handler):
            server_of = fake

        self._server = _Server(("127.0.0.1", 0), Handler)
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def play(self, *script: Scripted) -> FakeVllm:
        """Begin anew with another script, and forget what was asked."""
        self.script = script
        self.requests, self.keys, self.gone = [], [], 0
        return self

    @property
    def base_url(self) -> str:
        """Where it serves."""
        scheme, name = ("https", "localhost") if self.tls else ("http", "127.0.0.1")
        return f"{scheme}://{name}:{self._server.server_address[1]}/v1"

    def reply(self, body: dict[str, Any], key: str) -> Reply:
        """The next reply of the script."""
        with self._lock:
            self.requests.append(body)
            self.keys.append(key)
            scripted = self.script[min(len(self.requests), len(self.script)) - 1]
        return scripted if isinstance(scripted, Reply) else scripted(body)

    def models(self) -> Reply:
        """The answer to GET /v1/models."""
        listed = [{"id": name, "object": "model", "created": 1, "owned_by": "vllm"} for name in self.served]
        return page({"object": "list", "data": listed})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """A client that left is no error here."""


class _Handler(BaseHTTPRequestHandler):
    server_of: FakeVllm
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send(self.server_of.models() if self.path.endswith("/models") else page(status=404))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self._send(self.server_of.reply(json.loads(body), self.headers.get("authorization", "")))

    def _send(self, reply: Reply) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.connection.sendall(reply.head)
            whole = all(self._part(part, chunked=reply.chunked) for part in reply)
            if whole and reply.chunked:
                self.connection.sendall(_LAST_CHUNK)
        except OSError:
            self.server_of.gone += 1

    def _part(self, part: Part, *, chunked: bool) -> bool:
        """Send it; False ends the reply."""
        if isinstance(part, bytes):
            self.connection.sendall(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)
        elif isinstance(part, Wait):
            self._wait(part.seconds)
        return not isinstance(part, Cut)

    def _wait(self, seconds: float | None) -> None:
        until = time.monotonic() + (3600 if seconds is None else seconds)
        while (left := until - time.monotonic()) > 0 and not self.server_of.closing.is_set():
            readable, _, _ = select.select([self.connection], [], [], min(left, 0.05))
            # Nothing more is asked on this connection: what can be read is its end.
            if readable and not self.connection.recv(1024):
                raise ConnectionResetError

    def log_message(self, *_: object) -> None:
        """Quiet."""
