"""The fake's HTTP server: keys, faults, rate limits, and every body held against RunPod's document."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.infra.fake_runpod import graphql
from tests.infra.fake_runpod.account import Account
from tests.infra.fake_runpod.contract import misfits
from tests.infra.fake_runpod.faults import Fault, Faults
from tests.infra.fake_runpod.problem import ProblemError
from tests.infra.fake_runpod.routes import Asked, find

Answer = tuple[int, Any, dict[str, str]]


class FakeRunpod:
    """A server on a free port of this machine, for as long as the `with` block lasts.

    `requests` keeps (method, path) of all that came; `violations` what did not fit RunPod's document; `per_minute` is the
    rate limit, counted on `clock`.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        *,
        key: str = "fake-key",
        port: int = 0,
        host: str = "127.0.0.1",
        per_minute: int = 100_000,
        **account,
    ):
        self.clock = clock
        self.key = key
        self.per_minute = per_minute
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self.reset(**account)
        self._http = _Server((host, port), _Handler)
        self._http.fake = self
        host, port = self._http.server_address[:2]
        self.root = f"http://{host}:{port}"

    def reset(self, **account) -> None:
        """Forget all that was: an account without pods, no faults."""
        self.account = Account(self.clock, **account)
        self.faults = Faults()
        self.requests: list[tuple[str, str]] = []
        self.violations: list[str] = []
        self._recent: deque[float] = deque()

    @property
    def url(self) -> str:
        """What RUNPOD_API_BASE_URL means to the Terraform provider."""
        return f"{self.root}/v2"

    @property
    def graphql_url(self) -> str:
        return f"{self.root}/graphql"

    @property
    def fates(self):
        return self.account.fates

    def __enter__(self) -> FakeRunpod:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()

    def serve_forever(self) -> None:
        self._http.serve_forever()

    def asked(self, method: str, path: str = "") -> int:
        """How many requests of a method came, to paths that begin with `path`."""
        return sum(m == method and p.startswith(path) for m, p in self.requests)

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Answer:
        """What the API says to a request that no fault has met."""
        try:
            self._count()
            route, pod_id = find(method, path)
            sent = misfits(route.asks, body) if route.asks else []
            status, answer = route.do(Asked(self.account, unquote(pod_id), query, body))
        except ProblemError as problem:
            return problem.status, self._fits("ErrorResponse", problem.body()), problem.headers
        # What the fake took although the document forbids it: the fake is too kind, or the sender wrong.
        self.violations += sent
        return status, self._fits(route.answers, answer), {}

    def limits(self) -> dict[str, str]:
        left = max(self.per_minute - len(self._recent), 0)
        return {"RateLimit": f'"minute";r={left};t=60', "RateLimit-Policy": f'"minute";q={self.per_minute};w=60'}

    def _count(self) -> None:
        with self._lock:
            now = self.clock()
            while self._recent and self._recent[0] <= now - 60:
                self._recent.popleft()
            if len(self._recent) >= self.per_minute:
                wait = {"Retry-After": str(int(self._recent[0] + 60 - now) + 1)}
                raise ProblemError(429, "rate limit exceeded for the minute window", headers=wait)
            self._recent.append(now)

    def _fits(self, schema: str | None, body: Any) -> Any:
        if schema and body is not None:
            self.violations += misfits(schema, body)
        return body


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    fake: FakeRunpod


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(6, 1, 1)  # TCP_NODELAY: head and body are two writes

    def log_message(self, *_: object) -> None:
        """Say nothing: the log would hold keys that came in the query."""

    def _serve(self) -> None:
        fake, url = self.server.fake, urlsplit(self.path)
        body = self._body()
        fake.requests.append((self.command, url.path))
        fault = fake.faults.take(self.command, url.path)
        if fault and not fault.done and fault.status is not None:
            self._fail(fault)
            return
        status, answer, headers = self._answer(url.path, dict(parse_qsl(url.query)), body)
        if fault:
            fake.closing.wait(fault.delay_s)
        if fault and fault.status is not None:
            self._fail(fault)
            return
        self._send(status, answer, headers | fake.limits())

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve  # noqa: N815

    def _answer(self, path: str, query: dict[str, str], body: Any) -> Answer:
        fake = self.server.fake
        if self.headers.get("User-Agent", "").startswith("Python-urllib") or not self.headers.get("User-Agent"):
            return 403, "error code: 1010", {}
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if path == "/graphql":
            right = fake.key in (given, query.get("api_key"))
            return (*graphql.answer(fake.account, body), {}) if right else (401, {"errors": [{"message": "no"}]}, {})
        if given != fake.key:
            detail = "invalid bearer token" if given else "missing bearer token"
            return 401, ProblemError(401, detail).body(), {}
        return fake.answer(self.command, path, query, body)

    def _fail(self, fault: Fault) -> None:
        if not fault.status:
            self.close_connection = True
            return
        wait = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        body = ProblemError(fault.status, fault.detail).body() if fault.status >= 400 else None
        self._send(fault.status, body, wait | self.server.fake.limits())

    def _body(self) -> Any:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            return json.loads(raw) if raw else None
        except ValueError:
            return None

    def _send(self, status: int, body: Any, headers: dict[str, str]) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        raw = b"" if body is None else text.encode()
        kind = "application/problem+json" if status >= 400 else "application/json"
        self.send_response(status)
        for name, value in {"Content-Type": kind, **headers}.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(raw)))
        try:
            self.end_headers()
            self.wfile.write(raw)
        except OSError:
            self.close_connection = True  # the client did not wait
