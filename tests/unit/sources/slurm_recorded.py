"""Replays what a real Slurm printed: commands by their names, slurmrestd by its paths."""

from __future__ import annotations

import http.server
import threading
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

from tests.conftest import ROOT
from watchdog.sources.slurm_commands import Output

DATA = ROOT / "tests" / "data" / "slurm"
VERSIONS = ("22.05.8", "24.11.5")
API = {"22.05.8": 38, "24.11.5": 42}


class Commands:
    """Stands in for the commands of one version; keeps what it was asked."""

    def __init__(self, version: str) -> None:
        self.folder = DATA / version
        self.calls: list[list[str]] = []
        self.fail: dict[str, Output] = {}

    def __call__(self, argv, timeout_seconds):
        assert timeout_seconds > 0
        self.calls.append(list(argv))
        name = argv[0] if argv[0] != "scontrol" else f"scontrol-{argv[-1]}"
        if name in self.fail:
            return self.fail[name]
        text = (self.folder / f"{name}.txt").read_bytes().decode("utf-8", "replace")
        return Output(
            0, text.replace("\x1fSECRET\x1f", _mark(argv, "\x1f")).replace("\x1eSECRET\x1e", _mark(argv, "\x1e")), ""
        )


def _mark(argv, kind):
    """The mark that a command line asks for."""
    line = " ".join(argv)
    start = line.find(kind)
    return line[start : line.find(kind, start + 1) + 1] if start >= 0 else "\x1fSECRET\x1f"


class Restd(http.server.BaseHTTPRequestHandler):
    """Answers as the server of one version: `answers` maps paths to (status, body)."""

    answers: dict[str, tuple[int, bytes]]
    asked: list[tuple[str, dict, dict]]
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        parts = urlsplit(self.path)
        self.asked.append((parts.path, parse_qs(parts.query), dict(self.headers)))
        status, body = self.answers.get(parts.path, (404, b"Unable find requested URL."))
        self.send_response(status)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 304:
            self.wfile.write(body)

    def address_string(self):
        return "local"

    def log_message(self, *_):
        pass


def recorded_answers(version: str) -> dict[str, tuple[int, bytes]]:
    """Every path that was recorded, and a description of the server that lists them."""
    api, folder = API[version], DATA / version
    names = ("slurm/{}/jobs", "slurm/{}/nodes", "slurm/{}/partitions", "slurmdb/{}/jobs")
    paths = [name.format(f"v0.0.{api}") for name in names]
    answers = {f"/{path}": (200, (folder / f"{path.replace('/', '-')}.json").read_bytes()) for path in paths}
    older = [path.replace(str(api), str(api - 1)) for path in paths]
    listed = ",".join(f'"\\/{path.replace("/", chr(92) + "/")}":{{}}' for path in [*older, *paths])
    return answers | {"/openapi": (200, f'{{"paths":{{{listed}}}}}'.encode())}


@contextmanager
def serving(answers, make=lambda handler: http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)):
    """A server with these answers: its URL and what it was asked."""
    handler = type("Handler", (Restd,), {"answers": answers, "asked": []})
    server = make(handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        port = server.server_address[1] if isinstance(server.server_address, tuple) else 0
        yield f"http://127.0.0.1:{port}", handler.asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
