"""The services of docker/compose.yaml as processes on free ports of this machine, with the very files of docker/."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.conftest import ROOT
from tests.integration.servers import ALERTMANAGER, PROMETHEUS, free_port, program

DOCKER = ROOT / "docker"
NGINX = ("/usr/sbin/nginx", "nginx")
ENVSUBST = ("envsubst",)
SECRET = "0123456789abcdef" * 4
MCP_TOKEN = "t0ken-of-mcp-clients"
USERS = {"admin": "right horse", "carl": "battery staple"}
VLLM_PAGE = ROOT.parent / "shared" / "fixtures" / "vllm" / "101-metrics-during-6-streams.txt"


class Slow(threading.Thread):
    """A client that never ends its headers: how long it is let be. It runs beside the tests."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.port, self.seconds, self.answer = port, 0.0, b"?"
        self.start()

    def run(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as slow:
            slow.settimeout(30)
            slow.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
            began = time.monotonic()
            self.answer = slow.recv(1)
            self.seconds = time.monotonic() - began


@dataclass
class Stack:
    """Where everything is."""

    folder: Path
    ports: dict[str, int]
    started: float
    app: subprocess.Popen | None = None
    slow: Slow | None = None

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def get(self, name: str, path: str = "/", user: str | None = None, password: str | None = None, **more):
        return ask(f"{self.url(name)}{path}", headers=basic(user, password) | more.pop("headers", {}), **more)


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self):
        return json.loads(self.body)


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


_opener = urllib.request.build_opener(_Stay)


def ask(
    url: str,
    headers: Mapping[str, str] | None = None,
    data: bytes | None = None,
    method: str | None = None,
    context=None,
):
    """One request, redirects not followed; errors are answers, too."""
    request = urllib.request.Request(url, data=data, headers=dict(headers or {}), method=method)
    opener = urllib.request.build_opener(_Stay, urllib.request.HTTPSHandler(context=context)) if context else _opener
    try:
        with opener.open(request, timeout=20) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


def basic(user: str | None, password: str | None = None) -> dict[str, str]:
    """The header of basic authentication; none without a user."""
    if user is None:
        return {}
    word = USERS.get(user, "") if password is None else password
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{word}".encode()).decode()}


