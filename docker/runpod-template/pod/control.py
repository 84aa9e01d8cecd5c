"""`PUT /deadline` behind the gateway, on loopback: moves the pod's deadline later."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pod.deadline import Deadline

PORT = 9342
_MOST_BYTES = 64


class Control(ThreadingHTTPServer):
    """Serves one deadline on 127.0.0.1. Whoever asks has shown the gateway's token to the gateway."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, deadline: Deadline, port: int = PORT) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.deadline = deadline

    def start(self) -> None:
        """Serve in the background."""
        threading.Thread(target=self.serve_forever, name="control", daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: Control
    timeout = 10
    server_version, sys_version = "pod", ""

    def do_GET(self) -> None:
        """The deadline that holds."""
        self._answer(200 if self.path == "/deadline" else 404, {"deadline": self.server.deadline.at()})

    def do_PUT(self) -> None:
        """A later deadline; the body is seconds since 1970."""
        length = self.headers.get("Content-Length", "")
        if self.path != "/deadline" or not length.isdigit() or int(length) > _MOST_BYTES:
            self._answer(404 if self.path != "/deadline" else 400, {"error": "seconds since 1970, please"})
            return
        try:
            holds = self.server.deadline.extend(float(self.rfile.read(int(length)).decode("ascii")))
        except (ValueError, OSError) as error:
            self._answer(400, {"error": str(error)[:200]})
            return
        self._answer(200, {"deadline": holds})

    def log_message(self, *_: object) -> None:
        """The gateway logs."""

    def _answer(self, code: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
