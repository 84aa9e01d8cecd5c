#!/usr/bin/python3
"""A stand-in for `vllm serve`: loads for a moment, then answers like vLLM, one word every 50 ms when it streams.

`/v1/unframed` streams without chunks until it closes the connection.
"""

import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ARGV, KEY = sys.argv, os.environ["VLLM_API_KEY"]
WORDS = 20


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer in one packet, as asyncio sends it: otherwise Nagle's algorithm waits for the client's kernel.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self):
        if self.path.startswith("/v1/") and self.headers.get("Authorization") != f"Bearer {KEY}":
            self.answer(401, {"error": "Unauthorized"})
        elif self.path == "/health":
            self.answer(200, {})
        elif self.path == "/metrics":
            self.answer(200, "vllm:num_requests_running 0\n")
        elif self.path == "/v1/models":
            self.answer(200, {"data": [{"id": ARGV[2]}]})
        elif self.path == "/v1/told":
            told = {"argv": ARGV, "env": dict(os.environ)}
            self.answer(200, told)
        else:
            self.answer(404, {"path": self.path})

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            self.answer(401, {"error": "Unauthorized"})
            return
        chunked = self.path != "/v1/unframed"
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header(*(("Transfer-Encoding", "chunked") if chunked else ("Connection", "close")))
        self.end_headers()
        for number in range(WORDS):
            piece = f"data: {number} {time.time()}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            self.wfile.flush()
            time.sleep(0.05)
        self.wfile.write(b"0\r\n\r\n" if chunked else b"")

    def answer(self, code, content):
        body = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    sys.stdout.write(f"fake vllm; by mistake it prints {KEY}\n")
    sys.stdout.flush()
    time.sleep(0.5)
    ThreadingHTTPServer(("127.0.0.1", int(ARGV[ARGV.index("--port") + 1])), Handler).serve_forever()