class Echo(ThreadingHTTPServer):
    """Answers with what it was asked, or with a page of its own."""

    daemon_threads = True

    def __init__(self, respond) -> None:
        self.respond = respond
        super().__init__(("127.0.0.1", 0), _EchoHandler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return self.server_address[1]

    def stop(self) -> None:
        self.shutdown()
        self.server_close()


class _EchoHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet, or the kernel waits 40 ms between them

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        status, headers, body = self.server.respond(self.path, self.headers)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    do_GET = do_POST = _answer  # noqa: N815

    def log_message(self, *_):
        pass


def echoed(path, headers):
    """(200, headers, JSON of what was asked)."""
    return 200, {}, json.dumps({"path": path, **{k.lower(): v for k, v in headers.items()}}).encode()


def filled(text: str, changes: Mapping[str, str]) -> str:
    """`text` with addresses and waits changed; each must be there, or the file is not the one that was meant."""
    for old, new in changes.items():
        assert old in text, f"{old!r} is not in the file"
        text = text.replace(old, new)
    return text


@contextmanager
def process(name: str, folder: Path, command: list[str], env: Mapping[str, str] | None = None, grace: float = 15):
    """Runs while the context does; the log is in `folder`."""
    with (folder / f"{name}.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT, env=env and dict(env))
    try:
        yield server
    finally:
        if server.poll() is None:
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(timeout=grace)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def wait_for(url: str, log: Path, seconds: float = 60, headers: Mapping[str, str] | None = None) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            said = ask(url, headers)
            if said.status == 200:
                return
        except OSError as error:
            said = error
        if time.monotonic() > until:
            raise AssertionError(f"{url} did not come up: {said}\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.1)


def clean_env(**settings: object) -> dict[str, str]:
    """The environment without settings of whoever runs the tests."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("WATCHDOG_")}
    return env | {name: str(value) for name, value in settings.items()}


def htpasswd(folder: Path) -> Path:
    """A file of USERS, made as docker/services.sh makes it."""
    lines = []
    for user, word in USERS.items():
        done = subprocess.run(
            ["openssl", "passwd", "-apr1", "-stdin"], input=word, capture_output=True, text=True, check=True
        )
        lines.append(f"{user}:{done.stdout.strip()}\n")
    path = folder / "htpasswd"
    path.write_text("".join(lines))
    path.chmod(0o644)
    return path


def gateway_env(folder: Path, ports: Mapping[str, int], **changes: object) -> dict[str, str]:
    """What compose.yaml tells the gateway, with the ports of this machine."""
    here = {name: f"127.0.0.1:{ports[name]}" for name in ("app", "prometheus", "grafana", "alertmanager")}
    settings = {
        "CONF": DOCKER / "nginx",
        "RUN": folder / "nginx",
        "HTPASSWD": folder / "htpasswd",
        "BIND": "127.0.0.1:",
        "PROXY_SECRET": SECRET,
        "PORT": ports["gateway"],
        "HEALTH_PORT": ports["health"],
        **{f"{name.upper()}_PORT": ports[f"{name}-direct"] for name in here},
        **{name.upper(): address for name, address in here.items()},
    }
    return clean_env(**{name: str(value) for name, value in (settings | changes).items()})


@contextmanager
def gateway(folder: Path, ports: Mapping[str, int], **changes: object) -> Iterator[subprocess.Popen]:
    """nginx with docker/nginx, started by its own start.sh."""
    program(NGINX), program(ENVSUBST)
    env = gateway_env(folder, ports, **changes)
    # As root nginx would become `nobody`, who cannot read a test's folder; in its container it is one user throughout.
    same_user = ["-g", "user root;"] if os.geteuid() == 0 else []
    with process("gateway", folder, [str(DOCKER / "nginx" / "start.sh"), *same_user], env) as server:
        until = time.monotonic() + 10
        while True:
            try:
                assert ask(f"http://127.0.0.1:{ports['health']}/").status == 204
                break
            except OSError:
                assert server.poll() is None, (folder / "gateway.log").read_text()
                assert time.monotonic() < until
                time.sleep(0.05)
        yield server


def new_ports() -> dict[str, int]:
    names = ("app", "prometheus", "grafana", "alertmanager")
    every = (*names, *(f"{name}-direct" for name in names), "gateway", "health", "demo", "vllm")
    ports: dict[str, int] = {}
    while len(set(ports.values())) < len(every):
        ports = {name: free_port() for name in every}
    return ports


@contextmanager
def running_stack(folder: Path) -> Iterator[Stack]:
    """Everything of `make services-demo` that runs without Docker; Grafana is an echo."""
    for each in (NGINX, PROMETHEUS, ALERTMANAGER, ENVSUBST):
        program(each)
    ports = new_ports()
    stack = Stack(folder, ports, time.monotonic())
    with ExitStack() as open_:
        grafana, vllm = (
            Echo(echoed),
            Echo(lambda *_: (200, {"Content-Type": "text/plain; version=0.0.4"}, _vllm_page())),
        )
        open_.callback(grafana.stop)
        open_.callback(vllm.stop)
        ports["grafana"], ports["vllm"] = grafana.port, vllm.port
        htpasswd(folder)
        demo = [sys.executable, "-m", "watchdog", "demo", "--listen", f"127.0.0.1:{ports['demo']}"]
        open_.enter_context(process("demo", folder, demo, clean_env()))
        open_.enter_context(_prometheus(stack))
        open_.enter_context(_alertmanager(stack))
        # An app that finds an empty Prometheus looks again only a while later.
        wait_for(f"{stack.url('prometheus')}/prometheus/-/ready", folder / "prometheus.log")
        _wait_for_scrape(stack)
        stack.app = open_.enter_context(
            process("app", folder, [sys.executable, "-m", "watchdog", "serve"], _app_env(stack), 40)
        )
        open_.enter_context(gateway(folder, ports, MCP="on"))
        wait_for(f"{stack.url('gateway')}/readyz", folder / "app.log", headers=basic("admin"))
        stack.slow = Slow(ports["gateway"])
        yield stack


def _wait_for_scrape(stack: Stack) -> None:
    until = time.monotonic() + 30
    url = f"{stack.url('prometheus')}/prometheus/api/v1/query?query=DCGM_FI_DEV_GPU_UTIL"
    while not ask(url).json()["data"]["result"]:
        assert time.monotonic() < until, "the demo was never scraped"
        time.sleep(0.1)


def _vllm_page() -> bytes:
    return VLLM_PAGE.read_bytes() if VLLM_PAGE.exists() else b""


def app_env(stack: Stack) -> dict[str, str]:
    return _app_env(stack)


def _app_env(stack: Stack) -> dict[str, str]:
    ports = stack.ports
    return clean_env(
        WATCHDOG_HOST="127.0.0.1",
        WATCHDOG_PORT=ports["app"],
        WATCHDOG_DATA_DIR=stack.folder / "data",
        WATCHDOG_SOURCE="prometheus",
        WATCHDOG_PROMETHEUS_URL=f"{stack.url('prometheus')}/prometheus",
        WATCHDOG_ALERTMANAGER_URL=stack.url("alertmanager"),
        WATCHDOG_SLURM="series",
        WATCHDOG_BASE_URL=stack.url("gateway"),
        WATCHDOG_SIGN_IN="proxy",
        WATCHDOG_PROXY_ADDRESSES="127.0.0.1",
        WATCHDOG_PROXY_SECRET=SECRET,
        WATCHDOG_ADMINS="admin",
        WATCHDOG_MCP_TOKEN=MCP_TOKEN,
        WATCHDOG_INTERVAL_SECONDS=3,
        WATCHDOG_SLURM_INTERVAL_SECONDS=3,
    )


@contextmanager
def _prometheus(stack: Stack) -> Iterator[None]:
    place, ports = stack.folder / "prometheus", stack.ports
    shutil.copytree(DOCKER / "prometheus", place, ignore=shutil.ignore_patterns("targets", "secrets"))
    changes = {
        "scrape_interval: 15s": "scrape_interval: 1s",
        "scrape_timeout: 10s": "scrape_timeout: 1s",
        "evaluation_interval: 15s": "evaluation_interval: 1s",
        "refresh_interval: 15s": "refresh_interval: 1s",
        "alertmanager:9093": f"127.0.0.1:{ports['alertmanager']}",
        "app:8501": f"127.0.0.1:{ports['app']}",
        "localhost:9090": f"127.0.0.1:{ports['prometheus']}",
        "grafana:3000": f"127.0.0.1:{ports['grafana']}",
    }
    config = place / "prometheus.yml"
    config.write_text(filled(config.read_text(), changes))
    recording = place / "rules" / "recording.yml"
    recording.write_text(filled(recording.read_text(), {'"interval": "15s"': '"interval": "1s"'}))
    (place / "secrets").mkdir()
    (place / "secrets" / "exporters-token").touch()
    for kind in ("gpu", "slurm"):
        (place / "targets" / kind).mkdir(parents=True)
        demo = (DOCKER / "prometheus" / "demo" / f"{kind}.json").read_text()
        (place / "targets" / kind / "demo.json").write_text(filled(demo, {"demo:9400": f"127.0.0.1:{ports['demo']}"}))
    (place / "targets" / "vllm").mkdir()
    (place / "targets" / "vllm" / "here.json").write_text(json.dumps([{"targets": [f"127.0.0.1:{ports['vllm']}"]}]))
    command = [
        program(PROMETHEUS),
        f"--config.file={config}",
        f"--storage.tsdb.path={stack.folder / 'prometheus-data'}",
        f"--web.external-url={stack.url('gateway')}/prometheus/",
        "--web.enable-admin-api",
        f"--web.listen-address=127.0.0.1:{ports['prometheus']}",
    ]
    with process("prometheus", stack.folder, command):
        yield


@contextmanager
def _alertmanager(stack: Stack) -> Iterator[None]:
    command = [
        program(ALERTMANAGER),
        f"--config.file={DOCKER / 'alertmanager' / 'alertmanager.yml'}",
        f"--storage.path={stack.folder / 'alertmanager-data'}",
        "--cluster.listen-address=",
        f"--web.listen-address=127.0.0.1:{stack.ports['alertmanager']}",
    ]
    with process("alertmanager", stack.folder, command):
        yield
