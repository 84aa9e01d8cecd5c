"""A later deadline is told to every pod through its gateway before it is written down."""

from __future__ import annotations

import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from infra import acts, tokens
from tests.infra.kit import kit_at
from watchdog.base.errors import InfraError


class Gateways(ThreadingHTTPServer):
    """The gateways of all pods behind one port; `deaf` takes no deadline."""

    daemon_threads = True
    deaf = ""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.heard = []
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        pod = self.path.split("/")[1]
        status = 503 if pod == self.server.deaf else 200
        self.server.heard.append((self.path, self.headers["Authorization"], body))
        answer = f'{{"deadline": {body}}}'.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        """Quiet."""


@pytest.fixture
def gateways():
    server = Gateways()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def kit(tmp_path, gateways):
    proxy = f"http://127.0.0.1:{gateways.server_port}/{{pod}}/{{port}}"
    with kit_at(tmp_path, proxy=proxy) as made:
        yield made


def test_every_pod_hears_of_it_with_the_token_and_then_it_is_recorded(kit, gateways):
    token = tokens.make(kit.office.settings.state / "gpuwd", "")["WATCHDOG_GATEWAY_TOKEN"]
    pods = kit.up(workers=1)
    until = kit.book().clusters["gpuwd"].deadline_at + timedelta(hours=4)
    said = acts.extend("gpuwd", until)(kit.office)

    body, bearer = str(int(until.timestamp())), f"Bearer {token}"
    assert sorted(gateways.heard) == sorted((f"/{pod.id}/8080/deadline", bearer, body) for pod in pods)
    assert kit.book().clusters["gpuwd"].deadline_at == until
    assert "2 pods of gpuwd stay" in said


def test_where_one_pod_does_not_hear_the_record_keeps_the_old_deadline(kit, gateways):
    token = tokens.make(kit.office.settings.state / "gpuwd", "")["WATCHDOG_GATEWAY_TOKEN"]
    gateways.deaf = kit.up(workers=1)[1].id
    before = kit.book().clusters["gpuwd"].deadline_at

    with pytest.raises(InfraError, match="answered 503") as error:
        acts.extend("gpuwd", before + timedelta(hours=4))(kit.office)
    assert token not in str(error.value)
    assert kit.book().clusters["gpuwd"].deadline_at == before
