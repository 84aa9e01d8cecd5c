"""The demo cluster over HTTP: a page for each exporter, so that a real Prometheus can scrape it."""

from __future__ import annotations

import argparse
import dataclasses
import html
import json
import logging
import signal
import threading
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from watchdog.base.clock import Clock, SystemClock
from watchdog.base.errors import ConfigError, SourceUnavailableError
from watchdog.model.exposition import CONTENT_TYPE
from watchdog.sources.demo.cluster import DemoCluster
from watchdog.sources.demo.config import DemoConfig
from watchdog.sources.demo.scenarios import NAMES, named

log = logging.getLogger(__name__)

_HTML, _JSON = "text/html; charset=utf-8", "application/json"


class DemoServer(ThreadingHTTPServer):
    """Serves one demo cluster; `port` is the one really bound."""

    daemon_threads = True

    def __init__(self, cluster: DemoCluster, clock: Clock, address: tuple[str, int]) -> None:
        self.cluster, self.clock = cluster, clock
        super().__init__(address, _Handler)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    server: DemoServer
    server_version = "watchdog-demo"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = 30
    _node = ""

    def do_GET(self) -> None:
        """Answer one path."""
        path, cluster, now = self.path.partition("?")[0], self.server.cluster, self.server.clock.now()
        first, _, rest = path.strip("/").partition("/")
        if rest == "metrics" and first in cluster.node_names:
            self._exporter(first, now)
        elif path == "/slurm/metrics":
            self._send(cluster.slurm_page(now), CONTENT_TYPE)
        elif path == "/sd":
            self._send(json.dumps(self._targets()).encode(), _JSON)
        elif path == "/faults":
            cluster.advance(now)
            self._send(_truth(cluster), _JSON)
        elif path == "/":
            self._send(_index(cluster), _HTML)
        else:
            self._send(b"not found\n", "text/plain", HTTPStatus.NOT_FOUND)

    def _exporter(self, node: str, now: datetime) -> None:
        self._node = node
        try:
            page = self.server.cluster.page(node, now)
        except SourceUnavailableError as error:
            self._send(f"{error}\n".encode(), "text/plain", HTTPStatus.SERVICE_UNAVAILABLE)
            return
        self._send(page, CONTENT_TYPE)

    def _targets(self) -> list[dict[str, object]]:
        """Prometheus' HTTP service discovery: every page is a target of its own instance."""
        here = self.headers.get("Host") or f"127.0.0.1:{self.server.port}"
        pages = [(f"{node}:9400", node) for node in self.server.cluster.node_names] + [("slurm:9341", "slurm")]
        return [
            {"targets": [here], "labels": {"__metrics_path__": f"/{name}/metrics", "instance": instance}}
            for instance, name in pages
        ]

    def _send(self, body: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date header: by the clock of the node that answers."""
        now = self.server.clock.now() if timestamp is None else datetime.fromtimestamp(timestamp, UTC)
        skew = self.server.cluster.clock_skew(self._node) if self._node else now - now
        return format_datetime(now + skew, usegmt=True)

    def handle(self) -> None:
        """Answer requests until the other side goes, which it may do at any time."""
        with suppress(ConnectionError):
            super().handle()

    def log_message(self, format: str, *args: object) -> None:
        """Requests are of interest to nobody."""
        log.debug(format, *args)


def _truth(cluster: DemoCluster) -> bytes:
    records = [dataclasses.asdict(fault) for fault in cluster.faults()]
    return json.dumps(records, default=lambda value: value.isoformat()).encode()


def _index(cluster: DemoCluster) -> bytes:
    paths = [*(f"/{node}/metrics" for node in cluster.node_names), "/slurm/metrics", "/sd", "/faults"]
    links = "".join(f'<li><a href="{html.escape(path)}">{html.escape(path)}</a></li>' for path in paths)
    return f"<!doctype html><title>Demo cluster</title><h1>Demo cluster</h1><ul>{links}</ul>".encode()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `demo`."""
    usual = DemoConfig()
    parser.add_argument("--listen", default="127.0.0.1:9400", help="address and port (default: %(default)s)")
    parser.add_argument("--nodes", type=int, default=usual.nodes, help="nodes (default: %(default)s)")
    parser.add_argument("--gpus", type=int, default=usual.gpus, help="GPUs a node (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=usual.seed, help="the same seed tells the same story")
    parser.add_argument("--speed", type=float, default=usual.speed, help="seconds of job life a second")
    parser.add_argument("--scenario", choices=NAMES, default=NAMES[0], help="which faults come")


def run(args: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM."""
    clock = SystemClock()
    scenario = named(getattr(args, "scenario", NAMES[0]), args.nodes, args.gpus)
    config = DemoConfig(args.nodes, args.gpus, args.seed, args.speed, scenario=scenario)
    cluster = DemoCluster(config, clock.now())
    with _bound(cluster, clock, args.listen) as server:
        log.info("demo cluster at http://%s:%d/", server.server_address[0], server.port)
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        stop.wait()
        server.shutdown()
        thread.join()
    return 0


def _bound(cluster: DemoCluster, clock: Clock, listen: str) -> DemoServer:
    host, _, port = listen.rpartition(":")
    try:
        return DemoServer(cluster, clock, (host or "127.0.0.1", int(port)))
    except (OSError, ValueError, OverflowError) as error:
        hint = "Give another address as --listen host:port."
        raise ConfigError(f"cannot listen on {listen!r}: {error}", hint=hint) from error
