"""A small web server for exporters: /metrics, /healthz and an index page; bearer token and TLS as options.

It knows nothing of what it serves: `page` and `health` are given. Each connection has its thread, a limit on
how long it may idle and how long a request may take to arrive, and there is a limit on connections, so slow or
silent clients cannot keep a scrape out.
"""

from __future__ import annotations

import contextlib
import errno
import hmac
import html
import io
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from watchdog import __version__
from watchdog.base.errors import ConfigError
from watchdog.model.exposition import CONTENT_TYPE

log = logging.getLogger(__name__)

_MAX_CONNECTIONS = 64
_INDEX = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<h1>{title}</h1><p>Version {version}. <a href="/metrics">/metrics</a> for Prometheus,
<a href="/healthz">/healthz</a> for probes.</p></html>
"""


@dataclass(frozen=True)
class Site:
    """What is served: a title, the metrics page, and whether the exporter lives (with a sentence)."""

    title: str
    page: Callable[[], bytes]
    health: Callable[[], tuple[bool, str]]
    token: bytes = b""


@dataclass(frozen=True)
class Patience:
    """Seconds a client may idle between requests, and seconds a begun request may take to arrive."""

    idle_seconds: float = 75.0
    request_seconds: float = 5.0


class ExporterServer:
    """Serves a `Site` in background threads.

    Raises:
        ConfigError: the address cannot be bound; the hint says why.
    """

    def __init__(
        self, site: Site, listen: str, tls: ssl.SSLContext | None = None, patience: Patience | None = None
    ) -> None:
        host, port = parse_listen(listen)
        try:
            self._server = _Server(host, port, site, tls, patience or Patience())
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {listen}: {error.strerror or error}", hint=_bind_hint(error)
            ) from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="http", daemon=True
        )

    @property
    def port(self) -> int:
        """The port in use, also when 0 was asked for."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop accepting and close the socket; requests under way end by themselves."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


def parse_listen(listen: str) -> tuple[str, int]:
    """Split `host:port`, `:port` or `[v6]:port`; ConfigError for anything else."""
    host, colon, port = listen.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535 or (":" in bare and not bracketed):
        raise ConfigError(f"--listen is {listen!r}", hint="Write host:port, such as 0.0.0.0:9400 or [::]:9400.")
    return bare, int(port)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, host: str, port: int, site: Site, tls: ssl.SSLContext | None, patience: Patience) -> None:
        self.site = site
        self.tls = tls
        self.patience = patience
        self._free = threading.BoundedSemaphore(_MAX_CONNECTIONS)
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        # HTTPServer's own looks the host's name up in DNS, which can take minutes; nobody reads it.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 (socketserver's types)
        if not self._free.acquire(blocking=False):
            log.warning("refused a connection: %d are open", _MAX_CONNECTIONS)
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        log.debug("connection of %s ended early", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = f"watchdog/{__version__}"
    sys_version = ""
    server: _Server

    def setup(self) -> None:
        patience = self.server.patience
        self.request.settimeout(patience.request_seconds)
        if self.server.tls:
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._patient = _PatientReader(self.request, patience)
        self.rfile = io.BufferedReader(self._patient)

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            super().finish()
        # wrap_socket took the socket over from the server, which therefore cannot close it.
        if self.server.tls:
            self.request.close()

    def handle_one_request(self) -> None:
        self._patient.begin()
        super().handle_one_request()

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        if self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
            # We do not read bodies; what follows on this connection would be taken for a request.
            self.close_connection = True
        status, kind, body = self._resource(self.path.partition("?")[0])
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        if status == HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", "Bearer")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def _resource(self, path: str) -> tuple[HTTPStatus, str, bytes]:
        site = self.server.site
        if path == "/healthz":
            alive, sentence = site.health()
            return (HTTPStatus.OK if alive else HTTPStatus.SERVICE_UNAVAILABLE), *_plain(sentence)
        if path == "/metrics":
            if not self._allowed(site.token):
                return HTTPStatus.UNAUTHORIZED, *_plain("send the token as `Authorization: Bearer ...`")
            return HTTPStatus.OK, CONTENT_TYPE, site.page()
        if path == "/":
            title = html.escape(site.title)
            page = _INDEX.format(title=title, version=__version__)
            return HTTPStatus.OK, "text/html; charset=utf-8", page.encode()
        return HTTPStatus.NOT_FOUND, *_plain("not found; /metrics is the page for Prometheus")

    def _allowed(self, token: bytes) -> bool:
        given = self.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        scheme, _, secret = given.partition(b" ")
        return not token or (scheme.lower() == b"bearer" and hmac.compare_digest(secret.strip(), token))

    def log_message(self, format: str, *args: object) -> None:
        log.debug("%s %s", self.address_string(), format % args)


class _PatientReader(io.RawIOBase):
    """Reads a socket until a deadline, so that a client that drips bytes cannot hold its thread for ever."""

    def __init__(self, connection: socket.socket, patience: Patience) -> None:
        self._connection = connection
        self._patience = patience
        self.begin()

    def begin(self) -> None:
        """Wait for a new request: long for its first byte, briefly for the rest."""
        self._deadline = time.monotonic() + self._patience.idle_seconds
        self._begun = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 (any writable buffer)
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request took too long to arrive")
        self._connection.settimeout(left)
        count = self._connection.recv_into(buffer)
        if not self._begun:
            self._begun = True
            self._deadline = time.monotonic() + self._patience.request_seconds
        # Writing the answer has its own limit.
        with contextlib.suppress(OSError):
            self._connection.settimeout(self._patience.request_seconds)
        return count


def _plain(text: str) -> tuple[str, bytes]:
    return "text/plain; charset=utf-8", f"{text}\n".encode()


def _bind_hint(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "Another program uses that port (`ss -ltnp` shows which); stop it or choose another with --listen."
    if error.errno == errno.EACCES:
        return "Ports below 1024 need root; choose a higher one with --listen."
    return "Use an address of this machine, or 0.0.0.0 for all of them."
