"""What reaches the app past the gate, and what does not."""

from __future__ import annotations

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from watchdog.base.config import Config
from watchdog.gate import Gate
from watchdog.services.sign_in import SECRET_HEADER, USER_HEADER, VOUCHER, VOUCHER_HEADER, TrustedProxy

SECRET = "s3cret" * 6
GOOD = {"X-Remote-User": "ann", SECRET_HEADER: SECRET}
PATHS = [
    "/",
    "/alerts",
    "/_stcore/health",
    "/_stcore/host-config",
    "/media/x.csv",
    "/static/x.js",
    "/healthz/../alerts",
]
FORGED = [
    {},
    {"X-Remote-User": "ann"},
    {"X-Remote-User": "ann", SECRET_HEADER: "wrong"},
    {USER_HEADER: "ann", VOUCHER_HEADER: VOUCHER},
    {USER_HEADER: "ann", SECRET_HEADER: SECRET},
]


async def _echo(request):
    return JSONResponse(dict(request.headers))


async def _echo_socket(socket):
    await socket.accept()
    await socket.send_json(dict(socket.headers))
    await socket.close()


def client(peer: str = "10.1.0.7", proxy: bool = True) -> TestClient:
    app = Starlette(routes=[WebSocketRoute("/_stcore/stream", _echo_socket), Route("/{path:path}", _echo)])
    trusted = TrustedProxy(Config(proxy_secret=SECRET, proxy_addresses="10.1.0.7")) if proxy else None
    return TestClient(Gate(app, trusted, "https://gpu.example.com"), client=(peer, 1))


@pytest.mark.parametrize("forged", FORGED)
@pytest.mark.parametrize("path", PATHS)
def test_without_the_gateway_every_path_is_refused(path, forged):
    answer = client().get(path, headers=forged)

    assert answer.status_code == 403
    assert "https://gpu.example.com" in answer.text


def test_the_right_secret_from_another_address_is_refused():
    assert client("10.1.0.8").get("/", headers=GOOD).status_code == 403


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_machines_may_ask_whether_the_process_is_well_but_are_nobody(path):
    seen = client().get(path, headers={USER_HEADER: "ann", VOUCHER_HEADER: VOUCHER}).json()

    assert USER_HEADER not in seen
    assert VOUCHER_HEADER not in seen


@pytest.mark.parametrize("forged", FORGED)
def test_a_websocket_without_the_gateway_is_refused_before_it_opens(forged):
    with pytest.raises(WebSocketDisconnect), client().websocket_connect("/_stcore/stream", headers=forged):
        pass


def test_the_app_gets_the_name_with_a_voucher_and_never_the_secret():
    with client().websocket_connect("/_stcore/stream", headers=GOOD) as socket:
        seen = socket.receive_json()

    assert (seen[USER_HEADER], seen[VOUCHER_HEADER]) == ("ann", VOUCHER)
    assert SECRET not in str(seen)
    assert "x-remote-user" not in seen


def test_where_no_gateway_is_set_up_a_claimed_name_is_taken_away():
    answer = client(proxy=False).get("/", headers={USER_HEADER: "ann", VOUCHER_HEADER: VOUCHER, "x-other": "1"}).json()

    assert USER_HEADER not in answer
    assert VOUCHER_HEADER not in answer
    assert answer["x-other"] == "1"


def test_the_lifespan_passes():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["type"])

    asyncio.run(Gate(app, None)({"type": "lifespan"}, None, None))
    assert seen == ["lifespan"]
